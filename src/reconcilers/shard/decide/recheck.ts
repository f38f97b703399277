/**
 * The last look before a process is killed, ended, or started to lead with its own files. Between a decision and
 * its deed another member can have died, hung or lost its lead: the facts are read once more and have to call for the
 * same act, and whoever they count on has to run still at the moment of the signal. Pure, and used by the simulation as
 * it is.
 */
import { isDeepStrictEqual } from 'node:util';
import { isCandidate, isFedBy, type Member, type ShardView } from '../view.ts';
import { decide } from './decide.ts';
import type { ShardAct } from './decision.ts';

/** Acts that nothing undoes: what a process alone held is lost with it, and who leads empty wipes the others. */
export type FinalAct = Extract<ShardAct, { readonly kind: 'end' | 'fence' | 'start' }>;

/** Null when fresh facts call for the same act; else what they call for, for people. */
export function whyNotDue(fresh: ShardView, act: FinalAct): string | null {
  const { acts, sentence } = decide(fresh);
  return acts.some((one) => isDeepStrictEqual(one, act)) ? null : sentence;
}

/** True for an act that counts on the node's own files holding its data: they are looked at once more, last of all. */
export function countsOnItsFiles({ shard, members, durability }: ShardView, act: FinalAct): boolean {
  const member = members.find(({ node }) => node.incarnation === act.node);
  if (act.kind === 'start') return act.follow === null && member?.data === 'present';
  const isPrimary = act.node === shard.currentPrimary;
  return act.kind === 'fence' && isPrimary && durability === 'sync' && member?.keepsData === true;
}

/**
 * The members that have the data when that process goes: all that answer and lead, or were confirmed. The leader counts
 * unconfirmed too, since it is for its sake that a follower may go. Empty: nobody is counted on.
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
export function heirsOf({ shard, durability, members }: ShardView, incarnation: string): readonly Member[] {
  const primary = members.find(({ node }) => node.incarnation === incarnation);
  const isInMemoryOnly = durability === 'disabled' || primary?.keepsData === false;
  if (!isInMemoryOnly || primary?.engine?.role !== 'primary') return [];
  // A primary that has handed over refuses writes until it follows: should this fail, it must not take them again.
  if (incarnation !== shard.currentPrimary || incarnation !== shard.targetPrimary) return [];
  return members.filter((member) => isCandidate(member) && isFedBy(member, primary.node));
}
