/** Kills the process of a node, which hangs in most cases, and sees it dead: only then somebody else may lead. */
import { nodeDied } from '../../../catalog/events.ts';
import { processName } from '../../../model/node.ts';
import { faultPoint } from '../../../platform/fault-points.ts';
import type { ShardContext } from '../context.ts';
import type { ShardAct } from '../decide/decision.ts';
import type { ShardFacts } from '../observe/observe-shard.ts';
import { memberEvent } from '../record.ts';
import { nodeIn, requireLivingCopies } from './look-again.ts';

const fenceDeadlineMs = 5_000;

export async function fence(
  context: ShardContext,
  fresh: ShardFacts,
  { node: incarnation, reason = 'it made no progress' }: Extract<ShardAct, { readonly kind: 'fence' }>,
): Promise<void> {
  const node = nodeIn(fresh, incarnation);
  if (!node.handle) return;
  requireLivingCopies(context, fresh, incarnation);
  const outcome = await context.fleet.runtime.fence(node.handle, { deadlineMs: fenceDeadlineMs });
  faultPoint('fence:done');
  if (outcome === 'unknown')
    throw new Error(
      `${node.cacheClusterId} (${processName(node.handle)}) was to be killed, and its exit was not seen`,
    );
  const how =
    node.intent === 'restarting'
      ? 'it did not answer, and was killed for the restart that was asked for'
      : `${reason} and was killed`;
  const text = nodeDied(node.cacheClusterId, node.cacheNodeId, how);
  await context.fleet.store.commit([memberEvent(context, node, text)]);
}
