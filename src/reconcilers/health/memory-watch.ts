/**
 * Keeps the memory limit of Memcached nodes: a client may change it by `cache_memlimit`, up or down. It is looked at together
 * with the PING, and set back; memory that was taken beyond it is given back to the machine. An event says so, once an
 * hour for each node, since a client may do it in a loop.
 */
import { memoryLimitSetBack } from '../../catalog/events.ts';
import { memcachedSettings } from '../../catalog/memcached-settings.ts';
import { nodeType } from '../../catalog/node-types.ts';
import { type MemcachedClient, MemcachedUnreachable } from '../../engines/memcached/client.ts';
import { giveBackPages, memoryLimit, setMemoryLimit } from '../../engines/memcached/memory-limit.ts';
import { announce } from '../../fleet/announce.ts';
import type { Fleet } from '../../fleet/fleet.ts';
import { nodeParameters } from '../../fleet/parameters.ts';
import type { CacheNode } from '../../model/node.ts';

const lookMs = 2_000;
const giveBackMs = 10_000;
const eventMs = 3_600_000;

interface Watch {
  /** Monotonic milliseconds. */
  lookedAt: number;
  toldAt: number;
  isLooking: boolean;
}

export interface MemoryWatch {
  /** Looks when it is time. Never throws: what goes wrong is logged, and looked at again. */
  look(node: CacheNode, client: MemcachedClient): Promise<void>;
}

export function createMemoryWatch({
  store,
  clock,
  log,
}: Pick<Fleet, 'store' | 'clock' | 'log'>): MemoryWatch {
  const watches = new Map<string, Watch>();

  function watchOf({ incarnation }: CacheNode): Watch {
    const known = watches.get(incarnation);
    if (known) return known;
    // Nodes that are gone: what their watch says is only kept for the sake of the events.
    for (const [other, { lookedAt }] of watches)
      if (clock.monotonic() - lookedAt > eventMs) watches.delete(other);
    const watch = { lookedAt: Number.NEGATIVE_INFINITY, toldAt: Number.NEGATIVE_INFINITY, isLooking: false };
    watches.set(incarnation, watch);
    return watch;
  }

  async function keep(node: CacheNode, client: MemcachedClient, watch: Watch): Promise<void> {
    if (!node.started) return;
    const cluster = await store.resourceByIncarnation('cache-cluster', node.cacheIncarnation);
    if (!cluster) return;
    const { cacheNodeType } = node.started;
    const { memoryMb: to } = memcachedSettings(
      nodeParameters(cluster, node.started),
      nodeType(cacheNodeType),
    );
    const from = await memoryLimit(client);
    if (from === to) return;
    await setMemoryLimit(client, to);
    log.warn('a client had changed the memory limit of a Memcached node, which is set back', {
      node: node.incarnation,
      from,
      to,
    });
    const now = clock.now();
    if (clock.monotonic() - watch.toldAt > eventMs) {
      watch.toldAt = clock.monotonic();
      const event = memoryLimitSetBack(node.cacheNodeId, { from, to });
      await store.commit([announce(cluster, node.cacheClusterId, event, now)]);
    }
    const left = await giveBackPages(client, to, giveBackMs);
    if (left > 0) log.warn('a Memcached node holds more memory than its limit', { left });
  }

  return {
    async look(node, client) {
      const watch = watchOf(node);
      const now = clock.monotonic();
      if (watch.isLooking || now - watch.lookedAt < lookMs) return;
      watch.lookedAt = now;
      watch.isLooking = true;
      await keep(node, client, watch)
        .catch((error: unknown) => {
          // One that does not answer is the monitor's business.
          const level = error instanceof MemcachedUnreachable ? 'debug' : 'warn';
          log[level]('the memory limit of a Memcached node is not kept', { node: node.incarnation, error });
        })
        .finally(() => {
          watch.isLooking = false;
        });
    },
  };
}
