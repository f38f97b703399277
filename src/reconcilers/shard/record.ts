/** Records facts of a shard as rows, after the engine confirmed them. */
import type { EventText } from '../../catalog/events.ts';
import { announce } from '../../fleet/announce.ts';
import { updateNode } from '../../fleet/start-node.ts';
import { type CacheNode, isSameProcess, type NodeGroup } from '../../model/node.ts';
import type { Cache } from '../../model/resource.ts';
import type { Change, Store } from '../../store/contract.ts';
import type { ShardContext } from './context.ts';
import type { EngineFacts, ShardView } from './view.ts';

/**
 * Records who is to lead, on the rows that this was decided on. Refused (`StaleWrite`) when the shard or the node has changed
 * since: it may have got a tombstone, or what was confirmed of it does not hold any more.
 */
export const targetPrimarySet = (
  shard: NodeGroup,
  node: Pick<CacheNode, 'incarnation' | 'version'>,
): Change[] => [
  {
    put: 'node-group',
    row: { ...shard, targetPrimary: node.incarnation, version: shard.version + 1 },
  },
  { require: 'node', incarnation: node.incarnation, version: node.version },
];

/** An event on the cache itself: on its group, or on the cluster. */
export function cacheEvent(context: Pick<ShardContext, 'fleet'>, cache: Cache, text: EventText): Change {
  return announce(cache, cache.id, text, context.fleet.clock.now());
}

/** An event on the member that a node is. */
export function memberEvent(context: ShardContext, node: CacheNode, text: EventText): Change {
  return announce(node, node.cacheClusterId, text, context.fleet.clock.now());
}

/** Takes back that a node was confirmed to hold its primary's data. */
export async function invalidateSync(store: Store, incarnation: string): Promise<void> {
  await updateNode({ store }, incarnation, (row) => (row.synced ? { ...row, synced: false } : row));
}

/** Records that the primary leads, and holds its own data, before anybody takes over from it. */
export function recordLeader(context: ShardContext, view: ShardView): Promise<void> {
  const { currentPrimary } = view.shard;
  const members = view.members.filter((member) => member.node.incarnation === currentPrimary);
  return recordRoles(context, { ...view, members });
}

/** Records roles as the engines confirm them, where the rows say something else; a confirmed primary holds its own data. */
export async function recordRoles(context: ShardContext, { members }: ShardView): Promise<void> {
  for (const { node, engine } of members) {
    if (!engine || (engine.role === node.role && node.handle?.runId !== undefined)) continue;
    await updateNode(context.fleet, node.incarnation, (row) => ({
      ...withRunId(row, node, engine),
      role: engine.role,
      synced: row.synced || engine.role === 'primary',
    }));
  }
}

/** Notes what the engine calls itself, if the row still names the process that was asked. */
export function withRunId(row: CacheNode, asked: CacheNode, engine: EngineFacts | null): CacheNode {
  const { handle } = row;
  if (!handle || !engine?.runId || !isSameProcess(handle, asked.handle)) return row;
  return { ...row, handle: { ...handle, runId: engine.runId } };
}
