/**
 * The end of a loss that was recorded as an event. Limber may die between the two events: the recorded ones say which
 * losses have no end yet, and are asked once for each node.
 */
import { nodesRecovered, recoveringNodes } from '../../catalog/events.ts';
import type { CacheNode } from '../../model/node.ts';
import type { ShardContext } from './context.ts';
import { memberEvent } from './record.ts';

/** How many events of one member are looked through: a loss is followed by a handful of others until its end. */
const eventsMax = 100;

/** True when an event says that the node was lost, and none yet that it recovered. */
export async function isRecovering({ fleet, recovering }: ShardContext, node: CacheNode): Promise<boolean> {
  // A creation has its own events, and nobody is to wait for this look.
  if (node.status === 'creating') return false;
  const known = recovering.get(node.incarnation);
  if (known !== undefined) return known;
  const { account, region, cacheClusterId, cacheNodeId, createdAt } = node;
  const lost = recoveringNodes([cacheNodeId]);
  const found = nodesRecovered([cacheNodeId]);
  const events = await fleet.store.events(
    {
      ...{ account, region, sourceType: lost.sourceType, sourceId: cacheClusterId },
      from: createdAt,
      until: Number.MAX_SAFE_INTEGER,
    },
    { before: null, limit: eventsMax },
  );
  const last = events.find(({ message }) => message === lost.message || message === found.message);
  const isLost = last?.message === lost.message;
  if (!recovering.has(node.incarnation)) recovering.set(node.incarnation, isLost);
  return recovering.get(node.incarnation) ?? isLost;
}

/** To be called when a node runs and holds what it should: records an event of that if one says that it was lost. */
export async function recovered(context: ShardContext, node: CacheNode): Promise<void> {
  if (!(await isRecovering(context, node))) return;
  context.recovering.set(node.incarnation, false); // at once: two may come to say so
  try {
    await context.fleet.store.commit([memberEvent(context, node, nodesRecovered([node.cacheNodeId]))]);
  } catch (error) {
    context.recovering.set(node.incarnation, true);
    throw error;
  }
}
