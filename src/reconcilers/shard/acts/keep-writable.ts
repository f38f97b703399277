/**
 * A primary refuses writes during its switchover. Whoever gave the switchover up may have died, or not have reached the
 * engine, before it accepted them again: a settled shard's primary takes writes on the terms of its parameter group. So do
 * the replicas of a cluster: the engines may let one of them lead while Limber is away.
 */
import type { EngineConnection } from '../../../engines/valkey/client.ts';
import { readParameters } from '../../../engines/valkey/parameters.ts';
import { acceptWrites } from '../../../engines/valkey/switchover.ts';
import { writeCondition } from '../../../fleet/parameters.ts';
import type { ShardContext } from '../context.ts';
import type { ShardFacts } from '../observe/observe-shard.ts';
import type { Member } from '../view.ts';

const setting = 'min-replicas-to-write';

/** Replicas that were seen to: nobody but a Limber that has died since can have left one otherwise. */
const seenTo = new WeakSet<EngineConnection>();

export async function keepWritable(context: ShardContext, { cache, view }: ShardFacts): Promise<void> {
  const { shard, members, clusterMode } = view;
  const isWanted = ({ node, engine }: Member) =>
    engine !== null &&
    (node.incarnation === shard.currentPrimary ? engine.role === 'primary' : clusterMode === 'enabled');
  for (const { node, engine } of members.filter(isWanted)) {
    const condition = writeCondition(cache, node);
    const connection = await context.fleet.connections.of(node);
    if (engine?.role === 'replica' && seenTo.has(connection)) continue;
    const shown = (await readParameters(connection, [setting])).get(setting);
    if (Number(shown) !== condition.minReplicas) await acceptWrites(connection, condition);
    seenTo.add(connection);
  }
}
