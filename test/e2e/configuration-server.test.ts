/** The process that serves Memcached's configuration endpoints, under a real Limber. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { type CacheCluster, DeleteCacheClusterCommand } from '@aws-sdk/client-elasticache';
import { probeConfigurationServer } from '../../src/endpoints/memcached-configuration/control.ts';
import { eventually } from '../support/eventually.ts';
import { isAlive, type Limber, startLimber } from '../support/limber.ts';
import { at, createCluster, type HostPort, messagesOf } from './caches.ts';
import { ask } from './engine-clients.ts';

const serverOf = async ({ dataDirectory }: Limber) =>
  (await probeConfigurationServer(join(dataDirectory, 'endpoints', 'memcached')))?.pid;

const discover = (cluster: CacheCluster) =>
  ask(at(cluster.ConfigurationEndpoint), 'config get cluster', /END\r\n$/);

/** Fifty connections that ask as fast as they can, until the test is over. */
function flood(t: TestContext, { host, port }: HostPort): void {
  const bytes = Buffer.from('config get cluster\r\n'.repeat(10_000));
  let isOver = false;
  const sockets = Array.from({ length: 50 }, () => {
    const socket = connect(port, host);
    const send = () => {
      while (!isOver && socket.write(bytes));
    };
    socket
      .on('connect', send)
      .on('drain', send)
      .on('error', () => {})
      .resume();
    return socket;
  });
  t.after(() => {
    isOver = true;
    for (const socket of sockets) socket.destroy();
  });
}

describe('the configuration server', () => {
  it('is not taken for hung while clients keep it busy, and other caches are discovered meanwhile', async (t) => {
    const limber = await startLimber(t);
    const client = limber.client();
    const [busy, quiet] = await Promise.all(
      ['busy', 'quiet'].map((CacheClusterId) =>
        createCluster(client, { CacheClusterId, Engine: 'memcached' }),
      ),
    );
    const pid = await serverOf(limber);
    flood(t, at(busy!.ConfigurationEndpoint));
    // Limber looks at it once a second, and took it for hung at the first look that was not answered.
    for (const end = performance.now() + 4_000; performance.now() < end; )
      assert.match(await discover(quiet!), /^CONFIG cluster/);
    assert.equal(await serverOf(limber), pid);
    assert.ok(!limber.logs().includes('it is killed'));
  });

  it('is replaced when it hangs', async (t) => {
    const limber = await startLimber(t);
    const cluster = await createCluster(limber.client(), { CacheClusterId: 'pages', Engine: 'memcached' });
    const pid = (await serverOf(limber))!;
    process.kill(pid, 'SIGSTOP');
    await eventually(async (see) => {
      const now = see(await serverOf(limber));
      return now !== undefined && now !== pid;
    });
    assert.match(await discover(cluster), /^CONFIG cluster/);
    assert.ok(!isAlive(pid));
  });

  it('ends with the last Memcached cache, comes again with the next, and ends also when it hangs', async (t) => {
    const limber = await startLimber(t);
    const client = limber.client();
    const remove = (CacheClusterId: string) => client.send(new DeleteCacheClusterCommand({ CacheClusterId }));
    await Promise.all(
      ['one', 'two'].map((CacheClusterId) => createCluster(client, { CacheClusterId, Engine: 'memcached' })),
    );
    const pid = (await serverOf(limber))!;
    await remove('one');
    await eventually(async () => (await limber.status()).caches.length === 1);
    assert.equal(await serverOf(limber), pid);
    await remove('two');
    await eventually(() => !isAlive(pid));
    const cluster = await createCluster(client, { CacheClusterId: 'three', Engine: 'memcached' });
    assert.match(await discover(cluster), /^CONFIG cluster/);
    const next = (await serverOf(limber))!;
    assert.notEqual(next, pid);
    process.kill(next, 'SIGSTOP');
    await remove('three');
    await eventually(() => !isAlive(next));
  });
});

describe('the memory limit of a Memcached node', () => {
  it('is set back when a client changes it, and an event says so', async (t) => {
    const limber = await startLimber(t);
    const client = limber.client();
    const cluster = await createCluster(client, { CacheClusterId: 'pages', Engine: 'memcached' });
    const node = at(cluster.CacheNodes?.[0]?.Endpoint);
    const limit = async () => /limit_maxbytes (\d+)/.exec(await ask(node, 'stats', /END\r\n$/))?.[1];
    const before = await limit();
    const megabytes = Number(before) / 2 ** 20;
    for (const other of [megabytes + 400, 64]) {
      assert.equal(await ask(node, `cache_memlimit ${other}`, /\r\n$/), 'OK\r\n');
      await eventually(async (see) => see(await limit()) === before);
    }
    const told = (await messagesOf(client, 'pages')).filter((message) => message.includes('cache_memlimit'));
    assert.deepEqual(told, [
      `A client had set the memory limit of cache node 0001 to ${megabytes + 400} MB (cache_memlimit). It is ${megabytes} MB again`,
    ]);
  });
});
