/**
 * The best copy that is left lacks more than a little of what the lost primary had: it was cut off, or could not keep up.
 * The shard goes on with it all the same, since clients wait; the old primary's files, which hold more, are kept from the
 * synchronisation that would replace them, and an event says so.
 */
import { laggingCopyLeads } from '../../../catalog/events.ts';
import { markToKeep } from '../../../fleet/kept-files.ts';
import type { CacheNode } from '../../../model/node.ts';
import type { Change } from '../../../store/contract.ts';
import type { ShardContext } from '../context.ts';
import type { ShardFacts } from '../observe/observe-shard.ts';
import { cacheEvent } from '../record.ts';
import { endpointOf } from '../view.ts';

/** To be called before `node` is promoted. Gives the events to record after that: none while the lag is within `maxLagMs`, or unknown. */
export async function prepareLaggingLead(
  context: ShardContext,
  { cache, view }: ShardFacts,
  node: CacheNode,
): Promise<readonly Change[]> {
  const find = (incarnation: string | null) =>
    view.members.find((one) => one.node.incarnation === incarnation);
  const [before, engine] = [find(view.shard.currentPrimary)?.node, find(node.incarnation)?.engine];
  // Offsets compare only within the history of one primary.
  if (!before || before.incarnation === node.incarnation || engine?.follows !== endpointOf(before)) return [];
  const lag = context.monitor.lagBehind(before, engine.offset);
  if (!lag || lag.ms <= context.fleet.settings.maxLagMs) return [];
  const amount = `at least ${(lag.ms / 1000).toFixed(1)} s (${lag.bytes} bytes)`;
  if (view.durability !== 'disabled') {
    const reason = `they hold what ${node.cacheClusterId}, the best copy left, lacks: ${amount} of writes`;
    // A full disk must not keep everybody waiting; nor will it take the synchronisation that would replace the files.
    await markToKeep(context.fleet, before, reason).catch((error: unknown) =>
      context.fleet.log.error(`the files of ${before.cacheClusterId} could not be marked to be kept`, {
        error,
      }),
    );
  }
  return [cacheEvent(context, cache, laggingCopyLeads(node.cacheClusterId, before.cacheClusterId, amount))];
}
