/** A node of its own becomes the primary of a new group: the reverse of `retain-primary.ts`. */
import { type CacheReference, type CacheView, loadCacheView } from '../fleet/cache-view.ts';
import { secretNames } from '../fleet/connections.ts';
import { faultPoint } from '../platform/fault-points.ts';
import type { Change } from '../store/contract.ts';
import { forgetWithin } from './end-nodes.ts';
import { nextNode } from './rows.ts';
import type { Tools } from './tools.ts';

/**
 * Moves the node with its process, address and secrets to the group, all in one commit: it always belongs to exactly
 * one cache. The worker that looked after it is stopped first, or it would take the node for a lost one.
 */
export async function adoptPrimary(
  tools: Tools,
  group: CacheView,
  own: CacheReference,
  signal: AbortSignal,
): Promise<void> {
  const { fleet } = tools;
  const { store } = fleet;
  await forgetWithin(tools, own.cacheIncarnation, signal);
  faultPoint('adopt-primary:worker-stopped');
  const view = await loadCacheView(store, own);
  const node = view?.nodes[0];
  // A Limber before us has moved it.
  if (!view || !node) return;
  const owner = group.cache.incarnation;
  const secrets = await Promise.all(
    Object.values(secretNames).map(async (name): Promise<Change[]> => {
      const value = await store.secret(own.cacheIncarnation, name);
      return value === null ? [] : [{ put: 'secret', owner, name, value }];
    }),
  );
  await store.commit([
    { put: 'node', row: nextNode(node, { cacheIncarnation: owner, replicationGroupId: group.cache.id }) },
    ...view.nodeGroups.map(
      ({ cacheIncarnation, nodeGroupId }): Change => ({
        remove: 'node-group',
        cacheIncarnation,
        nodeGroupId,
      }),
    ),
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
    ...view.endpoints.flatMap((endpoint): Change[] => [
      // It does not rest: the same node keeps it.
      { remove: 'endpoint', address: endpoint.address, port: endpoint.port, restUntil: fleet.clock.now() },
      { put: 'endpoint', row: { ...endpoint, cacheIncarnation: owner } },
    ]),
    ...secrets.flat(),
    { remove: 'secrets', owner: own.cacheIncarnation },
  ]);
  faultPoint('adopt-primary:moved');
}
