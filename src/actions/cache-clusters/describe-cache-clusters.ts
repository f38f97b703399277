/** DescribeCacheClusters, and a cluster as every action on it answers. */
import type { CacheClusterMessage, DescribeCacheClustersMessage } from '@aws-sdk/client-elasticache';
import { parseReference } from '../../model/identifiers.ts';
import { encodeMarker, parsePage } from '../../model/paging.ts';
import type { CacheCluster } from '../../model/resource.ts';
import type { Store } from '../../store/contract.ts';
import type { Action, ActionDeps } from '../action.ts';
import { holdWhileChanging } from '../shared/hold.ts';
import { requireCacheCluster } from '../shared/look-ups.ts';
import { resourceKey, rowsByCache } from '../shared/rows.ts';
import { type ClusterRows, shapeCacheCluster } from './shape-cache-cluster.ts';

export const describeCacheClusters =
  (deps: ActionDeps): Action<DescribeCacheClustersMessage, CacheClusterMessage> =>
  async (input, context) => {
    const withNodes = input.ShowCacheNodeInfo ?? false;
    if (input.CacheClusterId !== undefined) {
      const id = parseReference(input.CacheClusterId, 'CacheClusterId');
      const cluster = await holdWhileChanging(deps, context, () =>
        requireCacheCluster(deps.store, context, id),
      );
      return { CacheClusters: [await answerCluster(deps, cluster, withNodes)] };
    }
    const { limit, fromKey: after } = parsePage(input);
    const found = await deps.store.resources(
      {
        account: context.account,
        region: context.region,
        kind: 'cache-cluster',
        outsideReplicationGroups: input.ShowCacheClustersNotInReplicationGroups ?? false,
      },
      { after, limit: limit + 1 },
    );
    const clusters = found.slice(0, limit);
    const last = clusters.at(-1);
    const rows = await readClusterRows(deps.store, clusters);
    return {
      CacheClusters: rows.map((row) => shapeCacheCluster(row, { dnsZone: deps.dnsZone, withNodes })),
      ...(found.length > limit && last ? { Marker: encodeMarker(last.id) } : {}),
    };
  };

export async function answerCluster(deps: ActionDeps, cluster: CacheCluster, withNodes = false) {
  const [rows] = await readClusterRows(deps.store, [cluster]);
  return shapeCacheCluster(rows as ClusterRows, { dnsZone: deps.dnsZone, withNodes });
}

/** Clusters with what is needed to show them; groups are read once however many members are shown. */
async function readClusterRows(store: Store, clusters: readonly CacheCluster[]): Promise<ClusterRows[]> {
  const groupIds = new Set(clusters.flatMap((cluster) => cluster.desired.replicationGroupId ?? []));
  const [first] = clusters;
  if (!first) return [];
  const found = await Promise.all(
    [...groupIds].map((id) => store.resource(resourceKey(first, 'replication-group', id))),
  );
  const groups = new Map(found.flatMap((group) => (group ? [[group.id, group]] : [])));
  const groupOf = (cluster: CacheCluster) => groups.get(cluster.desired.replicationGroupId ?? '') ?? null;
  const cacheOf = (cluster: CacheCluster) => (groupOf(cluster) ?? cluster).incarnation;
  const incarnations = [...new Set(clusters.map(cacheOf))];
  const [nodes, endpoints] = await Promise.all([
    store.nodesOf(incarnations),
    store.endpointsOf(incarnations),
  ]);
  const [nodesOf, endpointsOf] = [
    Map.groupBy(nodes, (node) => `${node.cacheIncarnation} ${node.cacheClusterId}`),
    rowsByCache(endpoints),
  ];
  return clusters.map((cluster) => ({
    cluster,
    group: groupOf(cluster),
    nodes: nodesOf.get(`${cacheOf(cluster)} ${cluster.id}`) ?? [],
    endpoints: endpointsOf.get(cacheOf(cluster)) ?? [],
  }));
}
