/**
 * A member was to leave, and whoever was counted on to stay with the data is gone before it left: it is a member as
 * before, and may lead. The operation that wanted to remove it finds that, and waits or gives up. Until its process ends
 * its cluster knows it, so that there is nothing else to take back.
 */
import { removalPutOff } from '../../../catalog/events.ts';
import { faultPoint } from '../../../platform/fault-points.ts';
import type { ShardContext } from '../context.ts';
import type { ShardFacts } from '../observe/observe-shard.ts';
import { memberEvent } from '../record.ts';

export async function withdrawTombstone(
  context: ShardContext,
  { view }: ShardFacts,
  incarnation: string,
): Promise<void> {
  const node = view.leaving.find((member) => member.node.incarnation === incarnation)?.node;
  if (!node) throw new Error(`node ${incarnation} is not about to leave this shard`);
  await context.fleet.store.commit([
    { put: 'node', row: { ...node, intent: 'running', status: 'available', version: node.version + 1 } },
    memberEvent(context, node, removalPutOff(node.cacheClusterId)),
  ]);
  faultPoint('tombstone:withdrawn');
}
