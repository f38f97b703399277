/** Who holds a shard's data at this moment, for whoever may look and not act. Sentences for people. */
import type { NodeGroup } from '../model/node.ts';
import { neededOf, whyNoHeir } from './shard/decide/last-copy.ts';
import type { ShardView } from './shard/view.ts';
import type { Shards } from './shards.ts';

type ShardReference = Pick<NodeGroup, 'cacheIncarnation' | 'nodeGroupId'>;

/** Of replication groups. All is well with a shard that is gone: the commit that is made for it is refused. */
export function createCopies(shards: Pick<Shards, 'look'>) {
  async function viewOf({ cacheIncarnation, nodeGroupId }: ShardReference): Promise<ShardView | null> {
    const facts = await shards.look({ cacheKind: 'replication-group', cacheIncarnation, nodeGroupId });
    return facts?.view ?? null;
  }
  return {
    /** Why these nodes (incarnations) cannot leave now; null when they can. */
    async whyNeeded(shard: ShardReference, going: readonly string[]): Promise<string | null> {
      const view = await viewOf(shard);
      return (view && neededOf(view, new Set(going)))?.sentence ?? null;
    },
    /** Why nobody could take over from the primary now; null when somebody could. */
    async whyNoHeir(shard: ShardReference): Promise<string | null> {
      const view = await viewOf(shard);
      return view && whyNoHeir(view);
    },
  };
}
