/** Does work on a node that its shard's worker must not interfere with, such as the node's move to another cache. */
import type { CacheView } from '../../fleet/cache-view.ts';
import { shardKeysOf } from '../../reconcilers/shards.ts';
import type { Tools } from '../tools.ts';
import { forgetWithin } from './end-nodes.ts';

/**
 * The workers of the cache take no step while `work` runs. When it fails they go on: without them a node that dies
 * between two attempts would never come back, which may be what the next attempt needs. After it, nobody looks after the
 * cache. Throws what `work` throws, and `NotInTime`.
 */
export async function withoutWorker<T>(
  tools: Tools,
  view: CacheView,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  try {
    await forgetWithin(tools, view.cache.incarnation, signal);
    return await work();
  } catch (error) {
    tools.shards.ensure(shardKeysOf(view));
    throw error;
  }
}
