/** The only way to make a tombstone. What a tombstone names is destroyed, and nothing else is (`destroyNodes`). */
import type { CacheView } from '../../fleet/cache-view.ts';
import type { CacheNode } from '../../model/node.ts';
import type { Change } from '../../store/contract.ts';
import { nextNode } from '../rows.ts';
import type { Tools } from '../tools.ts';

/**
 * In one commit with the node groups: whoever makes one of the nodes lead at this moment makes it stale, or is made so.
 * May be repeated.
 */
export async function entomb({ fleet }: Tools, view: CacheView, nodes: readonly CacheNode[]): Promise<void> {
  const unmarked = nodes.filter(({ intent }) => intent !== 'deleted');
  const touched = view.nodeGroups.filter(({ nodeGroupId }) =>
    unmarked.some((node) => node.nodeGroupId === nodeGroupId),
  );
  await fleet.store.commit([
    ...touched.map((row): Change => ({ put: 'node-group', row: { ...row, version: row.version + 1 } })),
    ...unmarked.map(
      (node): Change => ({ put: 'node', row: nextNode(node, { intent: 'deleted', status: 'deleting' }) }),
    ),
  ]);
}
