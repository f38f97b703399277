/** Engines end when they cannot write the nodes.conf of a cluster, and who comes to lead writes it at once. */
import { endsWithoutNodesFile } from '../../../engines/valkey/config-file.ts';
import { durabilityOf, engineOf } from '../../../fleet/launch.ts';
import type { CacheNode } from '../../../model/node.ts';
import type { Cache } from '../../../model/resource.ts';
import type { ShardContext } from '../context.ts';

/** What a new nodes.conf may take, of a cluster of any size. */
const roomBytes = 256 * 1024;

/**
 * Before a node is made to lead. It may be the last copy of its shard: without room it would end as soon as it leads. Throws
 * the reason then, and the promotion is tried again as any act that fails.
 */
export async function requireRoomForNodesFile(
  { fleet }: ShardContext,
  cache: Cache,
  node: CacheNode,
): Promise<void> {
  const { files, directoryOf } = fleet.runtime;
  const free = await files.freeBytes(directoryOf(node.incarnation)).catch(() => Number.POSITIVE_INFINITY);
  if (free >= roomBytes) return;
  const fingerprint = await fleet.fingerprintOf(await engineOf(fleet, node));
  if (!endsWithoutNodesFile({ fingerprint, durability: durabilityOf(cache) })) return;
  throw new Error(
    `the disk has no room for the nodes.conf of ${node.cacheClusterId}, without which its engine ends: make room`,
  );
}
