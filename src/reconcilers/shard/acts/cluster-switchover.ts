/**
 * A planned switchover in cluster mode: no acknowledged write is lost, and clients wait some milliseconds. As without
 * cluster mode the old primary refuses writes before the new one leads and until it is a replica, so whoever dies between two
 * lines leaves at most one node that takes writes. The engine's own CLUSTER FAILOVER needs a vote, which Redis 7.0 and
 * Valkey 8.0 refuse for 30 s after the last one, with the writers held back for 15 s (decision 0019).
 */
import type { EngineConnection } from '../../../engines/valkey/client.ts';
import { failOver, whyNotReady } from '../../../engines/valkey/cluster-failover.ts';
import { acceptWrites, type WriteCondition } from '../../../engines/valkey/switchover.ts';
import { busPortOf } from '../../../fleet/launch.ts';
import { writeCondition } from '../../../fleet/parameters.ts';
import type { CacheNode } from '../../../model/node.ts';
import { faultPoint } from '../../../platform/fault-points.ts';
import type { ShardContext } from '../context.ts';
import type { ShardFacts } from '../observe/observe-shard.ts';
import { closeForSwitchover } from './drain-writes.ts';
import { requireRoomForNodesFile } from './nodes-file-room.ts';
import { hasRoleWithin } from './role-within.ts';

/** Gossip between two nodes that know each other takes milliseconds, between a new one and its primary up to 0.3 s. */
const readyMs = 3_000;
const takeOverMs = 5_000;
/** The old primary hears of its successor within some milliseconds; if not, it is told once more. */
const heardMs = 500;

export async function clusterSwitchover(
  context: ShardContext,
  facts: ShardFacts,
  from: CacheNode,
  to: CacheNode,
): Promise<void> {
  const { connections } = context.fleet;
  const [old, next] = await Promise.all([connections.of(from), connections.of(to)]);
  const condition = writeCondition(facts.cache, from);
  // A Limber before us may have died after the takeover: since then the old primary has refused every write.
  if (!(await hasRoleWithin(next, 'master', 0))) {
    await requireRoomForNodesFile(context, facts.cache, to);
    await untilReady(context, old, next);
    await takeTheLead(old, next, condition, to.cacheClusterId);
  }
  faultPoint('cluster-switchover:taken-over');
  if (!(await hasRoleWithin(old, 'slave', heardMs))) {
    await next.call('CLUSTER', 'MEET', from.address, from.port, busPortOf(from.port));
    if (!(await hasRoleWithin(old, 'slave', takeOverMs)))
      throw new Error(`${from.cacheClusterId} has not noticed yet that ${to.cacheClusterId} leads`);
  }
  await acceptWrites(old, condition);
}

/** Before a writer is held back. */
async function untilReady(
  { fleet: { clock } }: ShardContext,
  old: EngineConnection,
  next: EngineConnection,
): Promise<void> {
  const end = clock.monotonic() + readyMs;
  for (;;) {
    const reason = await whyNotReady(old, next);
    if (reason === null) return;
    if (clock.monotonic() > end) throw new Error(reason);
    await clock.delay(20);
  }
}

async function takeTheLead(
  old: EngineConnection,
  next: EngineConnection,
  condition: WriteCondition,
  nextName: string,
): Promise<void> {
  await closeForSwitchover(old, next, condition, nextName);
  await failOver(next, 'alone');
  if (!(await hasRoleWithin(next, 'master', takeOverMs)))
    throw new Error(`${nextName} was told to take over and does not lead`);
}
