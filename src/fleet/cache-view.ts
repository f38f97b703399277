/** The rows of one cache, read together. */
import type { CacheNode, Endpoint, NodeGroup } from '../model/node.ts';
import type { Cache, CacheCluster, ReplicationGroup, ResourceKind } from '../model/resource.ts';
import type { Store } from '../store/contract.ts';

export interface CacheReference {
  readonly cacheKind: Extract<ResourceKind, 'replication-group' | 'cache-cluster'>;
  readonly cacheIncarnation: string;
}

export interface CacheView {
  readonly cache: Cache;
  /** A replication group's member clusters by id; for a cluster of its own, itself. */
  readonly clusters: readonly CacheCluster[];
  readonly nodeGroups: readonly NodeGroup[];
  readonly nodes: readonly CacheNode[];
  readonly endpoints: readonly Endpoint[];
}

/** 500 shards of six nodes. */
const membersMax = 3_000;

/** The rows of a cache; null when the cache is gone (its row was removed). */
export async function loadCacheView(store: Store, reference: CacheReference): Promise<CacheView | null> {
  const { cacheKind, cacheIncarnation } = reference;
  const cache = await store.resourceByIncarnation(cacheKind, cacheIncarnation);
  if (!cache) return null;
  const [clusters, nodeGroups, nodes, endpoints] = await Promise.all([
    cacheKind === 'cache-cluster' ? [cache as CacheCluster] : membersOf(store, cache as ReplicationGroup),
    store.nodeGroupsOf([cacheIncarnation]),
    store.nodesOf([cacheIncarnation]),
    store.endpointsOf([cacheIncarnation]),
  ]);
  return { cache: cache as Cache, clusters, nodeGroups, nodes, endpoints };
}

/** The member clusters of a replication group, ordered by id. */
export async function membersOf(store: Store, group: ReplicationGroup): Promise<CacheCluster[]> {
  const referrers = await store.referrers(group, membersMax);
  return referrers.filter((row): row is CacheCluster => row.kind === 'cache-cluster');
}

/** True for a cache whose nodes replicate; Memcached's stand alone. */
export const hasReplication = (cache: Cache): boolean => cache.desired.engine !== 'memcached';

/** The engine version that new nodes of a cache get. */
export const versionToRun = ({
  standIn,
  engineVersion,
}: Pick<Cache['desired'], 'standIn' | 'engineVersion'>): string => standIn ?? engineVersion;

export const isClusterMode = (cache: Cache): boolean =>
  'clusterMode' in cache.desired && cache.desired.clusterMode === 'enabled';
