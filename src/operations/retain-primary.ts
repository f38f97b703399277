/** The primary of a group that is deleted lives on as a cache cluster of its own (RetainPrimaryCluster). */
import type { CacheReference, CacheView } from '../fleet/cache-view.ts';
import { secretNames } from '../fleet/connections.ts';
import { faultPoint } from '../platform/fault-points.ts';
import type { Change } from '../store/contract.ts';
import { nextNode, withStatus } from './rows.ts';
import type { Tools } from './tools.ts';

/** Where the node is now; null when it has moved before. All in one commit: it always belongs to exactly one cache. */
export async function retainPrimary(tools: Tools, view: CacheView): Promise<CacheReference | null> {
  const { store, clock, connections } = tools.fleet;
  const node = view.nodes.find((one) => one.incarnation === view.nodeGroups[0]?.currentPrimary);
  const cluster = view.clusters.find((one) => one.id === node?.cacheClusterId);
  if (!node || !cluster) return null;
  const now = clock.now();
  const owner = cluster.incarnation;
  const own = view.endpoints.filter((endpoint) => endpoint.nodeIncarnation === node.incarnation);
  const secrets = await Promise.all(
    Object.values(secretNames).map(async (name): Promise<Change[]> => {
      const value = await store.secret(view.cache.incarnation, name);
      return value === null ? [] : [{ put: 'secret', owner, name, value }];
    }),
  );
  const kept = withStatus(cluster, 'available', now, { ...view.cache.observed, sentence: null });
  await store.commit([
    {
      put: 'resource',
      row: { ...kept, desired: { ...kept.desired, replicationGroupId: null, nodeGroupId: null } },
    },
    {
      put: 'node',
      row: nextNode(node, {
        cacheIncarnation: owner,
        replicationGroupId: null,
        nodeGroupId: '0001',
        status: 'available',
        synced: true,
      }),
    },
    {
      put: 'node-group',
      row: {
        cacheIncarnation: owner,
        nodeGroupId: '0001',
        version: 1,
        slots: '',
        currentPrimary: node.incarnation,
        targetPrimary: node.incarnation,
      },
    },
    ...own.flatMap((endpoint): Change[] => [
      { remove: 'endpoint', address: endpoint.address, port: endpoint.port, restUntil: now },
      { put: 'endpoint', row: { ...endpoint, cacheIncarnation: owner, nodeGroupId: '0001' } },
    ]),
    ...secrets.flat(),
  ]);
  faultPoint('retain-primary:moved');
  connections.drop(node.incarnation);
  return { cacheKind: 'cache-cluster', cacheIncarnation: owner };
}
