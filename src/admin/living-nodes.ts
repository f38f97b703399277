/** The nodes that people may name: all of this machine that are not about to vanish, by name. */
import type { Fleet } from '../fleet/fleet.ts';
import type { CacheNode } from '../model/node.ts';
import { faultName } from './fault-targets.ts';

export async function livingNodes({ store, host }: Fleet): Promise<CacheNode[]> {
  const found: CacheNode[] = [];
  for (let after: string | null = null; ; ) {
    const page: CacheNode[] = await store.nodesOnHost(host, { after, limit: 500 });
    found.push(...page.filter((node) => node.intent !== 'deleted'));
    after = page.at(-1)?.incarnation ?? null;
    if (page.length < 500) break;
  }
  return found.sort((a, b) => (faultName(a) < faultName(b) ? -1 : 1));
}
