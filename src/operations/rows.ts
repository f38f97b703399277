/** Next versions of rows, as operations write them. */
import type { CacheNode, NodeGroup } from '../model/node.ts';
import type { Cache, CacheCluster, CacheObserved, ReplicationGroup } from '../model/resource.ts';
import type { Change } from '../store/contract.ts';

/**
 * The next version of a cache's row with another status, and facts over those observed before. A cache that is to be
 * deleted stays `deleting`, whatever else ends meanwhile: whoever waits for the deletion goes by it.
 */
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
    status: row.status === 'deleting' ? row.status : status,
    observed: { ...row.observed, ...observed },
  };
}

/** The next version of a cache's row whose deletion is given up, and that of any other as `available`. */
export const kept = <C extends Cache | CacheCluster | ReplicationGroup>(row: C, now: number): C =>
  withStatus({ ...row, status: 'available' }, 'available', now);

/** The next version of a member's row as that of a cluster outside of any group, with the configurations of the group. */
export function onItsOwn(
  member: CacheCluster,
  { desired }: Pick<Cache, 'desired'>,
  now: number,
): CacheCluster {
  const row = kept(member, now);
  const own = { configurations: desired.configurations, replicationGroupId: null, nodeGroupId: null };
  return { ...row, desired: { ...row.desired, ...own } };
}

/** The next version of a node's row. */
export const nextNode = (node: CacheNode, changed: Partial<CacheNode>): CacheNode => ({
  ...node,
  ...changed,
  version: node.version + 1,
});

/** The next version of the row of a node that stays after all. */
export const memberAgain = (node: CacheNode): CacheNode =>
  nextNode(node, { status: 'available', ...(node.intent === 'deleted' ? { intent: 'running' } : {}) });

/** These node groups as available: what was made or changed in them is done. */
export const availableShards = (shards: readonly NodeGroup[]): Change[] =>
  shards
    .filter(({ status }) => status !== 'available')
    .map((row) => ({ put: 'node-group', row: { ...row, version: row.version + 1, status: 'available' } }));
