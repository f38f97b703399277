/** Caches by their ids, and the members of a group. */
import type { CacheCluster, ReplicationGroup, Scope } from '../../model/resource.ts';
import { ServiceError } from '../../model/service-errors.ts';
import type { Store } from '../../store/contract.ts';
import { resourceKey } from './rows.ts';

const replicationGroupNotFound = (id: string) =>
  new ServiceError('ReplicationGroupNotFoundFault', `ReplicationGroup ${id} not found.`);
const cacheClusterNotFound = (id: string) =>
  new ServiceError('CacheClusterNotFound', `CacheCluster not found: ${id}`);

/** AWS's words, which programs match. */
export const cacheClusterExists = () =>
  new ServiceError('CacheClusterAlreadyExists', 'Cache cluster already exists');

export async function requireReplicationGroup(
  store: Store,
  scope: Scope,
  id: string,
): Promise<ReplicationGroup> {
  const group = await store.resource(resourceKey(scope, 'replication-group', id));
  if (!group) throw replicationGroupNotFound(id);
  return group;
}

export async function requireCacheCluster(store: Store, scope: Scope, id: string): Promise<CacheCluster> {
  const cluster = await store.resource(resourceKey(scope, 'cache-cluster', id));
  if (!cluster) throw cacheClusterNotFound(id);
  return cluster;
}

/** More than a group may have: 500 node groups of six. */
const membersMax = 3_000;

/** The member clusters of a group, ordered by id. */
export async function membersOf(store: Store, group: ReplicationGroup): Promise<CacheCluster[]> {
  const referrers = await store.referrers(group, membersMax);
  return referrers.filter((row): row is CacheCluster => row.kind === 'cache-cluster');
}
