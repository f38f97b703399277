/** Promotion in cluster mode, where the engines keep roles by themselves. */
import type { EngineConnection } from '../../../engines/valkey/client.ts';
import { failOver, isWhole } from '../../../engines/valkey/cluster-failover.ts';
import type { CacheNode } from '../../../model/node.ts';
import { faultPoint } from '../../../platform/fault-points.ts';
import type { ShardContext } from '../context.ts';
import { hasRoleWithin } from './role-within.ts';

/** A replica that takes the slots without a vote leads at once; it may take this long until it says so. */
const takeOverDeadlineMs = 5_000;

/** How long a vote may take before the replica takes the slots without one; one takes 8-33 ms. */
const voteMs = 100;

/**
 * Lets a replica take the slots of its dead primary. With a vote first where the other primaries can give one, since a
 * voted epoch cannot collide; without one when there is no majority, or nobody answers in time.
 */
export async function clusterTakeOver(
  context: ShardContext,
  node: CacheNode,
  connection: EngineConnection,
): Promise<void> {
  if (await canVote(context, node)) {
    await failOver(connection, 'vote');
    if (await hasRoleWithin(connection, 'master', voteMs)) return;
  }
  await failOver(connection, 'alone');
  if (!(await hasRoleWithin(connection, 'master', takeOverDeadlineMs)))
    throw new Error(`${node.cacheClusterId} was asked to take over and does not lead`);
}

/** An engine that sees the cluster whole takes writes as soon as it leads; else it waits until it is 2 s old, as any primary does. */
const wholeMs = 300;

/** A node that was started to lead with what it has takes over from its ghost. Nobody else is asked, since nobody has its slots. */
export async function leadAgain(node: CacheNode, connection: EngineConnection): Promise<void> {
  const { clock } = connection;
  const end = clock.monotonic() + wholeMs;
  while (!(await isWhole(connection)) && clock.monotonic() < end) await clock.delay(2);
  await failOver(connection, 'alone');
  if (!(await hasRoleWithin(connection, 'master', takeOverDeadlineMs)))
    throw new Error(`${node.cacheClusterId} was asked to lead again and does not`);
  faultPoint('lead-again:taken-over');
}

/** True while more than half of the cluster's primaries answer: nobody is asked for a vote that cannot be given. */
async function canVote({ fleet, monitor }: ShardContext, node: CacheNode): Promise<boolean> {
  const { store } = fleet;
  const [shards, nodes] = await Promise.all([
    store.nodeGroupsOf([node.cacheIncarnation]),
    store.nodesOf([node.cacheIncarnation]),
  ]);
  const primaries = new Set(shards.map((shard) => shard.currentPrimary));
  const voters = nodes.filter(
    (one) => primaries.has(one.incarnation) && monitor.verdict(one) === 'answering',
  );
  return voters.length * 2 > shards.length;
}
