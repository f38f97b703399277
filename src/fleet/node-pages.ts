/** All nodes of this machine, page by page: there may be more than a query should give at once. */
import type { CacheNode } from '../model/node.ts';
import type { Fleet } from './fleet.ts';

const pageRows = 500;

/** In order of incarnation. Rows may be written while it goes on. */
export async function* nodePages({
  store,
  host,
}: Pick<Fleet, 'store' | 'host'>): AsyncGenerator<readonly CacheNode[]> {
  for (let after: string | null = null; ; ) {
    const page: CacheNode[] = await store.nodesOnHost(host, { after, limit: pageRows });
    yield page;
    after = page.at(-1)?.incarnation ?? null;
    if (page.length < pageRows) return;
  }
}
