/** What promotion and following mean in cluster mode, where the engines keep roles by themselves. */
import { setTimeout as delay } from 'node:timers/promises';
import { forgetFormerIds } from '../../../engines/valkey/claim-slots.ts';
import type { EngineConnection } from '../../../engines/valkey/client.ts';
import { failOver, followPrimary, switchOver } from '../../../engines/valkey/cluster-failover.ts';
import { parseClusterNodes } from '../../../engines/valkey/cluster-view.ts';
import { EngineReplyError } from '../../../engines/valkey/engine-errors.ts';
import { busPortOf, plannedNode } from '../../../fleet/launch.ts';
import type { CacheNode } from '../../../model/node.ts';
import { faultPoint } from '../../../platform/fault-points.ts';
import type { ShardContext } from '../context.ts';
import { findNeighbours, othersOf } from './claim-slots.ts';

const switchoverDeadlineMs = 5_000;

/** How long a vote may take before the replica takes the slots without one; one takes 8-33 ms. */
const voteMs = 100;

/**
 * The primary is dead: its replica takes its slots. With a vote first where the other primaries can give one, since a
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
  if (!(await hasRoleWithin(connection, 'master', switchoverDeadlineMs)))
    throw new Error(`${node.cacheClusterId} was told to take over and does not lead`);
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

/**
 * Planned: the engine's own coordinated failover loses nothing. Done when both say so: the old primary hears of it some
 * milliseconds later, and whoever looked in between would see two, and hand over again to one that leads already.
 */
export async function clusterSwitchover(
  context: ShardContext,
  from: CacheNode,
  to: CacheNode,
): Promise<void> {
  const [primary, replica] = await Promise.all([
    context.fleet.connections.of(from),
    context.fleet.connections.of(to),
  ]);
  if (!(await hasRoleWithin(replica, 'master', 0))) {
    const hasBegun = await switchOver(primary, replica);
    faultPoint('cluster-switchover:asked');
    if (!hasBegun)
      throw new Error(`${from.cacheClusterId} does not count ${to.cacheClusterId} as its replica yet`);
    if (!(await hasRoleWithin(replica, 'master', switchoverDeadlineMs)))
      throw new Error(`${to.cacheClusterId} did not take over from ${from.cacheClusterId} in time`);
  }
  if (!(await hasRoleWithin(primary, 'slave', switchoverDeadlineMs)))
    throw new Error(`${from.cacheClusterId} has not noticed yet that ${to.cacheClusterId} leads`);
}

/** Gossip between two nodes that are introduced takes 0.1-0.3 s. */
const introductionMs = 2_000;

/** A node that is new, or has lost its file, knows nobody: it is introduced first, and follows when it knows its primary. */
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
  const end = performance.now() + introductionMs;
  for (let isIntroduced = false; ; isIntroduced = true) {
    try {
      await followPrimary(connection, id);
      return await forgetFormer(context, node, connection, isIntroduced);
    } catch (error) {
      if (!(error instanceof EngineReplyError) || !/unknown node/i.test(error.message)) throw error;
      if (performance.now() >= end) throw error;
    }
    if (!isIntroduced) await introduce(context, node, connection);
    faultPoint('cluster-follow:introduced');
    await delay(10);
  }
}

/**
 * To every other node, since gossip alone takes seconds to tell all of them; but not to a primary that has lost its
 * nodes.conf and has yet to claim its slots: met before that, the others would make it drop its keys.
 */
async function introduce(
  { fleet }: ShardContext,
  node: CacheNode,
  connection: EngineConnection,
): Promise<void> {
  const [others, shards] = await Promise.all([
    othersOf(fleet.store, node),
    fleet.store.nodeGroupsOf([node.cacheIncarnation]),
  ]);
  const leaders = new Set(shards.map((shard) => shard.currentPrimary));
  const isKnown = await Promise.all(
    others.map((one) => !leaders.has(one.incarnation) || hasEpoch(fleet.connections.of(one))),
  );
  await connection.pipeline(
    others
      .filter((_, index) => isKnown[index])
      .map(({ address, port }) => ['CLUSTER', 'MEET', address, port, busPortOf(port)]),
  );
}

/** It is a part of the cluster: a blank node has epoch 0. One that does not answer is met by gossip later. */
async function hasEpoch(opening: Promise<EngineConnection>): Promise<boolean> {
  try {
    const info = String(await (await opening).callWithin(500, 'CLUSTER', 'INFO'));
    return /^cluster_my_epoch:[1-9]/m.test(info);
  } catch {
    return false;
  }
}

/**
 * A node that had to be introduced has a new id: the others forget the old one. And one that followed a primary which
 * came back with a new id could not forget that one's before.
 */
async function forgetFormer(
  context: ShardContext,
  node: CacheNode,
  connection: EngineConnection,
  isIntroduced: boolean,
): Promise<void> {
  const id = String(await connection.call('CLUSTER', 'MYID'));
  const others = isIntroduced ? await othersOf(context.fleet.store, node) : [];
  const { answering } = await findNeighbours(context, others);
  const former = { node: plannedNode(node), slots: [] };
  const connections = [connection, ...[...answering.values()].map((one) => one.connection)];
  await Promise.allSettled(
    connections.map(async (one) => {
      const members = parseClusterNodes(String(await one.call('CLUSTER', 'NODES')));
      await forgetFormerIds(one, former, id, members);
    }),
  );
}

/** Clients wait for this: asked without a pause for the first moments. */
async function hasRoleWithin(
  connection: EngineConnection,
  role: 'master' | 'slave',
  deadlineMs: number,
): Promise<boolean> {
  const start = performance.now();
  for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 1.3, 20)) {
    const [now] = (await connection.call('ROLE')) as [string];
    if (now === role) return true;
    const elapsedMs = performance.now() - start;
    if (elapsedMs >= deadlineMs) return false;
    if (elapsedMs > 30) await delay(pauseMs);
  }
}
