/** The engine says that the chosen node leads: records it, with the events. */
import { type CacheSource, failoverCompleted } from '../../../catalog/events.ts';
import { acceptWrites } from '../../../engines/valkey/switchover.ts';
import { writeCondition } from '../../../fleet/parameters.ts';
import { updateNode } from '../../../fleet/start-node.ts';
import type { CacheNode } from '../../../model/node.ts';
import { faultPoint } from '../../../platform/fault-points.ts';
import { keyText, type ShardContext } from '../context.ts';
import type { ShardFacts } from '../observe/observe-shard.ts';
import { cacheEvent, memberEvent } from '../record.ts';

export async function confirmPrimary(
  context: ShardContext,
  facts: ShardFacts,
  node: CacheNode,
): Promise<void> {
  const { shard, members } = facts.view;
  const before = members.find((member) => member.node.incarnation === shard.currentPrimary)?.node;
  const textFor = (source: CacheSource) =>
    failoverCompleted(source, before?.cacheClusterId ?? '', node.cacheClusterId);
  const isMove = shard.currentPrimary !== null && shard.currentPrimary !== node.incarnation;
  // The node may have led before without taking writes, for another one's sake. This comes first: after the record nobody looks again.
  const connection = await context.fleet.connections.of(node);
  await acceptWrites(connection, writeCondition(facts.cache, node));
  const events = [
    memberEvent(context, node, textFor('cache-cluster')),
    cacheEvent(context, facts.cache, textFor('replication-group')),
  ];
  const { incarnation } = node;
  const row = {
    ...shard,
    currentPrimary: incarnation,
    targetPrimary: incarnation,
    version: shard.version + 1,
  };
  await context.fleet.store.commit([{ put: 'node-group', row }, ...(isMove ? events : [])]);
  context.switchoverFailures.delete(keyText(shard));
  faultPoint('failover:confirmed');
  await updateNode(context.fleet, node.incarnation, (row) => ({ ...row, role: 'primary', synced: true }));
  if (before) await updateNode(context.fleet, before.incarnation, (row) => ({ ...row, role: 'replica' }));
}
