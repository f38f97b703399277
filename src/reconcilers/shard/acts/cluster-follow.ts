/** Following a primary in cluster mode, where a node has to know the others first. */
import { forgetFormerIds } from '../../../engines/valkey/claim-slots.ts';
import type { EngineConnection } from '../../../engines/valkey/client.ts';
import { followPrimary } from '../../../engines/valkey/cluster-failover.ts';
import { readMembers } from '../../../engines/valkey/cluster-view.ts';
import { busPortOf, plannedNode } from '../../../fleet/launch.ts';
import type { CacheNode } from '../../../model/node.ts';
import { faultPoint } from '../../../platform/fault-points.ts';
import type { ShardContext } from '../context.ts';
import { findNeighbours, othersOf } from './claim-slots.ts';
import { epochOf } from './cluster-epoch.ts';

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
  const { clock } = context.fleet;
  const end = clock.monotonic() + introductionMs;
  for (let isIntroduced = false; ; ) {
    const state = await followPrimary(connection, id);
    if (state === 'follows') return await forgetFormer(context, node, connection, isIntroduced);
    if (clock.monotonic() >= end) {
      const what = state === 'unknown' ? primary.cacheClusterId : `that ${primary.cacheClusterId} leads`;
      throw new Error(`${node.cacheClusterId} does not know ${what} yet`);
    }
    if (state === 'unknown' && !isIntroduced) {
      await introduce(context, node, connection);
      isIntroduced = true;
    }
    faultPoint('cluster-follow:introduced');
    await clock.delay(10);
  }
}

/**
 * Introduces a node to every other one, since gossip alone takes seconds to reach all of them; but not to a primary that
 * has lost its nodes.conf and has yet to claim its slots: met before that, the others would make it drop its keys.
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
    others.map(async (one) => {
      // It is a part of the cluster: a blank node has epoch 0. One that does not answer is met by gossip later.
      return !leaders.has(one.incarnation) || ((await epochOf(fleet.connections.of(one))) ?? 0) > 0;
    }),
  );
  await connection.pipeline(
    others
      .filter((_, index) => isKnown[index])
      .map(({ address, port }) => ['CLUSTER', 'MEET', address, port, busPortOf(port)]),
  );
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
      const members = await readMembers(one);
      await forgetFormerIds(one, former, id, members);
    }),
  );
}
