/**
 * A queue of lists: a job moves from the waiting list to its worker's own list in one step (`BLMOVE`), and leaves that
 * when it is done. A worker that dies leaves its jobs there; once its sign of life has expired they go back.
 *
 * All keys share the hash tag in braces, so that they share a slot in cluster mode.
 */
import type { Redis } from 'iovalkey';
import type { JobQueue } from './job-queue.ts';

const waiting = '{message-queue:list}:waiting';
const takenBy = (worker: string) => `{message-queue:list}:taken-by:${worker}`;
const signOfLife = (worker: string) => `{message-queue:list}:alive:${worker}`;

/** `worker` is a name that is never used again, `jobMs` longer than any job takes. */
export function openListQueue(cache: Redis, worker: string, jobMs: number): JobQueue {
  return {
    async add(body) {
      await cache.lpush(waiting, body);
    },

    async take(waitMs) {
      await cache.set(signOfLife(worker), '', 'PX', waitMs + jobMs);
      const body = await cache.blmove(waiting, takenBy(worker), 'RIGHT', 'LEFT', waitMs / 1_000);
      return body === null ? null : { id: body, body };
    },

    async done(job) {
      await cache.lrem(takenBy(worker), 1, job.id);
    },

    async recover() {
      let recovered = 0;
      for (const list of await lists(cache)) {
        if (await cache.exists(signOfLife(list.slice(takenBy('').length)))) continue;
        // To the end that is taken from, the oldest last: it comes first again.
        while ((await cache.lmove(list, waiting, 'LEFT', 'RIGHT')) !== null) recovered += 1;
      }
      return recovered;
    },

    async clear() {
      await cache.del(waiting, ...(await lists(cache)));
    },
  };
}

/** Of all workers that hold jobs: an empty list does not exist. Among very many other keys keep a set of names. */
async function lists(cache: Redis): Promise<string[]> {
  const found: string[] = [];
  for await (const keys of cache.scanStream({ match: takenBy('*'), count: 1_000 })) found.push(...keys);
  return found;
}
