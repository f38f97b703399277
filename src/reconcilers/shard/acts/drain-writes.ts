/**
 * A primary takes no more writes and passes on those that it took: one that is to end and whose memory is all that it has,
 * and one that another is to lead after.
 */
import type { EngineConnection } from '../../../engines/valkey/client.ts';
import {
  acceptWrites,
  holdWrites,
  refuseWrites,
  type WriteCondition,
  waitForEqualOffsets,
} from '../../../engines/valkey/switchover.ts';
import { writeCondition } from '../../../fleet/parameters.ts';
import type { CacheNode } from '../../../model/node.ts';
import type { Cache } from '../../../model/resource.ts';
import { faultPoint } from '../../../platform/fault-points.ts';
import type { ShardContext } from '../context.ts';

/** Writers wait this long at most before they are answered with a refusal; a judgement. */
const holdMs = 1_000;

/**
 * Resolves when every heir holds all writes of `from`, which takes no more from then on: the engine's own wait on
 * SIGTERM gives up on a replica that hangs. When that fails, or `check` throws in the end, it takes writes again.
 */
export async function drainWrites(
  { fleet }: ShardContext,
  cache: Cache,
  { from, heirs }: { readonly from: CacheNode; readonly heirs: readonly CacheNode[] },
  check: () => void,
): Promise<void> {
  const condition = writeCondition(cache, from);
  const primary = await fleet.connections.of(from);
  const replicas = await Promise.all(heirs.map((heir) => fleet.connections.of(heir)));
  try {
    if (!(await closeForWrites(primary, replicas)))
      throw new Error(`not every replica of ${from.cacheClusterId} caught up with it within ${holdMs} ms`);
    check();
  } catch (error) {
    await acceptWrites(primary, condition);
    throw error;
  }
}

/** Throws when the next primary does not catch up in time; then the old one takes writes again. */
export async function closeForSwitchover(
  old: EngineConnection,
  next: EngineConnection,
  condition: WriteCondition,
  nextName: string,
): Promise<void> {
  if (await closeForWrites(old, [next])) return;
  await acceptWrites(old, condition);
  throw new Error(`${nextName} did not catch up with the primary within ${holdMs} ms`);
}

/**
 * The primary holds its writers back, refuses them from then on, and passes on what it took. False when a replica does
 * not have all of it in time: whoever gives up then lets it take writes again.
 */
async function closeForWrites(
  primary: EngineConnection,
  replicas: readonly EngineConnection[],
): Promise<boolean> {
  await holdWrites(primary, holdMs);
  faultPoint('switchover:writes-held');
  await refuseWrites(primary);
  faultPoint('switchover:writes-refused');
  const areEqual = await Promise.all(
    replicas.map((replica) => waitForEqualOffsets(primary, replica, holdMs)),
  );
  return !areEqual.includes(false);
}
