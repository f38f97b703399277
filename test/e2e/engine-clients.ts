/** Data clients, as applications have them. Each is closed with the test that opened it. */
import { connect, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { Cluster, Redis } from 'iovalkey';
import memjs from 'memjs';
import { createClient, createCluster } from 'redis';
import type { HostPort } from './caches.ts';

/** iovalkey. Fails a command at once rather than repeating it out of sight. */
export function valkey(t: TestContext, at: HostPort): Redis {
  const client = new Redis({ ...at, maxRetriesPerRequest: 0, retryStrategy: () => 20 });
  client.on('error', () => {}); // what matters is how the commands end
  t.after(() => client.disconnect());
  return client;
}

/** iovalkey's cluster client, told of the configuration endpoint alone. */
export function valkeyCluster(t: TestContext, at: HostPort): Cluster {
  const client = new Cluster([at]);
  t.after(() => client.disconnect());
  return client;
}

/** node-redis, connected. */
export async function nodeRedis(t: TestContext, { host, port }: HostPort) {
  const client = createClient({ socket: { host, port } });
  client.on('error', () => {});
  await client.connect();
  t.after(() => client.destroy());
  return client;
}

/** node-redis's cluster client, connected. */
export async function nodeRedisCluster(t: TestContext, { host, port }: HostPort) {
  const client = createCluster({ rootNodes: [{ socket: { host, port } }] });
  await client.connect();
  t.after(() => client.destroy());
  return client;
}

/** memjs, which spreads keys over the servers that it is given. */
export function memcached(t: TestContext, servers: readonly HostPort[]): memjs.Client {
  const client = memjs.Client.create(servers.map(({ host, port }) => `${host}:${port}`).join(','), {
    timeout: 5,
    retries: 0,
  });
  t.after(() => client.close());
  return client;
}

/** Sends one line as telnet would, and reads until the answer ends so. */
export async function ask({ host, port }: HostPort, line: string, end: RegExp): Promise<string> {
  const socket: Socket = connect({ host, port });
  socket.setTimeout(5_000, () => socket.destroy(new Error(`no answer to ${line}`)));
  try {
    socket.write(`${line}\r\n`);
    let answer = '';
    for await (const chunk of socket) {
      answer += chunk;
      if (end.test(answer)) return answer;
    }
    throw new Error(`the connection ended after: ${answer}`);
  } finally {
    socket.destroy();
  }
}

/** A field of INFO, as text. */
export async function info(client: Redis, field: string): Promise<string | undefined> {
  return new RegExp(`^${field}:(.*?)\\r?$`, 'm').exec(await client.info('everything'))?.[1];
}
