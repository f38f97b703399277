/** Makes a replica the primary. The old one was seen dead, or is a ghost. */
import { olderCopyLeads } from '../../../catalog/events.ts';
import { promote } from '../../../engines/valkey/replication.ts';
import type { CacheNode } from '../../../model/node.ts';
import { faultPoint } from '../../../platform/fault-points.ts';
import type { ShardContext } from '../context.ts';
import type { ShardFacts } from '../observe/observe-shard.ts';
import { memberEvent } from '../record.ts';
import { comesBackToLead } from '../view.ts';
import { clusterTakeOver, leadAgain } from './cluster-take-over.ts';
import { recordLead, recordLeadersRoles } from './confirm-primary.ts';
import { bindEndpoints } from './endpoints.ts';
import { prepareLaggingLead } from './lagging-lead.ts';
import { requireRoomForNodesFile } from './nodes-file-room.ts';

export async function promoteNode(context: ShardContext, facts: ShardFacts, node: CacheNode): Promise<void> {
  const connection = await context.fleet.connections.of(node);
  const member = facts.view.members.find((one) => one.node.incarnation === node.incarnation);
  if (member && comesBackToLead(member)) return leadAgain(node, connection);
  const events = [...(await prepareLaggingLead(context, facts, node))];
  if (!node.synced) events.push(memberEvent(context, node, olderCopyLeads(node.cacheClusterId)));
  if (facts.view.clusterMode === 'enabled') {
    await requireRoomForNodesFile(context, facts.cache, node);
    await clusterTakeOver(context, node, connection);
    faultPoint('failover:taken-over');
  } else {
    await promote(connection);
    faultPoint('failover:promoted');
  }
  const { accepted } = await recordLead(context, facts, node, events);
  // The endpoint moves at once: clients wait for nothing else. The old primary was seen dead.
  if (facts.view.clusterMode === 'disabled') await bindEndpoints(context, facts, node.incarnation);
  await accepted;
  await recordLeadersRoles(context, facts, node);
}
