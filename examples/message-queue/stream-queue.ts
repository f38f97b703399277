/**
 * A queue of a stream with a consumer group: the engine remembers who took what (`XREADGROUP`) until it is acknowledged
 * (`XACK`), and gives to another worker what nobody acknowledged in time (`XAUTOCLAIM`).
 */
import type { Redis } from 'iovalkey';
import type { Job, JobQueue } from './job-queue.ts';

const stream = 'message-queue:stream';
const group = 'workers';
/** Old entries go when there are more than about this many; done or not, so be generous. */
const entriesMax = 100_000;

type Entry = [id: string, fields: [name: string, body: string]];

/** `jobMs` is longer than any job takes: after that another worker gets it. */
export function openStreamQueue(cache: Redis, worker: string, jobMs: number): JobQueue {
  const recovered: Job[] = []; // to be done before new ones
  return {
    async add(body) {
      await cache.xadd(stream, 'MAXLEN', '~', entriesMax, '*', 'body', body);
    },

    async take(waitMs) {
      const again = recovered.shift();
      if (again) return again;
      const read = ['GROUP', group, worker, 'COUNT', 1, 'BLOCK', waitMs, 'STREAMS', stream, '>'] as const;
      const streams = (await cache.xreadgroup(...read)) as [string, Entry[]][] | null;
      return streams?.[0]?.[1].map(toJob)[0] ?? null;
    },

    async done(job) {
      await cache.xack(stream, group, job.id);
    },

    async recover() {
      // One, since its time runs already while it waits here.
      const claim = [stream, group, worker, jobMs, '0', 'COUNT', 1] as const;
      const [, entries] = (await cache.xautoclaim(...claim)) as [string, Entry[]];
      recovered.push(...entries.map(toJob));
      return entries.length;
    },

    async clear() {
      await cache.del(stream);
      await createGroup(cache);
    },
  };
}

function toJob([id, [, body]]: Entry): Job {
  return { id, body };
}

async function createGroup(cache: Redis): Promise<void> {
  try {
    await cache.xgroup('CREATE', stream, group, '0', 'MKSTREAM');
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('BUSYGROUP'))) throw error;
  }
}
