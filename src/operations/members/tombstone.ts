/** The only way to make a tombstone. What a tombstone names is destroyed, and nothing else is (`end-nodes.ts`). */
import type { CacheView } from '../../fleet/cache-view.ts';
import type { CacheNode, NodeGroup } from '../../model/node.ts';
import type { Change } from '../../store/contract.ts';
import { nextNode } from '../rows.ts';
import type { Tools } from '../tools.ts';
import { keepersBeside, lookWithin, requireRunning } from './copies.ts';

/**
 * Marks nodes of a cache that is asked to go as a whole, or whose nodes hold no copies of each other's data (Memcached):
 * nothing is looked at. May be repeated.
 */
export function entomb({ fleet }: Tools, view: CacheView, nodes: readonly CacheNode[]): Promise<void> {
  return fleet.store.commit(tombstones(view.nodeGroups, nodes));
}

/**
 * Marks members when all of them can go without taking the last copy of their shard's data along, and none of them
 * otherwise. That is decided by fresh facts, in one commit that rests on the rows behind them: on the shards, so that
 * whoever makes one of the members lead at this moment refuses this commit, or is refused; and on the nodes that stay and
 * are counted on. May be repeated. Throws `LastCopy`.
 */
export async function entombSpared(
  tools: Tools,
  view: CacheView,
  members: readonly CacheNode[],
  signal: AbortSignal,
): Promise<void> {
  const look = await lookWithin(tools, view, members, signal);
  if (look.needed) return;
  const keepers = keepersBeside(look, members);
  requireRunning(tools, keepers);
  await tools.fleet.store.commit([
    ...tombstones(
      look.shards.map((facts) => facts.view.shard),
      members,
    ),
    ...keepers.map(({ incarnation, version }): Change => ({ require: 'node', incarnation, version })),
  ]);
}

function tombstones(shards: readonly NodeGroup[], nodes: readonly CacheNode[]): Change[] {
  const unmarked = nodes.filter(({ intent }) => intent !== 'deleted');
  const touched = shards.filter(({ nodeGroupId }) =>
    unmarked.some((node) => node.nodeGroupId === nodeGroupId),
  );
  return [
    ...touched.map((row): Change => ({ put: 'node-group', row: { ...row, version: row.version + 1 } })),
    ...unmarked.map(
      (node): Change => ({ put: 'node', row: nextNode(node, { intent: 'deleted', status: 'deleting' }) }),
    ),
  ];
}
