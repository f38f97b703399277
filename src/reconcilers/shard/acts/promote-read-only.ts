/** Lets a living copy lead without taking writes, so that the old primary can take its data from it. */
import { olderCopyLeads } from '../../../catalog/events.ts';
import { promote } from '../../../engines/valkey/replication.ts';
import { refuseWrites } from '../../../engines/valkey/switchover.ts';
import { updateNode } from '../../../fleet/start-node.ts';
import type { CacheNode } from '../../../model/node.ts';
import { faultPoint } from '../../../platform/fault-points.ts';
import type { ShardContext } from '../context.ts';
import type { ShardFacts } from '../observe/observe-shard.ts';
import { memberEvent } from '../record.ts';
import { prepareLaggingLead } from './lagging-lead.ts';

/** Promotes a copy while the primary is down: that one takes its data from the copy when it comes back. */
export async function promoteReadOnly(
  context: ShardContext,
  facts: ShardFacts,
  node: CacheNode,
): Promise<void> {
  const events = await prepareLaggingLead(context, facts, node);
  await leadReadOnly(context, node);
  if (events.length > 0) await context.fleet.store.commit(events);
}

export async function leadReadOnly(context: ShardContext, node: CacheNode): Promise<void> {
  const connection = await context.fleet.connections.of(node);
  await refuseWrites(connection);
  await promote(connection);
  faultPoint('fail-back:source-leads');
  if (node.synced) return;
  // Until now nobody knew whether the copy holds everything; from now on the shard's data are what it holds.
  await updateNode(context.fleet, node.incarnation, (row) => ({ ...row, synced: true }));
  await context.fleet.store.commit([memberEvent(context, node, olderCopyLeads(node.cacheClusterId))]);
}
