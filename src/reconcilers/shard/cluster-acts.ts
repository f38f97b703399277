/** What promotion and following mean in cluster mode, where the engines keep roles by themselves. */
import { setTimeout as delay } from 'node:timers/promises';
import type { EngineConnection } from '../../engines/valkey/client.ts';
import { EngineReplyError } from '../../engines/valkey/engine-errors.ts';
import { readInfo } from '../../engines/valkey/info.ts';
import { busPortOf } from '../../fleet/launch.ts';
import type { CacheNode } from '../../model/node.ts';
import { faultPoint } from '../../platform/fault-points.ts';
import type { ShardContext } from './context.ts';

const switchoverDeadlineMs = 5_000;

/** How long a vote may take before the replica takes the slots without one. */
const voteMs = 100;

/**
 * The primary is dead: its replica takes its slots. With a vote first where the other primaries can give one, since a
 * voted epoch cannot collide; without one when nobody answers in time.
 */
export async function clusterTakeOver(
  context: ShardContext,
  node: CacheNode,
  connection: EngineConnection,
): Promise<void> {
  const others = await context.fleet.store.nodeGroupsOf([node.cacheIncarnation]);
  if (others.length > 2) {
    await connection.call('CLUSTER', 'FAILOVER', 'FORCE');
    if (await leadsWithin(connection, voteMs)) return;
  }
  await connection.call('CLUSTER', 'FAILOVER', 'TAKEOVER');
  if (!(await leadsWithin(connection, switchoverDeadlineMs)))
    throw new Error(`${node.cacheClusterId} was told to take over and does not lead`);
}

/** Planned: the engine's own coordinated failover loses nothing. */
export async function clusterSwitchover(
  context: ShardContext,
  from: CacheNode,
  to: CacheNode,
): Promise<void> {
  const connection = await context.fleet.connections.of(to);
  await connection.call('CLUSTER', 'FAILOVER');
  faultPoint('cluster-switchover:asked');
  if (!(await leadsWithin(connection, switchoverDeadlineMs)))
    throw new Error(`${to.cacheClusterId} did not take over from ${from.cacheClusterId} in time`);
}

export async function clusterFollow(
  context: ShardContext,
  node: CacheNode,
  primary: CacheNode,
): Promise<void> {
  const [connection, leader] = await Promise.all([
    context.fleet.connections.of(node),
    context.fleet.connections.of(primary),
  ]);
  const id = String(await leader.call('CLUSTER', 'MYID'));
  try {
    await connection.call('CLUSTER', 'REPLICATE', id);
  } catch (error) {
    // A node that has lost its file knows nobody: introduce it, and follow in the next pass.
    if (!(error instanceof EngineReplyError) || !/unknown node/i.test(error.message)) throw error;
    await connection.call('CLUSTER', 'MEET', primary.address, primary.port, busPortOf(primary.port));
  }
}

async function leadsWithin(connection: EngineConnection, deadlineMs: number): Promise<boolean> {
  const end = performance.now() + deadlineMs;
  for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 1.3, 20)) {
    if ((await readInfo(connection)).role === 'primary') return true;
    if (performance.now() >= end) return false;
    await delay(pauseMs);
  }
}
