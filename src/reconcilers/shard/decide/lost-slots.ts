/**
 * Cluster mode: the recorded primary runs and owns none of its slots, since its nodes.conf was lost: it came back with
 * a new id, and the others wait for the old one. Who gets the slots. Pure.
 */

import type { EngineFacts, Member, ShardView } from '../view.ts';
import { isDown, mostCaughtUp, newestOlderCopy } from '../view.ts';
import { doesNotAnswer, doing, isAnswering, leads, name, type ShardDecision, waiting } from './decision.ts';

export function decideLostSlots(view: ShardView, current: Member & { engine: EngineFacts }): ShardDecision {
  const others = view.members.filter((member) => member !== current);
  const leader = others.find(leads);
  if (leader)
    return doing(`${name(leader)} leads since ${name(current)} lost its slots`, {
      kind: 'set-target-primary',
      node: leader.node.incarnation,
      reason: 'found',
    });
  if (current.engine.isLoading) return waiting(`${name(current)} is loading its data`);
  // With data of its own it was started for their sake: nobody else's were to come first.
  const copy = current.engine.holdsData === true ? null : findCopy(others);
  if (typeof copy === 'string')
    return waiting(`${name(current)} has lost its slots, and ${copy}; nobody is given them`);
  if (copy)
    return doing(`${name(current)} has lost its slots and is empty: ${name(copy)} is chosen to lead`, {
      kind: 'set-target-primary',
      node: copy.node.incarnation,
      reason: 'failover',
    });
  return doing(`${name(current)} has lost its slots and is given them again`, {
    kind: 'claim-slots',
    node: current.node.incarnation,
  });
}

/** A living member that holds data; a sentence while that is not known of one; null when there is none. */
function findCopy(others: readonly Member[]): Member | string | null {
  const silent = others.find((member) => member.node.synced && !isDown(member) && !isAnswering(member));
  if (silent) return `${name(silent)}, which holds its data, ${doesNotAnswer(silent)}`;
  const best = mostCaughtUp(others.filter((member) => member.engine?.holdsData !== false));
  if (best) return best;
  const unsure = others.find((member) => member.engine?.isSyncing || member.engine?.isLoading);
  if (unsure) return `what ${name(unsure)} holds is not known yet`;
  return newestOlderCopy(others);
}
