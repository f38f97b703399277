/**
 * A living node moves from one cache to another, with its process, address and secrets. Each direction is one commit:
 * the node always belongs to exactly one cache.
 */
import type { CacheReference, CacheView } from '../../fleet/cache-view.ts';
import { loadCacheView } from '../../fleet/cache-view.ts';
import { secretNames } from '../../fleet/connections.ts';
import { newestConfiguration } from '../../model/configuration.ts';
import type { CacheNode } from '../../model/node.ts';
import type { Cache } from '../../model/resource.ts';
import { faultPoint } from '../../platform/fault-points.ts';
import type { Change } from '../../store/contract.ts';
import { nextNode, onItsOwn } from '../rows.ts';
import type { Tools } from '../tools.ts';
import { withoutWorker } from './without-worker.ts';

/**
 * A node of its own becomes the primary of a new group. The worker that looked after it is stopped first, or it would
 * take the node for a lost one.
 */
export async function adoptPrimary(
  tools: Tools,
  group: CacheView,
  own: CacheReference,
  signal: AbortSignal,
): Promise<void> {
  const before = await loadCacheView(tools.fleet.store, own);
  if (before) await withoutWorker(tools, before, signal, () => adopt(tools, group, own));
}

async function adopt(tools: Tools, group: CacheView, own: CacheReference): Promise<void> {
  const { store } = tools.fleet;
  faultPoint('adopt-primary:worker-stopped');
  const view = await loadCacheView(store, own);
  const node = view?.nodes[0];
  // A Limber before us has moved it.
  if (!view || !node) return;
  await store.commit([
    ...(await moved(tools, view, node, group.cache, { replicationGroupId: group.cache.id })),
    ...view.nodeGroups.map(
      ({ cacheIncarnation, nodeGroupId }): Change => ({
        remove: 'node-group',
        cacheIncarnation,
        nodeGroupId,
      }),
    ),
    { remove: 'secrets', owner: own.cacheIncarnation },
  ]);
  faultPoint('adopt-primary:moved');
}

/**
 * The primary of a group that is deleted lives on as a cache cluster of its own (RetainPrimaryCluster). Gives the cache
 * that the node belongs to now; null when it has moved before.
 */
export async function retainPrimary(tools: Tools, view: CacheView): Promise<CacheReference | null> {
  const { store, clock, connections } = tools.fleet;
  const node = view.nodes.find((one) => one.incarnation === view.nodeGroups[0]?.currentPrimary);
  const cluster = view.clusters.find((one) => one.id === node?.cacheClusterId);
  if (!node || !cluster) return null;
  const own = onItsOwn(cluster, view.cache, clock.now());
  const row = { ...own, observed: { ...view.cache.observed, sentence: null } };
  await store.commit([
    { put: 'resource', row },
    ...(await moved(tools, view, node, row, {
      replicationGroupId: null,
      status: 'available',
      synced: true,
    })),
  ]);
  faultPoint('retain-primary:moved');
  connections.drop(node.incarnation);
  return { cacheKind: 'cache-cluster', cacheIncarnation: cluster.incarnation };
}

/**
 * The changes that make a node the only one, and the primary, of a cache without cluster mode. That cache has the
 * configurations that the node knows; its newest one becomes the node's target.
 */
async function moved(
  { fleet: { store, clock } }: Tools,
  from: CacheView,
  node: CacheNode,
  to: Pick<Cache, 'incarnation' | 'desired' | 'status'>,
  changed: Partial<CacheNode>,
): Promise<Change[]> {
  const [owner, nodeGroupId] = [to.incarnation, '0001'];
  const target = { ...node.target, configVersion: newestConfiguration(to.desired).version };
  const own = from.endpoints.filter((endpoint) => endpoint.nodeIncarnation === node.incarnation);
  const secrets = await Promise.all(
    Object.values(secretNames).map(async (name): Promise<Change[]> => {
      const value = await store.secret(from.cache.incarnation, name);
      return value === null ? [] : [{ put: 'secret', owner, name, value }];
    }),
  );
  return [
    { put: 'node', row: nextNode(node, { ...changed, target, cacheIncarnation: owner, nodeGroupId }) },
    {
      put: 'node-group',
      row: {
        ...{ cacheIncarnation: owner, nodeGroupId, version: 1, slots: '' },
        status: to.status === 'creating' ? 'creating' : 'available',
        isFormed: true,
        currentPrimary: node.incarnation,
        targetPrimary: node.incarnation,
      },
    },
    ...own.flatMap((endpoint): Change[] => [
      // The address does not rest: the same node keeps it.
      { remove: 'endpoint', address: endpoint.address, port: endpoint.port, restUntil: clock.now() },
      { put: 'endpoint', row: { ...endpoint, version: 1, cacheIncarnation: owner, nodeGroupId } },
    ]),
    ...secrets.flat(),
  ];
}
