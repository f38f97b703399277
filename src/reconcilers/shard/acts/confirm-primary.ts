/** The engine says that the chosen node leads: records it, with the events. */
import { type CacheSource, failoverCompleted, olderCopyLeads } from '../../../catalog/events.ts';
import { acceptWrites } from '../../../engines/valkey/switchover.ts';
import { writeCondition } from '../../../fleet/parameters.ts';
import { updateNode } from '../../../fleet/start-node.ts';
import type { CacheNode } from '../../../model/node.ts';
import { faultPoint } from '../../../platform/fault-points.ts';
import type { Change } from '../../../store/contract.ts';
import { keyText, type ShardContext } from '../context.ts';
import type { ShardFacts } from '../observe/observe-shard.ts';
import { cacheEvent, memberEvent } from '../record.ts';
import { formerPrimaryOf } from '../view.ts';
import { prepareLaggingLead } from './lagging-lead.ts';

export async function confirmPrimary(
  context: ShardContext,
  facts: ShardFacts,
  node: CacheNode,
): Promise<void> {
  const { accepted } = await recordLead(context, facts, node, [
    ...(await prepareLaggingLead(context, facts, node)),
    ...(formerPrimaryOf(facts.view, node) && !node.synced
      ? [memberEvent(context, node, olderCopyLeads(node.cacheClusterId))]
      : []),
  ]);
  await accepted;
  await recordLeadersRoles(context, facts, node);
}

/**
 * Records that the node leads, with `more`, before clients come to it by an endpoint: what they write is in its memory and files
 * alone. Should it die after that, and Limber with it, the next Limber has to know that nobody else is to lead before it.
 * `accepted`: it takes writes, if it did not before; clients do not wait for that answer.
 */
export async function recordLead(
  context: ShardContext,
  { cache, view }: ShardFacts,
  node: CacheNode,
  more: readonly Change[] = [],
): Promise<{ readonly accepted: Promise<void> }> {
  const { shard } = view;
  const before = formerPrimaryOf(view, node);
  const textFor = (source: CacheSource) =>
    failoverCompleted(source, before?.cacheClusterId ?? '', node.cacheClusterId);
  const isMove = shard.currentPrimary !== null && shard.currentPrimary !== node.incarnation;
  const events = [
    memberEvent(context, node, textFor('cache-cluster')),
    cacheEvent(context, cache, textFor('replication-group')),
  ];
  const { incarnation } = node;
  const isRecorded = [shard.currentPrimary, shard.targetPrimary].every((one) => one === incarnation);
  const row = {
    ...shard,
    currentPrimary: incarnation,
    targetPrimary: incarnation,
    version: shard.version + 1,
  };
  const connection = await context.fleet.connections.of(node);
  // The node may have led before without taking writes, for another one's sake; after the record nobody looks again. It goes out first, and the record does not wait for it.
  const accepted = acceptWrites(connection, writeCondition(cache, node));
  accepted.catch(() => {}); // who waits for it hears of it, if anybody does
  await context.fleet.store.commit([
    ...(isRecorded ? [] : [{ put: 'node-group', row } as const]),
    ...(isMove ? events : []),
    ...more,
  ]);
  context.switchoverFailures.delete(keyText(shard));
  faultPoint('failover:confirmed');
  return { accepted };
}

/** After `recordLead`: what the two nodes' rows say of them. */
export async function recordLeadersRoles(
  { fleet }: ShardContext,
  { view }: ShardFacts,
  node: CacheNode,
): Promise<void> {
  const before = formerPrimaryOf(view, node);
  await updateNode(fleet, node.incarnation, (row) => ({ ...row, role: 'primary', synced: true }));
  if (before) await updateNode(fleet, before.incarnation, (row) => ({ ...row, role: 'replica' }));
}
