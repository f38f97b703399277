/** Counts the failures of planned work that writers wait for, so that it is tried a few times only. */
import { keyText, type ShardContext } from '../context.ts';
import type { ShardFacts } from '../observe/observe-shard.ts';

export async function countSwitchover(
  context: ShardContext,
  { view }: ShardFacts,
  work: () => Promise<void>,
): Promise<void> {
  const key = keyText(view.shard);
  try {
    await work();
    context.switchoverFailures.delete(key);
  } catch (error) {
    const { version } = view.shard;
    const before = context.switchoverFailures.get(key);
    const count = (before?.version === version ? before.count : 0) + 1;
    context.switchoverFailures.set(key, { count, at: context.fleet.clock.monotonic(), version });
    throw error;
  }
}
