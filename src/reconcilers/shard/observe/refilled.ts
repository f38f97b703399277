/**
 * Notices that a replica was filled anew between two looks: while its shard's worker waited for something else, or by a
 * primary that came back at the same address. Its link says `up` again up to a second before the stream goes on, so that
 * it must not lead before it has been confirmed anew. The ids show it: a replica that goes on with a part of the
 * history names the history before (`master_replid2`), one that was filled anew names none. They do not show a full
 * synchronisation within the same history.
 */
import { type CacheNode, isSameProcess, type NodeHandle } from '../../../model/node.ts';
import type { EngineFacts } from '../view.ts';

/** By node incarnation: the process that was seen last with all of the data, and the history that it had. */
export type SeenHistories = Map<string, { readonly handle: NodeHandle; readonly replicationId: string }>;

/** True for a process that was confirmed and was filled anew since. Remembers what was seen, until then. */
export function wasRefilled(
  seen: SeenHistories,
  { incarnation, handle, synced }: Pick<CacheNode, 'incarnation' | 'handle' | 'synced'>,
  engine: Pick<EngineFacts, 'role' | 'replicationId' | 'replicationId2'>,
): boolean {
  const before = seen.get(incarnation);
  const isSame = before !== undefined && isSameProcess(before.handle, handle);
  const goesOn =
    before?.replicationId === engine.replicationId || before?.replicationId === engine.replicationId2;
  if (synced && isSame && engine.role === 'replica' && !goesOn) return true;
  if (handle) seen.set(incarnation, { handle, replicationId: engine.replicationId });
  return false;
}
