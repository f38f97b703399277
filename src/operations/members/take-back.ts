/** New members whose addition is given up vanish again. */
import { type CacheView, isClusterMode, loadCacheView } from '../../fleet/cache-view.ts';
import type { CacheNode } from '../../model/node.ts';
import type { Tools } from '../tools.ts';
import { forgetInCluster } from './cluster-membership.ts';
import { destroyNodes } from './end-nodes.ts';
import { entomb } from './tombstone.ts';

/** True when a node leads its node group, or is about to: whatever it was made for, it holds the data now. */
export const leads = ({ nodeGroups }: CacheView, { incarnation }: CacheNode): boolean =>
  nodeGroups.some(
    ({ currentPrimary, targetPrimary }) => currentPrimary === incarnation || targetPrimary === incarnation,
  );

/** All of them but one that has come to lead. May be repeated. */
export async function takeBack(
  tools: Tools,
  { cache }: CacheView,
  nodes: readonly CacheNode[],
  signal: AbortSignal,
): Promise<void> {
  const { fleet, shards } = tools;
  const reference = { cacheKind: cache.kind, cacheIncarnation: cache.incarnation };
  const view = await loadCacheView(fleet.store, reference);
  if (!view) return;
  const isNew = ({ incarnation }: CacheNode) => nodes.some((node) => node.incarnation === incarnation);
  const going = view.nodes.filter((node) => isNew(node) && !leads(view, node));
  await entomb(tools, view, going);
  shards.recheck(cache.incarnation);
  // Nodes that never ran were introduced to nobody.
  const isKnown = going.some((node) => node.handle !== null);
  if (isClusterMode(cache) && isKnown) await forgetInCluster(tools, view, going, signal);
  const marked = (await fleet.store.nodesOf([cache.incarnation])).filter(isNew);
  await destroyNodes(tools, marked, view, signal);
}
