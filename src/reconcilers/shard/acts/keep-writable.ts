/**
 * A primary refuses writes during its switchover. Whoever gave the switchover up may have died, or not have reached the
 * engine, before it accepted them again: a settled shard's primary takes writes on the terms of its parameter group.
 */
import { readParameters } from '../../../engines/valkey/parameters.ts';
import { acceptWrites } from '../../../engines/valkey/switchover.ts';
import { writeCondition } from '../../../fleet/parameters.ts';
import type { ShardContext } from '../context.ts';
import type { ShardFacts } from '../observe/observe-shard.ts';

const setting = 'min-replicas-to-write';

export async function keepWritable(context: ShardContext, { cache, view }: ShardFacts): Promise<void> {
  const { shard, members, clusterMode } = view;
  const primary = members.find(({ node }) => node.incarnation === shard.currentPrimary);
  if (clusterMode === 'enabled' || primary?.engine?.role !== 'primary') return;
  const condition = writeCondition(cache, primary.node);
  const connection = await context.fleet.connections.of(primary.node);
  const shown = (await readParameters(connection, [setting])).get(setting);
  if (Number(shown) !== condition.minReplicas) await acceptWrites(connection, condition);
}
