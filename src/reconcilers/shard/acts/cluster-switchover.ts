/** A planned switchover in cluster mode: the engine's own coordinated failover. */
import { switchOver } from '../../../engines/valkey/cluster-failover.ts';
import type { CacheNode } from '../../../model/node.ts';
import { faultPoint } from '../../../platform/fault-points.ts';
import type { ShardContext } from '../context.ts';
import { hasRoleWithin } from './role-within.ts';

const switchoverDeadlineMs = 5_000;

/**
 * No write is lost. The switchover is done when both nodes say so: the old primary hears of it some milliseconds later, and
 * whoever looked in between would see two primaries, and ask for the switchover again.
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
