/**
 * Cluster mode: the recorded primary runs and does not own exactly its shard's slots. Either it came back with a new id,
 * since its nodes.conf was lost, and the others wait for the old one; or somebody who is in no record has claimed some
 * of them. Who gets the slots. Pure.
 */

import type { EngineFacts, Member, ShardView } from '../view.ts';
import { endpointOf, isCandidate, isDown, mostCaughtUp, newestOlderCopy } from '../view.ts';
import {
  doesNotAnswer,
  doing,
  isAnswering,
  leads,
  name,
  type ShardDecision,
  serves,
  waiting,
} from './decision.ts';
import { decideFollowers } from './followers.ts';

type Answering = Member & { readonly engine: EngineFacts };

export function decideLostSlots(view: ShardView, current: Answering): ShardDecision {
  const { slots, isLoading } = current.engine;
  if (slots === 'surplus-in-use')
    return decideFollowers(view, current, `${name(current)} owns slots of other shards, with keys in them`);
  if (slots === 'surplus')
    return doing(`${name(current)} gives up the slots that are not its shard's`, {
      kind: 'claim-slots',
      node: current.node.incarnation,
    });
  const leader = view.members.find(
    (member) => member !== current && leads(member) && isProven(member, current),
  );
  if (leader)
    return doing(`${name(leader)} leads since ${name(current)} lost its slots`, {
      kind: 'set-target-primary',
      node: leader.node.incarnation,
      reason: 'found',
    });
  if (isLoading) return waiting(`${name(current)} is loading its data`);
  return slots === 'taken' ? decideTakenSlots(view, current) : decideBlankPrimary(view, current);
}

/**
 * A node that comes back calls itself the primary of all slots that its file names, until it hears of what has happened since,
 * and may be empty. It leads when it was confirmed to hold the data or has more keys than the recorded primary, and when that
 * one has nothing left to serve and to lose.
 */
export const isProven = (leader: Member, current: Answering): boolean =>
  isCandidate(leader) ||
  keysOf(leader) > keysOf(current) ||
  (!serves(current) && (leader.engine?.holdsData !== false || current.engine.holdsData !== true));

const keysOf = ({ engine }: Member): number => engine?.keys ?? 0;

/**
 * Somebody has claimed slots of a primary that went on running. Its engine has deleted the keys in them, and tells
 * Valkey's older and Redis' replicas nothing of that: a copy that follows the same stream and has more keys is the better one.
 */
function decideTakenSlots(view: ShardView, current: Answering): ShardDecision {
  const ours = view.strangers?.find(({ isOurs }) => isOurs);
  if (ours)
    return decideFollowers(
      view,
      current,
      `${name(current)} lacks slots of its shard, which ${ours.where}, a node of this data directory that no record names, may own`,
    );
  const richer = view.members.find(
    (member) =>
      isCandidate(member) &&
      member.engine?.follows === endpointOf(current.node) &&
      member.engine.isLinkUp &&
      keysOf(member) > keysOf(current),
  );
  // Its own files say what its memory says: killed, it would come back first, and with no more.
  if (richer && view.durability !== 'sync')
    return doing(
      `somebody else claimed slots of ${name(current)}, which has dropped keys that ${name(richer)} still holds: it is killed, then ${name(richer)} leads`,
      {
        kind: 'fence',
        node: current.node.incarnation,
        reason:
          'it had lost slots to a server that no record names, and dropped keys that a replica still held',
      },
    );
  return doing(`${name(current)} takes back slots of its shard, which somebody else has claimed`, {
    kind: 'claim-slots',
    node: current.node.incarnation,
  });
}

function decideBlankPrimary(view: ShardView, current: Answering): ShardDecision {
  const others = view.members.filter((member) => member !== current);
  // A primary with data of its own was started for their sake: no other member's data were to come first.
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
