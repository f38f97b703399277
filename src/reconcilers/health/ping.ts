/** How a node is asked whether it lives: ROLE of Valkey and Redis, `version` of Memcached. */
import { connectMemcached, type MemcachedClient } from '../../engines/memcached/client.ts';
import type { EngineConnection } from '../../engines/valkey/client.ts';
import type { Connections } from '../../fleet/connections.ts';
import type { CacheNode } from '../../model/node.ts';
import type { SignOfLife } from './monitor.ts';

interface Ping {
  /** Throws when the node does not answer in time. */
  ping(node: CacheNode): Promise<SignOfLife>;
  close(): void;
}

const deadlineMs = 30_000;

export function createPing(connections: Connections): Ping {
  const memcached = createMemcachedPing();
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
function createMemcachedPing() {
  const clients = new Map<string, Promise<MemcachedClient>>();
  return {
    async ping(node: CacheNode): Promise<void> {
      const known = clients.get(node.incarnation);
      const client = known ?? connectMemcached({ address: node.address, port: node.port, deadlineMs: 2_000 });
      if (!known) clients.set(node.incarnation, client);
      try {
        await (await client).version();
      } catch (error) {
        clients.delete(node.incarnation);
        client.then((open) => open.close()).catch(() => {});
        throw error;
      }
    },
    close() {
      for (const client of clients.values()) client.then((open) => open.close()).catch(() => {});
    },
  };
}
