/** DescribeReplicationGroups and DescribeCacheClusters. */
import type {
  CacheClusterMessage,
  DescribeCacheClustersMessage,
  DescribeReplicationGroupsMessage,
  ReplicationGroupMessage,
} from '@aws-sdk/client-elasticache';
import { parseReference } from '../model/identifiers.ts';
import { encodeMarker, parsePage } from '../model/paging.ts';
import type { CacheCluster, ReplicationGroup, Scope } from '../model/resource.ts';
import { ServiceError } from '../model/service-errors.ts';
import type { Store } from '../store/contract.ts';
import type { Action, ActionDeps } from './action.ts';
import { describePage } from './describe-page.ts';
import { groupKey } from './group-row.ts';
import { holdWhileChanging } from './hold.ts';
import { type ClusterRows, shapeCacheCluster } from './shape-cache-cluster.ts';
import { type GroupRows, shapeReplicationGroup } from './shape-replication-group.ts';

export const replicationGroupNotFound = (id: string) =>
  new ServiceError('ReplicationGroupNotFoundFault', `ReplicationGroup ${id} not found.`);
export const cacheClusterNotFound = (id: string) =>
  new ServiceError('CacheClusterNotFound', `CacheCluster not found: ${id}`);

export async function requireReplicationGroup(
  store: Store,
  scope: Scope,
  id: string,
): Promise<ReplicationGroup> {
  const group = await store.resource(groupKey(scope, 'replication-group', id));
  if (!group) throw replicationGroupNotFound(id);
  return group;
}

export async function requireCacheCluster(store: Store, scope: Scope, id: string): Promise<CacheCluster> {
  const cluster = await store.resource(groupKey(scope, 'cache-cluster', id));
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

/** The rows of several groups in three reads. */
export async function readGroupRows(store: Store, groups: readonly ReplicationGroup[]): Promise<GroupRows[]> {
  const incarnations = groups.map((group) => group.incarnation);
  const [nodeGroups, nodes, endpoints] = await Promise.all([
    store.nodeGroupsOf(incarnations),
    store.nodesOf(incarnations),
    store.endpointsOf(incarnations),
  ]);
  const [groupsOf, nodesOf, endpointsOf] = [byCache(nodeGroups), byCache(nodes), byCache(endpoints)];
  return groups.map((group) => ({
    group,
    nodeGroups: groupsOf.get(group.incarnation) ?? [],
    nodes: nodesOf.get(group.incarnation) ?? [],
    endpoints: endpointsOf.get(group.incarnation) ?? [],
  }));
}

/** Clusters with what is needed to show them; groups are read once however many members are shown. */
export async function readClusterRows(
  store: Store,
  clusters: readonly CacheCluster[],
): Promise<ClusterRows[]> {
  const groupIds = new Set(clusters.flatMap((cluster) => cluster.desired.replicationGroupId ?? []));
  const [first] = clusters;
  if (!first) return [];
  const found = await Promise.all(
    [...groupIds].map((id) => store.resource(groupKey(first, 'replication-group', id))),
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
    byCache(endpoints),
  ];
  return clusters.map((cluster) => ({
    cluster,
    group: groupOf(cluster),
    nodes: nodesOf.get(`${cacheOf(cluster)} ${cluster.id}`) ?? [],
    endpoints: endpointsOf.get(cacheOf(cluster)) ?? [],
  }));
}

function byCache<T extends { readonly cacheIncarnation: string }>(rows: readonly T[]): Map<string, T[]> {
  return Map.groupBy(rows, (row) => row.cacheIncarnation);
}

export async function answerGroup(deps: ActionDeps, group: ReplicationGroup) {
  const [rows] = await readGroupRows(deps.store, [group]);
  return shapeReplicationGroup(rows as GroupRows, deps.dnsZone);
}

export async function answerCluster(deps: ActionDeps, cluster: CacheCluster, withNodes = false) {
  const [rows] = await readClusterRows(deps.store, [cluster]);
  return shapeCacheCluster(rows as ClusterRows, { dnsZone: deps.dnsZone, withNodes });
}

export const describeReplicationGroups =
  (deps: ActionDeps): Action<DescribeReplicationGroupsMessage, ReplicationGroupMessage> =>
  async (input, context) => {
    if (input.ReplicationGroupId !== undefined) {
      const id = parseReference(input.ReplicationGroupId, 'ReplicationGroupId');
      const group = await holdWhileChanging(deps, context, () =>
        requireReplicationGroup(deps.store, context, id),
      );
      return { ReplicationGroups: [await answerGroup(deps, group)] };
    }
    const scope = { account: context.account, region: context.region, kind: 'replication-group' } as const;
    const page = await describePage(deps.store, scope, input);
    const rows = await readGroupRows(deps.store, page.items);
    return {
      ReplicationGroups: rows.map((row) => shapeReplicationGroup(row, deps.dnsZone)),
      ...(page.marker === undefined ? {} : { Marker: page.marker }),
    };
  };

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
