/** Makes a living node follow the primary. */
import { replicateFrom } from '../../../engines/valkey/replication.ts';
import { acceptWrites } from '../../../engines/valkey/switchover.ts';
import { writeCondition } from '../../../fleet/parameters.ts';
import type { CacheNode } from '../../../model/node.ts';
import { faultPoint } from '../../../platform/fault-points.ts';
import type { ShardContext } from '../context.ts';
import { sharesHistory } from '../decide/shares-history.ts';
import type { ShardFacts } from '../observe/observe-shard.ts';
import { invalidateSync } from '../record.ts';
import { clusterFollow } from './cluster-follow.ts';

export async function follow(
  context: ShardContext,
  facts: ShardFacts,
  node: CacheNode,
  primary: CacheNode,
): Promise<void> {
  const connection = await context.fleet.connections.of(node);
  const [own, leader] = [node, primary].map(
    ({ incarnation }) => facts.view.members.find((member) => member.node.incarnation === incarnation)?.engine,
  );
  if (!own || !leader || !sharesHistory(own, leader))
    await invalidateSync(context.fleet.store, node.incarnation);
  if (facts.view.clusterMode === 'enabled') return clusterFollow(context, node, primary);
  await replicateFrom(connection, primary);
  faultPoint('follow:told');
  // A former primary refused writes during its switchover; a replica refuses them anyway.
  await acceptWrites(connection, writeCondition(facts.cache, node));
}
