/**
 * Whether a node serves.
 *
 * What of the managed service's restrictions a stock Memcached can keep: nothing by command. It has no access
 * control, so `lru_crawler`, `lru` and `slabs`, which the managed service drops from 1.6.17 on, are answered here.
 * It can refuse `flush_all` (`-F`, parameter disable_flush_all), `watch` (`-W`, parameter watch) and the dumps
 * `lru_crawler metadump`, `stats cachedump` and `stats detail` (`-X`); `shutdown` is refused unless asked for (`-A`,
 * never given). `cache_memlimit` and `verbosity` stay open to clients; what the former changes is set back
 * (memory-limit.ts).
 */
import { connectMemcached, type MemcachedClient } from './client.ts';

/** True when the node answers `version`. Never throws: false is the answer to every failure. */
export async function isReady(client: MemcachedClient): Promise<boolean> {
  try {
    await client.version();
    return true;
  } catch {
    return false;
  }
}

/**
 * The same for an address, with a connection of its own: what `NodeRuntime.start` asks again and again.
 * `pid`: only this process counts, since an address may still be held by another.
 */
export async function answersAt(
  options: { readonly address: string; readonly port: number; readonly deadlineMs: number },
  pid?: number,
): Promise<boolean> {
  try {
    const client = await connectMemcached(options);
    try {
      return pid === undefined ? await isReady(client) : (await client.stats()).pid === pid;
    } finally {
      client.close();
    }
  } catch {
    return false;
  }
}
