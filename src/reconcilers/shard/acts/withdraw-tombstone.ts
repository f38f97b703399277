/**
 * A member was to leave, and whoever was counted on to stay with the data is gone before it left: it is a member as
 * before, and may lead. The operation that wanted to remove it finds that, and waits or gives up.
 */
import { removalPutOff } from '../../../catalog/events.ts';
import { faultPoint } from '../../../platform/fault-points.ts';
import type { ShardContext } from '../context.ts';
import type { ShardFacts } from '../observe/observe-shard.ts';
import { memberEvent } from '../record.ts';
import type { Member } from '../view.ts';
import { introduce } from './cluster-follow.ts';

export async function withdrawTombstone(
  context: ShardContext,
  { view }: ShardFacts,
  incarnation: string,
): Promise<void> {
  const member = view.leaving.find(({ node }) => node.incarnation === incarnation);
  if (!member) throw new Error(`node ${incarnation} is not about to leave this shard`);
  const { node } = member;
  // This comes before the record: while the tombstone is still there, the next Limber does it again.
  if (view.clusterMode === 'enabled' && member.engine) {
    await introduceAgain(context, member);
    faultPoint('withdraw-tombstone:introduced');
  }
  await context.fleet.store.commit([
    {
      put: 'node',
      row: { ...node, intent: 'running', status: 'available', version: node.version + 1 },
    },
    memberEvent(context, node, removalPutOff(node.cacheClusterId)),
  ]);
  faultPoint('withdraw-tombstone:recorded');
}

/** The other nodes may have been made to forget the member. It knows them all the same, so that it can be introduced to them. */
async function introduceAgain(context: ShardContext, { node }: Member): Promise<void> {
  try {
    await introduce(context, node, await context.fleet.connections.of(node));
  } catch (error) {
    context.fleet.log.warn(`${node.cacheClusterId} was not introduced to its cluster again`, { error });
  }
}
