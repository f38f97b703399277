/** Next versions of rows, as operations write them. */
import type { CacheNode, NodeGroup } from '../model/node.ts';
import type { Cache, CacheCluster, CacheObserved, ReplicationGroup } from '../model/resource.ts';
import type { Change } from '../store/contract.ts';

/** The next version of a cache's row with another status, and facts over those observed before. */
export function withStatus<C extends Cache | CacheCluster | ReplicationGroup>(
  row: C,
  status: string,
  now: number,
  observed: Partial<CacheObserved> = {},
): C {
  return {
    ...row,
    version: row.version + 1,
    updatedAt: now,
    status,
    observed: { ...row.observed, ...observed },
  };
}

/** The next version of a node's row. */
export const nextNode = (node: CacheNode, changed: Partial<CacheNode>): CacheNode => ({
  ...node,
  ...changed,
  version: node.version + 1,
});

/** What was made or changed in these node groups is done. */
export const availableShards = (shards: readonly NodeGroup[]): Change[] =>
  shards
    .filter(({ status }) => status !== 'available')
    .map((row) => ({ put: 'node-group', row: { ...row, version: row.version + 1, status: 'available' } }));
