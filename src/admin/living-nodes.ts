/** The nodes that people may name: all of this machine that are not about to vanish, by name. */
import type { Fleet } from '../fleet/fleet.ts';
import { nodePages } from '../fleet/node-pages.ts';
import type { CacheNode } from '../model/node.ts';
import { faultName } from './fault-targets.ts';

export async function livingNodes(fleet: Fleet): Promise<CacheNode[]> {
  const found: CacheNode[] = [];
  for await (const page of nodePages(fleet)) found.push(...page.filter((node) => node.intent !== 'deleted'));
  return found.sort((a, b) => (faultName(a) < faultName(b) ? -1 : 1));
}
