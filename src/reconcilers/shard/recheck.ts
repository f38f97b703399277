/**
 * The last look before a process is killed or told to end. Between a decision and its deed another member can have died,
 * hung or lost its lead: the facts are read once more and have to call for the same act, and whoever they count on has to
 * run still at the moment of the signal. Pure, and used by the simulation as it is.
 */
import { decideShard } from './decide.ts';
import { decideMemcached } from './decide-memcached.ts';
import type { ShardAct } from './decision.ts';
import { endpointOf, isCandidate, type Member, type ShardView } from './view.ts';

/** Acts that nothing undoes: what that process alone holds is lost with it. */
export type EndingAct = Extract<ShardAct, { readonly kind: 'end' | 'fence' }>;

/** Null when fresh facts call for the same act; else what they call for, for people. */
export function whyNotDue(fresh: ShardView, act: EndingAct): string | null {
  const isMemcached = fresh.shard.nodeGroupId === '';
  const { acts, sentence } = isMemcached ? decideMemcached(fresh.members) : decideShard(fresh);
  return acts.some((one) => one.kind === act.kind && one.node === act.node) ? null : sentence;
}

/**
 * Who has the data when that process goes: all that answer and lead or were confirmed. The leader counts unconfirmed
 * too, since it is for its sake that a follower may go. Empty: nobody is counted on.
 */
export function copiesBeside({ shard, members }: ShardView, incarnation: string): readonly Member[] {
  return members.filter(
    ({ node, verdict }) =>
      node.incarnation !== incarnation &&
      verdict === 'answering' &&
      (node.synced || node.incarnation === shard.currentPrimary),
  );
}

/** Replicas that are to hold every write of a primary before it ends, where its memory is all that it has. */
export function heirsOf({ durability, members }: ShardView, incarnation: string): readonly Member[] {
  const primary = members.find(({ node }) => node.incarnation === incarnation);
  if (durability !== 'disabled' || primary?.engine?.role !== 'primary') return [];
  const address = endpointOf(primary.node);
  return members.filter(
    (member) => isCandidate(member) && member.engine?.follows === address && member.engine.isLinkUp,
  );
}
