/** The recorded primary has no process: who leads now, or who may start. Pure. */

import type { Member, ShardView } from '../view.ts';
import {
  electedAfter,
  endpointOf,
  hasFollowed,
  hasLostFiles,
  holdsOlderCopy,
  isDown,
  ledAfter,
  mostCaughtUp,
  newestOlderCopy,
} from '../view.ts';
import {
  doesNotAnswer,
  doing,
  isAnswering,
  leads,
  name,
  type ShardAct,
  type ShardDecision,
  serves,
  startAll,
  startAlone,
  startedAgain,
  waiting,
  waitingFor,
} from './decision.ts';
import { decideElected } from './deposed-primary.ts';

/** The recorded primary has no process. */
export function decideDeadPrimary(view: ShardView, current: Member): ShardDecision {
  const others = view.members.filter((member) => member !== current);
  // Offsets compare only within one history: a replica that does not follow this primary yet counts when no other does.
  const own = others.filter(
    (member) => serves(member) || member.engine?.follows === endpointOf(current.node),
  );
  const best = mostCaughtUp(own) ?? mostCaughtUp(others);
  const elected = electedAfter(view);
  if (elected) return decideElected(elected);
  const later = others.find((member) => ledAfter(member, current));
  const decideLater = (one: Member) =>
    doing(`${name(current)} is dead, and by its nodes.conf ${name(one)} led after it: it is chosen to lead`, {
      kind: 'set-target-primary',
      node: one.node.incarnation,
      reason: 'found',
    });
  if (later && view.durability === 'sync') return decideLater(later);
  // One that was started to take its data anew, and died before it had them, has files of an empty process.
  const isFilledAnew = !current.node.synced && others.some((member) => member.node.synced && !isDown(member));
  const hasOwnFiles = current.data === 'present' && !isFilledAnew;
  // The primary's own file holds every write that was acknowledged, which is proven of no replica.
  if (view.durability === 'sync' && hasOwnFiles)
    return startAlone(current, 'its own files hold every acknowledged write');
  // Nobody was told to follow it before it died, or Limber did: what it took since it leads is in its own files alone.
  const last = later ?? current;
  const keepsFiles = last === current ? hasOwnFiles : last.data === 'present';
  if (best && !hasFollowed(best, last.node) && keepsFiles && !last.isBackingOff)
    return later
      ? decideLater(later)
      : startAlone(current, `${name(best)} has not followed it, and its own files hold what it took`);
  if (best && (view.automaticFailover || view.clusterMode === 'enabled'))
    return doing(`${name(current)} is dead: ${name(best)} is chosen to lead`, {
      kind: 'set-target-primary',
      node: best.node.incarnation,
      reason: 'failover',
    });
  if (best) return decideReturnOfPrimary(view, current, best);
  const maybe = others.find((member) => member.node.synced && !isDown(member) && member.verdict !== 'hung');
  if (maybe)
    return waitingFor(
      maybe,
      `${name(current)} is dead and ${name(maybe)} holds its data but ${doesNotAnswer(maybe)}; nobody is promoted`,
    );
  // A suspended process still holds its data: an empty primary would wipe them as soon as that process goes on.
  const hanging = others.find((member) => member.node.synced && member.verdict === 'hung');
  if (hanging && current.data !== 'present')
    return waiting(
      `${name(current)} is dead and ${name(hanging)}, which holds its data, hangs; nobody is promoted`,
    );
  if (later) return decideLater(later);
  const keeper = others.find((member) => member.data === 'present' && member.node.synced);
  if (hasLostFiles(current) && keeper && isDown(keeper))
    return doing(
      `the files of ${name(current)} are ${current.data === 'missing' ? 'gone' : 'damaged'}: ${name(keeper)}, which has its own, is chosen to lead`,
      {
        kind: 'set-target-primary',
        node: keeper.node.incarnation,
        reason: 'found',
      },
    );
  if (current.data !== 'present') {
    const older = decideOlderCopy(view, current, others) ?? decideOlderFiles(current, others);
    if (older) return older;
  }
  // No living copy: the last recorded primary comes back first, with what its own persistence kept. All nodes of a
  // new shard start at once: nobody has data to lose, and the replicas follow as soon as they answer.
  const isNew = view.members.every((member) => member.node.handle === null);
  if (isNew) return startAll(view);
  return startAlone(current, 'no living copy holds its data');
}

/**
 * The primary is dead and kept nothing, and nobody is known to hold all of its data: an empty primary would wipe what
 * the others hold. Null when they hold nothing.
 */
function decideOlderCopy(view: ShardView, current: Member, others: readonly Member[]): ShardDecision | null {
  const living = others.filter((member) => !isDown(member) && member.verdict !== 'hung');
  const unsure = living.find(
    (member) => !isAnswering(member) || member.engine.isSyncing || member.engine.isLoading,
  );
  if (unsure)
    return waitingFor(
      unsure,
      `${name(current)} is dead, and what ${name(unsure)} holds is not known yet; nobody is promoted`,
    );
  const copies = living.filter(holdsOlderCopy);
  // A copy that leads was chosen already, by a Limber that died before it could record that.
  const copy = copies.find(leads) ?? newestOlderCopy(copies);
  if (!copy) return null;
  if (!view.automaticFailover && view.clusterMode === 'disabled')
    return decideReturnOfPrimary(view, current, copy);
  return doing(
    `${name(current)} is dead and kept nothing: ${name(copy)} is chosen to lead with what it holds`,
    {
      kind: 'set-target-primary',
      node: copy.node.incarnation,
      reason: 'failover',
    },
  );
}

/** Files that nobody has confirmed to hold everything are better than none, and would be replaced by what an empty primary has. */
function decideOlderFiles(current: Member, others: readonly Member[]): ShardDecision | null {
  const keeper = others.find((member) => isDown(member) && member.data === 'present');
  if (!hasLostFiles(current) || !keeper) return null;
  return doing(
    `${name(current)} lost its files and nobody else is known to hold all of its data: ${name(keeper)}, which has files, is chosen to lead`,
    { kind: 'set-target-primary', node: keeper.node.incarnation, reason: 'found' },
  );
}

/** Automatic failover is disabled: the same node leads again, after it took the data from the living copy. */
function decideReturnOfPrimary(view: ShardView, current: Member, best: Member): ShardDecision {
  const feeder = view.members.find(
    (member) => member !== current && best.engine?.follows === endpointOf(member.node),
  );
  // This copy was chosen to lead for a while before, and holds at least as much.
  if (feeder?.node.synced && feeder.verdict === 'unresponsive')
    return waitingFor(
      feeder,
      `${name(feeder)} holds the data for ${name(current)} and ${doesNotAnswer(feeder)}`,
    );
  if (best.engine?.role === 'replica' || !best.node.synced)
    return doing(`${name(best)} holds the data for ${name(current)} and takes no writes`, {
      kind: 'promote-read-only',
      node: best.node.incarnation,
    });
  // Otherwise the replicas would take their data anew from the empty process that comes back at the address which they follow.
  const strays = view.members.filter(
    (member) =>
      member !== current &&
      member !== best &&
      isAnswering(member) &&
      !member.engine.isLoading &&
      member.engine.follows !== endpointOf(best.node),
  );
  if (strays.length > 0)
    return doing(
      `${strays.map(name).join(', ')} follow ${name(best)} until ${name(current)} leads again`,
      ...strays.map(
        ({ node }): ShardAct => ({
          kind: 'follow',
          node: node.incarnation,
          primary: best.node.incarnation,
        }),
      ),
    );
  if (current.isBackingOff) return waiting(startedAgain(current));
  return doing(
    `${name(current)} is started as a replica of ${name(best)}, whose data it needs before it leads again`,
    {
      kind: 'start',
      node: current.node.incarnation,
      follow: best.node.incarnation,
    },
  );
}
