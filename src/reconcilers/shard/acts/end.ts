/** Ends the process of a node in good order, because a restart was asked for. */
import { cacheNodeShutdown } from '../../../catalog/events.ts';
import { faultPoint } from '../../../platform/fault-points.ts';
import type { ShardContext } from '../context.ts';
import { heirsOf } from '../decide/recheck.ts';
import type { ShardFacts } from '../observe/observe-shard.ts';
import { memberEvent } from '../record.ts';
import { countSwitchover } from './count-switchover.ts';
import { drainWrites } from './drain-writes.ts';
import { nodeIn, requireLivingCopies } from './look-again.ts';

export async function end(context: ShardContext, fresh: ShardFacts, incarnation: string): Promise<void> {
  const node = nodeIn(fresh, incarnation);
  if (!node.handle) return;
  const check = () => requireLivingCopies(context, fresh, incarnation);
  const heirs = heirsOf(fresh.view, incarnation).map((heir) => heir.node);
  if (heirs.length === 0) check();
  else
    await countSwitchover(context, fresh, () =>
      drainWrites(context, fresh.cache, { from: node, heirs }, check),
    );
  context.fleet.connections.drop(node.incarnation);
  await context.fleet.runtime.stop(node.handle, { graceMs: hasFilesToClose(fresh, incarnation) ? 5_000 : 0 });
  // A process that was ended on purpose did not die: the next start is not put off for it, and failures before it do not count any more.
  context.starts.delete(node.incarnation);
  context.startFailures.delete(node.incarnation);
  faultPoint('end:stopped');
  await context.fleet.store.commit([memberEvent(context, node, cacheNodeShutdown(node.cacheNodeId))]);
}

/**
 * Who has time to end in good order ends some time later, when it may have become the last copy: by then the others, and the
 * Limber that looked at them, may have died. So only a node that has files to close has that time, and only if it answers.
 */
function hasFilesToClose({ view }: ShardFacts, incarnation: string): boolean {
  const member = view.members.find(({ node }) => node.incarnation === incarnation);
  return view.durability !== 'disabled' && member?.node.engine !== 'memcached' && member?.engine != null;
}
