/** A promotion that was recorded and is not confirmed yet: planned or not, begun by us or by a Limber before us. Pure. */

import type { Member, ShardView } from '../view.ts';
import {
  comesBackToLead,
  electedAfter,
  endpointOf,
  hasLostFiles,
  holdsOlderCopy,
  isAhead,
  isCandidate,
  isDown,
  ledAfter,
  mostCaughtUp,
} from '../view.ts';
import {
  doesNotAnswer,
  doing,
  isAnswering,
  leads,
  name,
  patienceMs,
  type ShardDecision,
  serves,
  startAlone,
  waiting,
  waitingFor,
} from './decision.ts';
import { decideElected } from './deposed-primary.ts';

/** Each attempt costs the writers up to a second. */
export const switchoversMax = 3;

/** A promotion was recorded and is not confirmed: finish it, or give it up where it cannot be done any more. */
export function decideUnfinishedPromotion(
  view: ShardView,
  current: Member | null,
  target: Member,
): ShardDecision {
  const to = target.node.incarnation;
  // Cluster mode: with all of the shard's slots it leads, whatever the recorded primary still has of them.
  const leadsAlone = leads(target) && current !== null && !leads(current);
  if (isAnswering(target) && target.engine.role === 'primary' && (!current || !serves(current) || leadsAlone))
    return doing(`${name(target)} leads now`, { kind: 'confirm-primary', node: to });
  if (target.verdict === 'unresponsive') return decideSilentTarget(view, current, target);
  if (target.verdict === 'hung') return decideHungTarget(view, current, target);
  if (current?.verdict === 'hung' && isCandidate(target))
    return doing(`${name(current)} hangs: it is killed before ${name(target)} leads`, {
      kind: 'fence',
      node: current.node.incarnation,
    });
  const elected = isDown(target) && (!current || isDown(current)) ? electedAfter(view) : null;
  if (elected && elected !== target) return decideElected(elected);
  if (ledAfter(target, current)) return startAlone(target, 'by its nodes.conf it has led already');
  if (current && isDown(current) && view.durability === 'sync' && current.data === 'present')
    return doing(
      `${name(current)} died before ${name(target)} led; its files hold every acknowledged write`,
      {
        kind: 'set-target-primary',
        node: current.node.incarnation,
        reason: 'found',
      },
    );
  // It has led, since the old primary follows it; what it took is in its own files first.
  if (view.durability === 'sync' && target.data === 'present' && current && follows(current, target))
    return startAlone(target, 'it has led already, and its own files hold every acknowledged write');
  if (target.data === 'present' && current && hasLostFiles(current))
    return startAlone(target, `it has its files, and ${name(current)} lost its own`);
  const disturbed = [current, target].filter((one) => one?.isCut === true && isAnswering(one)) as Member[];
  if (disturbed.length > 0 && isCandidate(target))
    return doing(
      `clients end the connections to ${disturbed.map(name).join(' and ')}: they are kept from that before ${name(target)} leads`,
      ...disturbed.map(({ node }) => ({ kind: 'calm-clients', node: node.incarnation }) as const),
    );
  const isLed = current !== null && !isDown(current) && !(isAnswering(current) && !serves(current));
  if (isLed) {
    // It takes writes already, and the other refuses them: there is no way back.
    const hasTakenOver = isAnswering(target) && target.engine.role === 'primary';
    const isGivenUp = view.switchoverFailures >= switchoversMax && !hasTakenOver;
    if (isCandidate(target) && !isGivenUp && view.isSwitchoverResting && !hasTakenOver)
      return waiting(`${name(current)} hands over to ${name(target)} in a moment: it could not before`);
    if (isCandidate(target) && !isGivenUp)
      return doing(`${name(current)} hands over to ${name(target)}`, {
        kind: 'switchover',
        from: current.node.incarnation,
        to,
      });
    return doing(`${name(target)} cannot take over any more: ${name(current)} goes on leading`, {
      kind: 'set-target-primary',
      node: current.node.incarnation,
      reason: 'found',
    });
  }
  if (comesBackToLead(target) && target.engine?.isLoading)
    return waiting(`${name(target)} is loading its data`);
  if (comesBackToLead(target))
    return doing(`${name(target)} leads again with its own data`, { kind: 'promote', node: to });
  // Who was chosen has not led yet, and somebody else holds more: chosen for another reason, or not seen at that time.
  const ahead = view.members.find(
    (member) => member !== target && isCandidate(member) && isCandidate(target) && isAhead(member, target),
  );
  if (ahead)
    return doing(`${name(ahead)} holds more than ${name(target)} and is chosen instead`, {
      kind: 'set-target-primary',
      node: ahead.node.incarnation,
      reason: 'failover',
    });
  const isLastResort = current !== null && current.data !== 'present' && holdsOlderCopy(target);
  if (isCandidate(target) || (isLastResort && !mostCaughtUp(view.members)))
    return doing(`${name(target)} is promoted`, { kind: 'promote', node: to });
  const other = mostCaughtUp(view.members);
  if (other)
    return doing(`${name(target)} failed before it led: ${name(other)} is chosen instead`, {
      kind: 'set-target-primary',
      node: other.node.incarnation,
      reason: 'failover',
    });
  if (current)
    return doing(`${name(target)} failed before it led: back to ${name(current)}`, {
      kind: 'set-target-primary',
      node: current.node.incarnation,
      reason: 'found',
    });
  return startAlone(target, 'the chosen primary comes back first');
}

const follows = ({ engine }: Member, { node }: Member): boolean => engine?.follows === endpointOf(node);

/**
 * The chosen primary does not answer. It may have been promoted, but no endpoint leads to it before it is recorded as primary, so
 * that without cluster mode somebody else can lead; it is told to follow when it answers. In cluster mode it may take the slots
 * whenever it goes on, and is killed before; while nobody follows it, it has not done so yet.
 */
function decideSilentTarget(view: ShardView, current: Member | null, target: Member): ShardDecision {
  const hasWaited = (target.silentMs ?? 0) >= patienceMs;
  const others = view.members.filter((member) => member !== target);
  if (hasWaited && current && view.clusterMode === 'disabled')
    return doing(
      `${name(target)} was chosen to lead and ${doesNotAnswer(target)}: back to ${name(current)}`,
      {
        kind: 'set-target-primary',
        node: current.node.incarnation,
        reason: 'found',
      },
    );
  const isSpared = others.some(
    (member) => (member === current && leads(member)) || (isCandidate(member) && !follows(member, target)),
  );
  if (hasWaited && isSpared && !others.some((member) => follows(member, target)))
    return doing(`${name(target)} was chosen to lead and ${doesNotAnswer(target)}: it is killed`, {
      kind: 'fence',
      node: target.node.incarnation,
      reason: 'it was chosen to lead and did not answer',
    });
  const sentence = `${name(target)} was chosen to lead and does not answer yet`;
  return current && serves(current) ? waiting(sentence) : waitingFor(target, sentence);
}

/** The chosen primary hangs, with the endpoint or without. A living copy can do without it. */
function decideHungTarget(view: ShardView, current: Member | null, target: Member): ShardDecision {
  if (!(current && serves(current)) && !mostCaughtUp(view.members))
    return waiting(`${name(target)} was chosen to lead and hangs; its data are nowhere else`);
  return doing(`${name(target)} was chosen to lead and hangs: it is killed before another leads`, {
    kind: 'fence',
    node: target.node.incarnation,
  });
}
