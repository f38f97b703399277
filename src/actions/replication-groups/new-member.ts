/** Members of a replication group: the API names each as a cache cluster, and they carry the group's tags (§23). */
import { checkQuota, quotas } from '../../model/limits.ts';
import { nextMemberNames } from '../../model/naming.ts';
import { type CacheCluster, nothingObserved, type ReplicationGroup } from '../../model/resource.ts';
import { invalidValue, ServiceError } from '../../model/service-errors.ts';
import type { Store } from '../../store/contract.ts';
import type { ActionContext, ActionDeps } from '../action.ts';
import { resourceKey } from '../shared/rows.ts';

export function newMember(
  group: ReplicationGroup,
  nodeGroupId: string,
  cacheClusterId: string,
  availabilityZone: string,
): CacheCluster {
  const { pending, description, clusterMode, automaticFailover, multiAz, ...rest } = group.desired;
  const { atRestEncryption, kmsKeyId, snapshottingClusterId, durability, ...settings } = rest;
  return {
    kind: 'cache-cluster',
    account: group.account,
    region: group.region,
    id: cacheClusterId,
    // A member has no nodes of its own: they are the group's.
    incarnation: `${group.incarnation}:${cacheClusterId}`,
    version: 1,
    status: 'creating',
    tags: group.tags,
    desired: {
      ...settings,
      configurations: [],
      replicationGroupId: group.id,
      nodeGroupId,
      preferredAvailabilityZone: availabilityZone,
      numCacheNodes: 1,
      pending: {},
    },
    observed: nothingObserved,
    createdAt: group.updatedAt,
    updatedAt: group.updatedAt,
  };
}

/**
 * Names for `count` new members of one node group: the lowest numbers that no member has, and no cache cluster of
 * somebody's own that happens to be called so.
 */
export async function freeMemberNames(
  store: Store,
  group: ReplicationGroup,
  nodeGroupId: string,
  members: readonly string[],
  count: number,
): Promise<readonly string[]> {
  const shard = group.desired.clusterMode === 'enabled' ? nodeGroupId : null;
  const taken = [...members];
  for (;;) {
    const names = nextMemberNames(group.id, shard, taken, count);
    const rows = await Promise.all(
      names.map((name) => store.resource(resourceKey(group, 'cache-cluster', name))),
    );
    const strangers = rows.flatMap((row) => (row ? [row.id] : []));
    if (strangers.length === 0) return names;
    taken.push(...strangers);
  }
}

/** Throws unless the group's name and its new members' names are free, and so many nodes are within the quota. */
export async function checkGroupIsFree(
  { store }: Pick<ActionDeps, 'store'>,
  context: ActionContext,
  id: string,
  newMembers: readonly CacheCluster[],
): Promise<void> {
  if (await store.resource(resourceKey(context, 'replication-group', id)))
    throw new ServiceError(
      'ReplicationGroupAlreadyExists',
      'Replication group with specified name already exists.', // AWS's words, which programs match
    );
  for (const cluster of newMembers) {
    if (await store.resource(cluster)) throw invalidValue(`The cache cluster ${cluster.id} already exists.`);
  }
  checkQuota(quotas.nodesPerRegion, await store.countNodes(context), newMembers.length);
}
