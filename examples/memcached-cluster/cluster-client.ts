/** A Memcached client for a cluster: finds the nodes, spreads the keys over them, follows changes. */
import memjs from 'memjs';
import { type ClusterNodes, discover, watchCluster } from './discovery.ts';
import { createHashRing, type HashRing } from './hash-ring.ts';

export interface ClusterClient {
  /** Null when the cache does not hold it (any longer). */
  get(key: string): Promise<string | null>;
  /** False when its node did not take it. */
  set(key: string, value: string, ttlSeconds: number): Promise<boolean>;
  /** Which node a key belongs to at present. */
  ring(): HashRing;
  version(): number;
  close(): void;
}

/** `endpoint` is the configuration endpoint as `host:port`. */
export async function openCluster(endpoint: string, pollMs = 60_000): Promise<ClusterClient> {
  let cluster = await discover(endpoint);
  let ring = createHashRing(cluster.nodes);
  const clients = new Map<string, memjs.Client>();
  follow(cluster);
  const stopWatching = watchCluster({ endpoint, known: cluster, intervalMs: pollMs, onChange: follow });

  function follow(next: ClusterNodes): void {
    cluster = next;
    ring = createHashRing(next.nodes);
    for (const node of next.nodes) {
      if (!clients.has(node)) clients.set(node, memjs.Client.create(node));
    }
    for (const [node, client] of clients) {
      if (next.nodes.includes(node)) continue;
      clients.delete(node);
      client.quit(); // after the answers that are still due
    }
  }

  function clientOf(key: string): memjs.Client {
    const client = clients.get(ring.nodeOf(key));
    if (!client) throw new Error(`no client for ${ring.nodeOf(key)}`);
    return client;
  }

  return {
    // What a node that does not answer would have held is missing until it is back: slower, but no error.
    get: (key) =>
      clientOf(key)
        .get(key)
        .then(({ value }) => value?.toString() ?? null)
        .catch(() => null),
    set: (key, value, ttlSeconds) =>
      clientOf(key)
        .set(key, value, { expires: ttlSeconds })
        .catch(() => false),
    ring: () => ring,
    version: () => cluster.version,
    close() {
      stopWatching();
      for (const client of clients.values()) client.close();
    },
  };
}
