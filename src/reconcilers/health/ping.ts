/** How a node is asked whether it lives: ROLE of Valkey and Redis, `version` of Memcached. */
import { connectMemcached, type MemcachedClient } from '../../engines/memcached/client.ts';
import type { EngineConnection } from '../../engines/valkey/client.ts';
import type { Fleet } from '../../fleet/fleet.ts';
import type { CacheNode } from '../../model/node.ts';
import { createMemoryWatch, type MemoryWatch } from './memory-watch.ts';
import type { SignOfLife } from './monitor.ts';

interface Ping {
  /** Throws when the node does not answer in time. */
  ping(node: CacheNode): Promise<SignOfLife>;
  close(): void;
}

const deadlineMs = 30_000;

export function createPing(fleet: Fleet): Ping {
  const { connections } = fleet;
  const memcached = createMemcachedPing(createMemoryWatch(fleet));
  return {
    async ping(node) {
      if (node.engine !== 'memcached') return askRole(await connections.of(node), node);
      await memcached.ping(node);
      return { wantsLook: false, offset: null };
    },
    close: memcached.close,
  };
}

/**
 * ROLE costs no more than PING. A replica says how its link is: one that is filled anew must not be promoted meanwhile.
 * A primary says how far its stream has come.
 */
async function askRole(connection: EngineConnection, node: CacheNode): Promise<SignOfLife> {
  const [role, second, , link] = (await connection.callWithin(deadlineMs, 'ROLE')) as unknown[];
  if (role === 'master') return { wantsLook: node.role === 'replica', offset: Number(second) };
  return { wantsLook: node.role === 'replica' && link === 'sync', offset: null };
}

/** A connection per Memcached node, kept between PINGs. */
function createMemcachedPing(memory: MemoryWatch) {
  const clients = new Map<string, Promise<MemcachedClient>>();

  async function connect(node: CacheNode): Promise<MemcachedClient> {
    const client = await connectMemcached({ address: node.address, port: node.port, deadlineMs: 2_000 });
    client.onClose(() => clients.delete(node.incarnation));
    return client;
  }

  return {
    async ping(node: CacheNode): Promise<void> {
      const known = clients.get(node.incarnation);
      const connecting = known ?? connect(node);
      if (!known) clients.set(node.incarnation, connecting);
      try {
        const client = await connecting;
        await client.version();
        void memory.look(node, client);
      } catch (error) {
        clients.delete(node.incarnation);
        connecting.then((open) => open.close()).catch(() => {});
        throw error;
      }
    },
    close() {
      for (const client of clients.values()) client.then((open) => open.close()).catch(() => {});
    },
  };
}
