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
import { type EngineFacts, endpointOf, formerPrimaryOf, hasFollowed, type Member } from '../view.ts';

/** To be called before `node` leads. Gives the events to record after that: none while the lag is within `maxLagMs`, or unknown. */
export async function prepareLaggingLead(
  context: ShardContext,
  { cache, view }: ShardFacts,
  node: CacheNode,
): Promise<readonly Change[]> {
  const find = (incarnation: string | null) =>
    view.members.find((one) => one.node.incarnation === incarnation);
  const [before, member] = [formerPrimaryOf(view, node), find(node.incarnation)];
  const amount = before && member?.engine ? lackOf(context, before, member, member.engine) : null;
  if (!before || amount === null) return [];
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

/** For people: how much of the lost primary's writes is missing; null when that is within bounds, or unknown. */
function lackOf(
  { monitor, fleet }: ShardContext,
  before: CacheNode,
  member: Member,
  engine: EngineFacts,
): string | null {
  if (!hasFollowed(member, before)) return 'all that it took while it led';
  // Offsets compare only within the history of one primary.
  const lag = engine.follows === endpointOf(before) ? monitor.lagBehind(before, engine.offset) : null;
  if (!lag || lag.ms <= fleet.settings.maxLagMs) return null;
  return `at least ${(lag.ms / 1000).toFixed(1)} s (${lag.bytes} bytes)`;
}
