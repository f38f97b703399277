/** New members whose addition is given up vanish again. */
import { type CacheView, loadCacheView } from '../../fleet/cache-view.ts';
import type { CacheNode } from '../../model/node.ts';
import { untilAborted } from '../../platform/until-aborted.ts';
import type { Tools } from '../tools.ts';
import { lookAtMembers, type Needed } from './copies.ts';
import { destroySpared } from './end-nodes.ts';
import { entombSpared } from './tombstone.ts';

/** True when a node leads its node group, or is about to: whatever it was made for, it holds the data now. */
const leads = ({ nodeGroups }: CacheView, { incarnation }: CacheNode): boolean =>
  nodeGroups.some(
    ({ currentPrimary, targetPrimary }) => currentPrimary === incarnation || targetPrimary === incarnation,
  );

/** Which new members are not taken back now. */
export interface Kept {
  /** The ones that lead: they stay. */
  readonly leaders: readonly CacheNode[];
  /** The others that nobody else can stand in for at present; null when there are none. */
  readonly needed: Needed | null;
}

export const noneKept: Kept = { leaders: [], needed: null };

export async function keptOf(tools: Tools, view: CacheView, nodes: readonly CacheNode[]): Promise<Kept> {
  const leaders = nodes.filter((node) => leads(view, node));
  const others = nodes.filter((node) => !leaders.includes(node));
  return { leaders, needed: (await lookAtMembers(tools, view, others)).needed };
}

/** The ones that are to be taken back now. */
export const goingOf = (nodes: readonly CacheNode[], { leaders, needed }: Kept): CacheNode[] =>
  nodes.filter((node) => !leaders.includes(node) && !needed?.nodes.has(node.incarnation));

/** Takes all new members back, except those that lead or hold the only copy that is known. May be repeated. Throws `LastCopy`. */
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
  const present = view.nodes.filter(isNew);
  const looking = keptOf(tools, view, present);
  const going = goingOf(present, await untilAborted(signal, looking, 'a look at the new members'));
  await entombSpared(tools, view, going, signal);
  shards.recheck(cache.incarnation);
  const marked = (await fleet.store.nodesOf([cache.incarnation])).filter(isNew);
  await destroySpared(tools, marked, view, signal);
}
