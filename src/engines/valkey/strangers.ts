/**
 * Who is on a cluster's bus without belonging to it. The bus knows no password: any server of the machine can introduce
 * itself (CLUSTER MEET), claim slots with a higher epoch, and a primary that hears of that deletes the keys in them. An
 * introduction takes two turns of the engines' clock (0.1-0.2 s), and nothing that a stranger says counts before: whoever
 * is forgotten in that time has done nothing (measured: all four engines, also when it comes back 20 times a second).
 */
import type { SlotRange } from '../../model/slots.ts';
import type { EngineConnection } from './client.ts';
import { keyOf } from './cluster-plan.ts';
import type { ClusterMember } from './cluster-view.ts';
import { EngineReplyError } from './engine-errors.ts';

/** Those at an address that is none of `known` (`keyOf` all nodes of the cluster). */
export const strangersAmong = (
  members: readonly ClusterMember[],
  known: ReadonlySet<string>,
): ClusterMember[] =>
  members.filter((one) => !one.isMyself && one.health !== 'no-address' && !known.has(keyOf(one)));

/**
 * Somebody who was removed, or whose id is no more, remembered by one that was away meanwhile: nobody talks to it and
 * nothing is its own.
 */
export const isLeftover = ({ health, isConnected, slots }: ClusterMember): boolean =>
  slots.length === 0 && !isConnected && health !== 'joining';

/**
 * Makes the node forget them; gossip cannot bring them back for 60 s. Gives those that it keeps: it follows one of them,
 * or did so a moment ago. Somebody it does not know any more is no error.
 */
export async function forgetAll(
  connection: EngineConnection,
  members: readonly ClusterMember[],
): Promise<ClusterMember[]> {
  const replies = await connection.pipeline(members.map(({ id }) => ['CLUSTER', 'FORGET', id]));
  return members.filter((_, index) => {
    const reply = replies[index];
    return reply instanceof EngineReplyError && !/unknown node/i.test(reply.message);
  });
}

/** All that they own, in order. */
export const slotsOf = (members: readonly ClusterMember[]): readonly SlotRange[] =>
  members.flatMap(({ slots }) => slots).toSorted((a, b) => a.start - b.start);
