/** Right before an act that nothing undoes: fresh facts, and a look at the processes that it counts on. */
import { dataStateOf } from '../../../fleet/data-files.ts';
import type { CacheNode } from '../../../model/node.ts';
import type { ShardContext } from '../context.ts';
import { copiesBeside, countsOnItsFiles, type FinalAct, whyNotDue } from '../decide/recheck.ts';
import { observeShard, type ShardFacts } from '../observe/observe-shard.ts';

/** Reads fresh facts, which have to call for the same act. Throws when they do not: then nothing is killed, and all is decided anew. */
export async function lookAgain(
  context: ShardContext,
  { cache, view }: ShardFacts,
  act: FinalAct,
): Promise<ShardFacts> {
  const { cacheIncarnation, nodeGroupId } = view.shard;
  const fresh = await observeShard(context, {
    cacheKind: cache.kind,
    cacheIncarnation,
    nodeGroupId: nodeGroupId === '' ? null : nodeGroupId,
  });
  const reason = fresh ? whyNotDue(fresh.view, act) : 'the cache is gone';
  if (!fresh || reason !== null) throw new Error(`things have changed since that was decided: ${reason}`);
  // The other members took their time to answer, and an empty primary wipes its replicas.
  const node = nodeIn(fresh, act.node);
  if (countsOnItsFiles(fresh.view, act) && (await dataStateOf(context.fleet, cache, node)) !== 'present')
    throw new Error(`the files of ${node.cacheClusterId} have just vanished`);
  return fresh;
}

/** Looks into /proc at the moment of the signal: a death shows there at once, and so does a suspension. */
export function requireLivingCopies(
  { fleet }: ShardContext,
  { view }: ShardFacts,
  incarnation: string,
): void {
  for (const { node } of copiesBeside(view, incarnation))
    if (node.handle && fleet.runtime.inspect(node.handle).kind !== 'running')
      throw new Error(`${node.cacheClusterId}, which holds the same data, has just died or been suspended`);
}

/** The node of a member. Throws when the shard has no such member. */
export function nodeIn({ view }: ShardFacts, incarnation: string): CacheNode {
  const member = view.members.find((one) => one.node.incarnation === incarnation);
  if (!member) throw new Error(`node ${incarnation} is no member of this shard`);
  return member.node;
}
