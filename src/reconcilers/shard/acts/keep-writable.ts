/**
 * A primary refuses writes during its switchover. Whoever gave the switchover up may have died, or not have reached the
 * engine, before it accepted them again: a settled shard's primary takes writes on the terms of its parameter group. So do
 * the replicas of a cluster: the engines may let one of them lead while Limber is away.
 */
import type { EngineConnection } from '../../../engines/valkey/client.ts';
import { readParameters } from '../../../engines/valkey/parameters.ts';
import { acceptWrites, mayRefuseWrites } from '../../../engines/valkey/switchover.ts';
import { writeCondition } from '../../../fleet/parameters.ts';
import type { ShardContext } from '../context.ts';
import type { ShardFacts } from '../observe/observe-shard.ts';
import type { Member } from '../view.ts';

const setting = 'min-replicas-to-write';

/** A primary that this Limber has not closed is asked again after this: what is asked stands in its clients' slow log. */
const askAgainMs = 60_000;

/**
 * Nodes that were seen to, by what they are to refuse, and when; monotonic milliseconds. Nobody but a Limber that has died
 * since can have left one otherwise.
 */
const seenTo = new WeakMap<EngineConnection, { readonly minReplicas: number; readonly at: number }>();

export async function keepWritable(context: ShardContext, { cache, view }: ShardFacts): Promise<void> {
  const { shard, members, clusterMode } = view;
  const { clock } = context.fleet;
  const isWanted = ({ node, engine }: Member) =>
    engine !== null &&
    (node.incarnation === shard.currentPrimary ? engine.role === 'primary' : clusterMode === 'enabled');
  for (const { node, engine } of members.filter(isWanted)) {
    const condition = writeCondition(cache, node);
    const connection = await context.fleet.connections.of(node);
    const seen = seenTo.get(connection);
    const isRecent = seen !== undefined && clock.monotonic() - seen.at < askAgainMs;
    const isOpen = seen?.minReplicas === condition.minReplicas && !mayRefuseWrites(connection);
    if (seen && (engine?.role === 'replica' || (isRecent && isOpen))) continue;
    const shown = (await readParameters(connection, [setting])).get(setting);
    if (Number(shown) !== condition.minReplicas) await acceptWrites(connection, condition);
    seenTo.set(connection, { minReplicas: condition.minReplicas, at: clock.monotonic() });
  }
}
