/**
 * Automatic failover is disabled and the primary came back as a replica of a living copy. The copy leads, refusing
 * every client's write, until the primary holds all its data; then the primary leads again. Whoever dies in between:
 * the copy still refuses writes, so there are never two that take them.
 */
import { confirmSynced, promote, replicateFrom } from '../../../engines/valkey/replication.ts';
import { acceptWrites } from '../../../engines/valkey/switchover.ts';
import { durabilityOf } from '../../../fleet/launch.ts';
import { writeCondition } from '../../../fleet/parameters.ts';
import { updateNode } from '../../../fleet/start-node.ts';
import type { CacheNode } from '../../../model/node.ts';
import type { Cache } from '../../../model/resource.ts';
import { faultPoint } from '../../../platform/fault-points.ts';
import type { ShardContext } from '../context.ts';
import { confirmDeadlineMs, isOnDisk } from './confirm-synced.ts';
import { demote } from './demote.ts';
import { leadReadOnly } from './promote-read-only.ts';

export async function failBack(
  context: ShardContext,
  cache: Cache,
  from: CacheNode,
  to: CacheNode,
): Promise<void> {
  await leadReadOnly(context, from);
  const [source, former] = await Promise.all([
    context.fleet.connections.of(from),
    context.fleet.connections.of(to),
  ]);
  await replicateFrom(former, from);
  const { clock } = context.fleet;
  const deadline = clock.monotonic() + 30_000;
  while ((await confirmSynced(source, [to], confirmDeadlineMs)).length === 0) {
    if (clock.monotonic() > deadline)
      throw new Error(`${to.cacheClusterId} has not taken the data from ${from.cacheClusterId} yet`);
    await clock.delay(50);
  }
  // What the primary acknowledges from now on has to outlive its process. Until its file is whole it would not.
  while (durabilityOf(cache) === 'sync' && !(await isOnDisk(context, to))) {
    if (clock.monotonic() > deadline)
      throw new Error(`${to.cacheClusterId} has not written the data to its disk yet`);
    await clock.delay(50);
  }
  faultPoint('fail-back:synced');
  await promote(former);
  faultPoint('fail-back:restored');
  await demote(context, from, to);
  faultPoint('fail-back:source-follows');
  await acceptWrites(source, writeCondition(cache, from));
  await updateNode(context.fleet, to.incarnation, (row) => ({ ...row, role: 'primary', synced: true }));
  await updateNode(context.fleet, from.incarnation, (row) => ({ ...row, role: 'replica' }));
}
