/**
 * The bytes that a node may take for items, which any client can change by `cache_memlimit`: Memcached has no access control.
 * Found on 1.6.18, 1.6.38 and 1.6.45: setting the limit back stops the growth, and the pages that were taken beyond it stay
 * with their item sizes until they are moved to the pool of free ones (`slabs reassign <class> 0`), from where the engine
 * gives them back to the system. 240 pages take 0.5 to 2.6 s. Items in them are evicted.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { MemcachedClient } from './client.ts';

const pageBytes = 2 ** 20;
/** Between two looks at which item sizes have the most pages: a look is 10 KB. */
const pagesPerLook = 20;
const busyMs = 2;

/** Megabytes. */
export async function memoryLimit(client: MemcachedClient): Promise<number> {
  return (await client.stats()).bytesMax / pageBytes;
}

/** Sets the limit. Throws `MemcachedRefused` when the engine cannot (large pages). */
export async function setMemoryLimit(client: MemcachedClient, megabytes: number): Promise<void> {
  await client.command(`cache_memlimit ${megabytes}`, 'OK');
}

/**
 * Moves pages out of use until no more than the limit is taken, for at most `deadlineMs`. The number of pages that are still
 * too many: not 0 when the time is up, or when the node's parameters do not let pages be moved.
 */
export async function giveBackPages(
  client: MemcachedClient,
  megabytes: number,
  deadlineMs: number,
): Promise<number> {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    const { excess, largest } = await pagesOf(client, megabytes);
    if (excess <= 0 || largest === null || performance.now() > deadline) return Math.max(0, excess);
    for (let moved = 0; moved < Math.min(excess, pagesPerLook, largest.pages - 1); ) {
      const answer = await client.ask(`slabs reassign ${largest.slabClass} 0`);
      if (answer === 'OK') moved += 1;
      else if (!answer.startsWith('BUSY')) return excess;
      await delay(busyMs);
      if (performance.now() > deadline) break;
    }
  }
}

interface Pages {
  /** So many more than the limit allows. */
  readonly excess: number;
  /** The item size that has the most; null when none has one to spare. */
  readonly largest: { readonly slabClass: number; readonly pages: number } | null;
}

async function pagesOf(client: MemcachedClient, megabytes: number): Promise<Pages> {
  const stats = await client.statsOf('slabs');
  let largest: Pages['largest'] = null;
  for (const [name, value] of stats) {
    const slabClass = Number(/^(\d+):total_pages$/.exec(name)?.[1] ?? 0);
    const pages = Number(value);
    if (slabClass > 0 && pages > (largest?.pages ?? 1)) largest = { slabClass, pages };
  }
  const taken = Math.ceil(Number(stats.get('total_malloced') ?? 0) / pageBytes);
  return { excess: taken - megabytes, largest };
}
