import { type CacheView, loadCacheView } from '../fleet/cache-view.ts';
import type { Tools } from '../operations/tools.ts';

/** Every cache of this machine, whatever account and region it belongs to. */
export async function allCaches({ fleet }: Pick<Tools, 'fleet'>): Promise<CacheView[]> {
  const { store, host } = fleet;
  const seen = new Map<string, 'replication-group' | 'cache-cluster'>();
  for (let after: string | null = null; ; ) {
    const page = await store.nodesOnHost(host, { after, limit: 500 });
    for (const node of page)
      seen.set(node.cacheIncarnation, node.replicationGroupId ? 'replication-group' : 'cache-cluster');
    after = page.at(-1)?.incarnation ?? null;
    if (page.length < 500) break;
  }
  const views = await Promise.all(
    [...seen].map(([cacheIncarnation, cacheKind]) => loadCacheView(store, { cacheKind, cacheIncarnation })),
  );
  return views.filter((view) => view !== null).sort((a, b) => (a.cache.id < b.cache.id ? -1 : 1));
}
