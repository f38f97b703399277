/** Facts of a shard as rows: written after the engine confirmed them, again from fresh rows when somebody was faster. */
import { announce, type EventText } from '../../fleet/announce.ts';
import type { CacheNode, NodeGroup } from '../../model/node.ts';
import type { Cache } from '../../model/resource.ts';
import { type Change, StaleWrite, type Store } from '../../store/contract.ts';
import type { ShardContext } from './context.ts';

/** Writes a changed shard row together with `more`. False when there is no such shard any more. */
export async function updateNodeGroup(
  store: Store,
  key: Pick<NodeGroup, 'cacheIncarnation' | 'nodeGroupId'>,
  change: (shard: NodeGroup) => NodeGroup,
  more: readonly Change[] = [],
): Promise<boolean> {
  for (;;) {
    const shard = await store.nodeGroup(key.cacheIncarnation, key.nodeGroupId);
    if (!shard) return false;
    const row = { ...change(shard), version: shard.version + 1 };
    try {
      await store.commit([{ put: 'node-group', row }, ...more]);
      return true;
    } catch (error) {
      if (!(error instanceof StaleWrite)) throw error;
    }
  }
}

/** An event on the cache itself: on its group, or on the cluster. */
export function tellCache(context: ShardContext, cache: Cache, text: Omit<EventText, 'sourceType'>): Change {
  const sourceType = cache.kind === 'replication-group' ? 'replication-group' : 'cache-cluster';
  return announce(cache, cache.id, { ...text, sourceType }, context.fleet.clock.now());
}

/** An event on the member that a node is. */
export function tellMember(
  context: ShardContext,
  node: CacheNode,
  text: Omit<EventText, 'sourceType'>,
): Change {
  return announce(
    node,
    node.cacheClusterId,
    { ...text, sourceType: 'cache-cluster' },
    context.fleet.clock.now(),
  );
}
