/** The old primary of a switchover becomes a replica of the one that leads now. */
import { readInfo } from '../../../engines/valkey/info.ts';
import { replicateFrom } from '../../../engines/valkey/replication.ts';
import type { CacheNode } from '../../../model/node.ts';
import type { ShardContext } from '../context.ts';
import { sharesHistory } from '../decide/shares-history.ts';
import { factsOf } from '../observe/observe-shard.ts';
import { invalidateSync } from '../record.ts';

/**
 * The old primary refuses writes, and its own PING to its replicas counts in its offset all the same: a PING after the
 * other's promotion puts it ahead of the new primary, so that it is filled anew. The old primary is no known copy then,
 * and that is recorded before.
 */
export async function demote({ fleet }: ShardContext, from: CacheNode, to: CacheNode): Promise<void> {
  const [old, next] = await Promise.all([fleet.connections.of(from), fleet.connections.of(to)]);
  const [own, leader] = await Promise.all([readInfo(old), readInfo(next)]);
  if (!sharesHistory(factsOf(own), factsOf(leader))) await invalidateSync(fleet.store, from.incarnation);
  await replicateFrom(old, to);
}
