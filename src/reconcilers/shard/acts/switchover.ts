/**
 * A planned switchover with cluster mode disabled: no acknowledged write is lost, and clients wait 5-10 ms. The old
 * primary refuses writes before the new one leads and until it has become a replica, so whoever dies between two
 * lines leaves at most one node that takes writes.
 */
import type { EngineConnection } from '../../../engines/valkey/client.ts';
import { readInfo } from '../../../engines/valkey/info.ts';
import { promote } from '../../../engines/valkey/replication.ts';
import { acceptWrites, type WriteCondition } from '../../../engines/valkey/switchover.ts';
import { writeCondition } from '../../../fleet/parameters.ts';
import type { CacheNode } from '../../../model/node.ts';
import { faultPoint } from '../../../platform/fault-points.ts';
import type { ShardContext } from '../context.ts';
import type { ShardFacts } from '../observe/observe-shard.ts';
import { recordLead, recordLeadersRoles } from './confirm-primary.ts';
import { demote } from './demote.ts';
import { closeForSwitchover } from './drain-writes.ts';
import { bindEndpoints } from './endpoints.ts';

export async function switchOver(
  context: ShardContext,
  facts: ShardFacts,
  from: CacheNode,
  to: CacheNode,
): Promise<void> {
  const { connections } = context.fleet;
  const [old, next] = await Promise.all([connections.of(from), connections.of(to)]);
  const condition = writeCondition(facts.cache, from);
  // A Limber before us may have died after the promotion: since then the old primary has refused every write.
  if ((await readInfo(next)).role === 'replica') await takeTheLead(old, next, condition, to.cacheClusterId);
  const { accepted } = await recordLead(context, facts, to);
  // The endpoint moves before the old primary becomes a replica: that empties nothing, but takes longer.
  await bindEndpoints(context, facts, to.incarnation);
  faultPoint('switchover:endpoint-moved');
  await demote(context, from, to);
  faultPoint('switchover:old-follows');
  await acceptWrites(old, condition);
  await accepted;
  await recordLeadersRoles(context, facts, to);
}

async function takeTheLead(
  old: EngineConnection,
  next: EngineConnection,
  condition: WriteCondition,
  nextName: string,
): Promise<void> {
  await closeForSwitchover(old, next, condition, nextName);
  await promote(next);
  faultPoint('switchover:promoted');
}
