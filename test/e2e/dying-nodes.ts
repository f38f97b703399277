/** Nodes that die a moment after each of their starts, as those do that the kernel's out-of-memory killer ends. */
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { isAlive, type Limber } from '../support/limber.ts';
import type { HostPort } from './caches.ts';
import { valkey } from './engine-clients.ts';

export interface Dying {
  /** How often they have died. */
  readonly deaths: number;
  /** They live from now on. */
  stop(): Promise<void>;
}

/** Kills each process of such members `afterMs` after it was first seen, until it is stopped or the test ends. */
export function dieAfterEachStart(
  t: TestContext,
  limber: Limber,
  isDying: (member: string) => boolean,
  afterMs: number,
): Dying {
  let [deaths, isOver] = [0, false];
  const seen = new Set<number>();
  const hunting = (async () => {
    while (!isOver) {
      const { caches } = await limber.status().catch(() => ({ caches: [] }));
      for (const { id, pid } of caches.flatMap((cache) => cache.members)) {
        if (pid === null || !isDying(id) || seen.has(pid) || !isAlive(pid)) continue;
        seen.add(pid);
        setTimeout(() => {
          if (isOver || !isAlive(pid)) return;
          process.kill(pid, 'SIGKILL');
          deaths += 1;
        }, afterMs);
      }
      await delay(10);
    }
  })();
  const stop = async () => {
    isOver = true;
    await hunting;
  };
  t.after(stop);
  return {
    get deaths() {
      return deaths;
    },
    stop,
  };
}

/** So many values of a MiB each: a replica needs some hundred milliseconds to take them. */
export async function fill(t: TestContext, at: HostPort, mebibytes: number): Promise<void> {
  const client = valkey(t, at);
  const value = 'x'.repeat(2 ** 20);
  for (let key = 0; key < mebibytes; key += 1) await client.set(`key:${key}`, value);
}
