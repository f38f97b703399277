/** A client that writes without a pause, and remembers what it was told has been written. */
import assert from 'node:assert/strict';
import { setImmediate as breathe } from 'node:timers/promises';
import type { Cluster, Redis } from 'iovalkey';

export interface Writer {
  /** Keys whose write was acknowledged so far. */
  readonly acknowledged: number;
  readonly errors: readonly Error[];
  /** Resolves when the write under way has ended. */
  stop(): Promise<void>;
}

/** Keys are `w-0`, `w-1` …, and each holds its own number. */
export function keepWriting(client: Redis | Cluster): Writer {
  const errors: Error[] = [];
  let [acknowledged, isStopped] = [0, false];
  const running = (async () => {
    while (!isStopped) {
      try {
        await client.set(`w-${acknowledged}`, acknowledged);
        acknowledged += 1;
      } catch (error) {
        errors.push(error as Error);
        await breathe();
      }
    }
  })();
  return {
    get acknowledged() {
      return acknowledged;
    },
    errors,
    async stop() {
      isStopped = true;
      await running;
    },
  };
}

/** Everything that was acknowledged is there. */
export async function requireAll(client: Redis, { acknowledged }: Writer): Promise<void> {
  assert.ok(acknowledged > 0, 'something was written');
  const keys = Array.from({ length: acknowledged }, (_, index) => `w-${index}`);
  const values = await client.mget(keys);
  const lost = keys.filter((_, index) => values[index] !== String(index));
  assert.deepEqual(lost, [], `of ${acknowledged} acknowledged writes`);
}
