/** The recorded primary runs as a replica: who leads instead of it, or whether it leads again. Pure. */
import type { EngineFacts, Member, ShardView } from '../view.ts';
import {
  comesBackToLead,
  endpointOf,
  holdsOlderCopy,
  isCandidate,
  isDown,
  mostCaughtUp,
  newestOlderCopy,
} from '../view.ts';
import {
  doing,
  isAnswering,
  leads,
  name,
  type ShardDecision,
  serves,
  startAlone,
  waiting,
  waitingFor,
} from './decision.ts';

/** The recorded primary runs as a replica. */
export function decideDeposedPrimary(
  view: ShardView,
  current: Member & { engine: EngineFacts },
): ShardDecision {
  const from = view.members.find(
    (member) => member !== current && endpointOf(member.node) === current.engine.follows,
  );
  if (comesBackToLead(current))
    return current.engine.isLoading
      ? waiting(`${name(current)} is loading its data`)
      : doing(`${name(current)} leads again with its own data`, {
          kind: 'promote',
          node: current.node.incarnation,
        });
  const stranger = view.strangers?.find(({ where }) => where === current.engine.follows);
  if (stranger && !current.engine.isLinkUp && !current.engine.isSyncing)
    return doing(
      `${name(current)} was made to follow ${stranger.where}, which no record names: it leads again with its own data`,
      { kind: 'promote', node: current.node.incarnation },
    );
  const chosen = view.clusterMode === 'enabled' && from ? decideEnginesChoice(view, current, from) : null;
  if (chosen) return chosen;
  // One that has been restarted since has nothing to give.
  if (from?.node.synced && !isDown(from) && !isCandidate(from))
    return waitingFor(from, `${name(from)} has the data for ${name(current)} and does not answer`);
  const best = from && isCandidate(from) ? from : mostCaughtUp(view.members);
  if (best && best !== current && (best === from || !view.automaticFailover))
    return doing(`${name(current)} takes the data from ${name(best)} and leads again`, {
      kind: 'fail-back',
      from: best.node.incarnation,
      to: current.node.incarnation,
    });
  if (best && best !== current)
    return doing(`${name(best)} holds the data and is chosen to lead`, {
      kind: 'set-target-primary',
      node: best.node.incarnation,
      reason: 'failover',
    });
  const maybe = view.members.find((member) => member !== current && member.node.synced && !isDown(member));
  if (!best && maybe)
    return waitingFor(maybe, `${name(maybe)} holds the data and does not answer; nobody is promoted`);
  if (current.engine.isLoading) return waiting(`${name(current)} is loading the data`);
  const copy = olderCopyBeside(view, current);
  if (copy)
    return doing(
      `${name(copy)} holds an older copy, and ${name(current)} none: it is the copy now`,
      view.automaticFailover || view.clusterMode === 'enabled'
        ? { kind: 'set-target-primary', node: copy.node.incarnation, reason: 'failover' }
        : { kind: 'promote-read-only', node: copy.node.incarnation },
    );
  return doing(`${name(current)} follows nobody alive: it leads with what it has`, {
    kind: 'promote',
    node: current.node.incarnation,
  });
}

/**
 * Cluster mode. The engines' own failover acted while Limber was away, or a Limber died between a takeover and its
 * record: what the engines say stands. A member that is about to join calls itself a primary too: only the one that the
 * deposed primary follows counts. Null when that one is dead, or has lost its slots, and nothing is lost by going on without it.
 */
function decideEnginesChoice(view: ShardView, current: Member, from: Member): ShardDecision | null {
  if (serves(from)) return decideElected(from);
  const hasCopy = mostCaughtUp(view.members.filter((member) => member !== from)) !== null;
  if (from.verdict === 'hung' && hasCopy)
    return doing(`${name(from)} leads since the engine's own failover and hangs: it is killed`, {
      kind: 'fence',
      node: from.node.incarnation,
    });
  // It came back as a node that is new to the cluster: nobody has the slots, and nobody will by himself.
  if (isAnswering(from) && from.engine.role === 'primary' && from.engine.slots === 'lost') return null;
  if (!isDown(from)) return waiting(`${name(current)} follows ${name(from)}, which does not lead yet`);
  // It led last: what it took since is in its own files alone.
  const isNeeded = from.data === 'present' && (view.durability === 'sync' || !hasCopy);
  return isNeeded ? startAlone(from, 'it led last, by the word of the engines') : null;
}

export const decideElected = (elected: Member): ShardDecision =>
  doing(`${name(elected)} leads since the engine's own failover`, {
    kind: 'set-target-primary',
    node: elected.node.incarnation,
    reason: 'found',
  });

/**
 * Cluster mode: the recorded primary does not answer, and that for longer than the engines' node timeout, so that they
 * have failed over by themselves to this member, which has the slots. Null when there is none.
 */
export const findElected = (view: ShardView, current: Member): Member | null =>
  view.clusterMode === 'enabled'
    ? (view.members.find((one) => one !== current && leads(one) && one.engine?.slots === 'held') ?? null)
    : null;

/** Better than an empty primary: one that was made to lead already, else, when `current` holds nothing, any. */
function olderCopyBeside(view: ShardView, current: Member & { engine: EngineFacts }): Member | null {
  const copies = view.members.filter((member) => member !== current && holdsOlderCopy(member));
  const chosen = copies.find(leads);
  if (chosen || current.engine.holdsData) return chosen ?? null;
  return newestOlderCopy(copies);
}
