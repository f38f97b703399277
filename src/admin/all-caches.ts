import { type CacheView, loadCacheView } from '../fleet/cache-view.ts';
import { nodePages } from '../fleet/node-pages.ts';
import type { Tools } from '../operations/tools.ts';

/** Every cache of this machine, whatever account and region it belongs to. */
export async function allCaches({ fleet }: Pick<Tools, 'fleet'>): Promise<CacheView[]> {
  const seen = new Map<string, 'replication-group' | 'cache-cluster'>();
  for await (const page of nodePages(fleet))
    for (const node of page)
      seen.set(node.cacheIncarnation, node.replicationGroupId ? 'replication-group' : 'cache-cluster');
  const views = await Promise.all(
    [...seen].map(([cacheIncarnation, cacheKind]) =>
      loadCacheView(fleet.store, { cacheKind, cacheIncarnation }),
    ),
  );
  return views.filter((view) => view !== null).sort((a, b) => (a.cache.id < b.cache.id ? -1 : 1));
}
