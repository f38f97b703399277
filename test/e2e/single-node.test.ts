import assert from 'node:assert/strict';
import { totalmem } from 'node:os';
import { before, describe, it } from 'node:test';
import type { CacheCluster } from '@aws-sdk/client-elasticache';
import { startLimber } from '../support/limber.ts';
import { at, createCluster, createGroup, endpointsOf, membersOf, messagesOf } from './caches.ts';
import { info, nodeRedis, valkey } from './engine-clients.ts';
import { servesItself } from './sockets.ts';

const limber = await startLimber({ settings: { allowValkeyCacheClusters: true } });
const client = limber.client();

for (const [engine, version] of [
  ['valkey', '8.1'],
  ['valkey', '9.1'],
  ['redis', '7.0'],
] as const) {
  describe(`a single node of ${engine} ${version}`, () => {
    const id = `${engine}-${version.replace('.', '-')}`;
    let cluster: CacheCluster;

    before(async () => {
      cluster = await createCluster(client, { CacheClusterId: id, Engine: engine, EngineVersion: version });
    });

    it('is available with one node and its endpoint, and without a configuration endpoint', () => {
      assert.equal(cluster.CacheClusterStatus, 'available');
      assert.equal(cluster.NumCacheNodes, 1);
      assert.deepEqual(
        cluster.CacheNodes?.map((node) => [node.CacheNodeId, node.CacheNodeStatus, node.Endpoint?.Port]),
        [['0001', 'available', 6379]],
      );
      assert.equal(cluster.ConfigurationEndpoint, undefined);
      assert.equal(cluster.ReplicationGroupId, undefined);
    });

    it('is served by the engine itself: its process, its socket', async (t) => {
      const endpoint = at(cluster.CacheNodes?.[0]?.Endpoint);
      const [member] = await membersOf(limber, id);
      assert.equal(await info(valkey(t, endpoint), 'process_id'), String(member?.pid));
      assert.ok(servesItself(member?.pid ?? 0, endpoint.host, endpoint.port));
    });

    it('gives one client what another wrote', async (t) => {
      const endpoint = at(cluster.CacheNodes?.[0]?.Endpoint);
      await valkey(t, endpoint).set('key', 'value');
      assert.equal(await (await nodeRedis(t, endpoint)).get('key'), 'value');
    });

    it('does not tell clients where it lies on the machine', async (t) => {
      const told = String(await valkey(t, at(cluster.CacheNodes?.[0]?.Endpoint)).call('INFO', 'everything'));
      assert.match(told, new RegExp(`^executable:/${engine}-server\\r\\nconfig_file:\\r$`, 'm'));
      assert.ok(!told.includes(limber.dataDirectory));
    });

    it('refuses restricted commands', async (t) => {
      const node = valkey(t, at(cluster.CacheNodes?.[0]?.Endpoint));
      await assert.rejects(node.call('CONFIG', 'GET', '*'), /ERR unknown command 'CONFIG'/);
      await assert.rejects(node.call('REPLICAOF', '127.0.0.1', '6379'), /ERR unknown command/);
    });
  });
}

describe('GET /healthz, which anybody may ask', () => {
  it('tells version and process, and no path', async () => {
    const told = (await (await fetch(`${limber.endpoint}/healthz`)).json()) as object;
    assert.deepEqual(Object.keys(told).sort(), ['pid', 'version']);
  });
});

describe('a port of one’s choice', () => {
  it('is where every endpoint is', async (t) => {
    const cluster = await createCluster(client, {
      CacheClusterId: 'other-port',
      Engine: 'valkey',
      Port: 7001,
    });
    assert.equal(cluster.CacheNodes?.[0]?.Endpoint?.Port, 7001);
    const group = await createGroup(client, {
      ReplicationGroupId: 'other-port',
      NumCacheClusters: 2,
      Port: 7002,
    });
    const { primary, reader } = endpointsOf(group);
    assert.deepEqual([primary.port, reader.port], [7002, 7002]);
    assert.equal(await valkey(t, primary).ping(), 'PONG');
  });
});

describe('the node type', () => {
  for (const [type, bytes] of [
    ['cache.t4g.micro', 536_870_912],
    ['cache.t4g.small', 1_471_026_299],
    ['cache.m5.large', 6_854_542_746],
  ] as const) {
    it(`${type} limits data to 75 % of its ${bytes} bytes`, async (t) => {
      const cluster = await createCluster(client, {
        CacheClusterId: type.replaceAll('.', '-'),
        Engine: 'valkey',
        CacheNodeType: type,
      });
      const node = valkey(t, at(cluster.CacheNodes?.[0]?.Endpoint));
      assert.equal(await info(node, 'maxmemory'), String(Math.floor(bytes * 0.75)));
      assert.equal(await info(node, 'maxmemory_policy'), 'volatile-lru');
    });
  }

  it('may be larger than this machine, and an event says so', async () => {
    await createCluster(client, {
      CacheClusterId: 'huge',
      Engine: 'valkey',
      CacheNodeType: 'cache.r7g.16xlarge',
    });
    const machine = (totalmem() / 2 ** 30).toFixed(1);
    const messages = await messagesOf(client, 'huge');
    assert.ok(
      messages.includes(`Each node may use 314.3 GiB of data, and this machine has ${machine} GiB of memory`),
      messages.join('\n'),
    );
  });
});
