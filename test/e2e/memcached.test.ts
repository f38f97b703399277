import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { type CacheCluster, ModifyCacheClusterCommand } from '@aws-sdk/client-elasticache';
import { eventually } from '../support/eventually.ts';
import { isAlive, startLimber } from '../support/limber.ts';
import {
  at,
  clusterAvailable,
  createCluster,
  describeCluster,
  type HostPort,
  membersOf,
  messagesOf,
} from './caches.ts';
import { ask, memcached } from './engine-clients.ts';
import { servesItself } from './sockets.ts';

const limber = await startLimber();
const client = limber.client();

const nodesOf = (cluster: CacheCluster): HostPort[] =>
  (cluster.CacheNodes ?? []).map((node) => at(node.Endpoint));

/** What auto discovery answers: the version of the list, and the nodes in its order. */
async function discover(endpoint: HostPort): Promise<{ version: number; nodes: string[] }> {
  const answer = await ask(endpoint, 'config get cluster', /\r\nEND\r\n$/);
  const [, length, data] = /^CONFIG cluster 0 (\d+)\r\n([\s\S]*)\r\nEND\r\n$/.exec(answer) ?? [];
  assert.equal(Buffer.byteLength(data ?? ''), Number(length), answer);
  const [version, nodes] = (data ?? '').split('\n');
  return { version: Number(version), nodes: (nodes ?? '').split(' ') };
}

const listed = (nodes: readonly HostPort[]) =>
  nodes.map(({ host, port }) => `${host}|${host}|${port}`).sort();

/** `stats` of one node. */
async function statsOf(node: HostPort, kind = ''): Promise<ReadonlyMap<string, string>> {
  const answer = await ask(node, `stats ${kind}`.trim(), /END\r\n$/);
  return new Map(
    [...answer.matchAll(/^STAT (\S+) (.*)\r$/gm)].map(([, name = '', value = '']) => [name, value]),
  );
}

for (const version of ['1.6.18', '1.6.38']) {
  describe(`memcached ${version} with 3 nodes`, () => {
    const id = `memcached-${version.replaceAll('.', '-')}`;
    let cluster: CacheCluster;

    before(async () => {
      cluster = await createCluster(client, {
        CacheClusterId: id,
        Engine: 'memcached',
        EngineVersion: version,
        NumCacheNodes: 3,
        AZMode: 'cross-az',
      });
    });

    it('shows its nodes and its configuration endpoint', () => {
      assert.equal(cluster.Engine, 'memcached');
      assert.equal(cluster.EngineVersion, version);
      assert.equal(cluster.NumCacheNodes, 3);
      assert.equal(cluster.PreferredAvailabilityZone, 'Multiple');
      assert.deepEqual(
        cluster.CacheNodes?.map((node) => [
          node.CacheNodeId,
          node.CacheNodeStatus,
          node.CustomerAvailabilityZone,
          node.Endpoint?.Port,
        ]),
        [
          ['0001', 'available', 'us-east-1a', 11211],
          ['0002', 'available', 'us-east-1b', 11211],
          ['0003', 'available', 'us-east-1c', 11211],
        ],
      );
      assert.equal(cluster.ConfigurationEndpoint?.Port, 11211);
    });

    it('tells its nodes to clients that discover them', async () => {
      assert.deepEqual(await discover(at(cluster.ConfigurationEndpoint)), {
        version: 1,
        nodes: listed(nodesOf(cluster)),
      });
    });

    it('runs the version that was asked for', async () => {
      for (const node of nodesOf(cluster)) assert.equal((await statsOf(node)).get('version'), version);
    });

    it('is served by the engines themselves: each its process, its socket', async () => {
      for (const member of await membersOf(limber, id))
        assert.ok(servesItself(member.pid ?? 0, member.address, member.port));
    });

    it('keeps what one client writes, on the node that its key belongs to', async (t) => {
      const [writer, reader] = [memcached(t, nodesOf(cluster)), memcached(t, nodesOf(cluster))];
      for (let index = 0; index < 30; index += 1) await writer.set(`key-${index}`, `value ${index}`, {});
      for (let index = 0; index < 30; index += 1)
        assert.equal((await reader.get(`key-${index}`)).value?.toString(), `value ${index}`);
      for (const node of nodesOf(cluster)) assert.notEqual((await statsOf(node)).get('curr_items'), '0');
    });

    it('passes ordinary commands at its configuration endpoint on to a node', async () => {
      const endpoint = at(cluster.ConfigurationEndpoint);
      assert.match(await ask(endpoint, 'version', /\r\n$/), new RegExp(`^VERSION ${version}`));
    });
  });
}

describe('the node type of memcached', () => {
  it('gives each node its memory, less the overhead of connections, and its threads', async () => {
    const cluster = await createCluster(client, {
      CacheClusterId: 'sized',
      Engine: 'memcached',
      CacheNodeType: 'cache.m5.large',
    });
    const settings = await statsOf(nodesOf(cluster)[0]!, 'settings');
    assert.equal(settings.get('maxbytes'), String((6537 - 100) * 2 ** 20));
    assert.equal(settings.get('num_threads'), '2');
    const general = await statsOf(nodesOf(cluster)[0]!);
    assert.equal(general.get('limit_maxbytes'), String((6537 - 100) * 2 ** 20));
  });
});

describe('the number of nodes', () => {
  const id = 'elastic';
  let cluster: CacheCluster;

  before(async () => {
    cluster = await createCluster(client, { CacheClusterId: id, Engine: 'memcached', NumCacheNodes: 2 });
  });

  it('goes up: the new nodes get the next ids, the list its next version', async () => {
    const { CacheCluster: answer } = await client.send(
      new ModifyCacheClusterCommand({
        CacheClusterId: id,
        NumCacheNodes: 4,
        NewAvailabilityZones: ['us-east-1b', 'us-east-1c'],
        ApplyImmediately: true,
      }),
    );
    assert.equal(answer?.CacheClusterStatus, 'modifying');
    assert.equal(answer?.PendingModifiedValues?.NumCacheNodes, 4);
    cluster = await clusterAvailable(client, id);
    assert.equal(cluster.NumCacheNodes, 4);
    assert.deepEqual(cluster.PendingModifiedValues, {});
    assert.deepEqual(
      cluster.CacheNodes?.map((node) => [node.CacheNodeId, node.CustomerAvailabilityZone]),
      [
        ['0001', 'us-east-1a'],
        ['0002', 'us-east-1a'],
        ['0003', 'us-east-1b'],
        ['0004', 'us-east-1c'],
      ],
    );
    assert.deepEqual(await discover(at(cluster.ConfigurationEndpoint)), {
      version: 2,
      nodes: listed(nodesOf(cluster)),
    });
  });

  it('goes down by the nodes that are named: those are gone, the others keep their data', async (t) => {
    const [, second] = nodesOf(cluster);
    const [, , third] = await membersOf(limber, id);
    await memcached(t, [second!]).set('key', 'value', {});
    await client.send(
      new ModifyCacheClusterCommand({
        CacheClusterId: id,
        NumCacheNodes: 2,
        CacheNodeIdsToRemove: ['0001', '0003'],
        ApplyImmediately: true,
      }),
    );
    cluster = await clusterAvailable(client, id);
    assert.deepEqual(
      cluster.CacheNodes?.map((node) => node.CacheNodeId),
      ['0002', '0004'],
    );
    assert.deepEqual(await discover(at(cluster.ConfigurationEndpoint)), {
      version: 3,
      nodes: listed(nodesOf(cluster)),
    });
    assert.equal(isAlive(third?.pid ?? 0), false);
    assert.equal((await memcached(t, [second!]).get('key')).value?.toString(), 'value');
  });

  it('puts nodes where there are fewest when the cluster stands in several zones', async () => {
    const before = new Set(cluster.CacheNodes?.map((node) => node.CustomerAvailabilityZone));
    await client.send(
      new ModifyCacheClusterCommand({ CacheClusterId: id, NumCacheNodes: 3, ApplyImmediately: true }),
    );
    cluster = await clusterAvailable(client, id);
    assert.equal(cluster.CacheNodes?.length, 3);
    assert.deepEqual([...before], ['us-east-1a', 'us-east-1c']);
    assert.ok(cluster.CacheNodes?.some((node) => node.CustomerAvailabilityZone === 'us-east-1b'));
  });

  it('waits for the maintenance window without ApplyImmediately; the present number takes that back', async () => {
    await client.send(new ModifyCacheClusterCommand({ CacheClusterId: id, NumCacheNodes: 5 }));
    cluster = await describeCluster(client, id);
    assert.equal(cluster.CacheClusterStatus, 'available');
    assert.deepEqual(cluster.PendingModifiedValues, { NumCacheNodes: 5 });
    await client.send(new ModifyCacheClusterCommand({ CacheClusterId: id, NumCacheNodes: 3 }));
    assert.deepEqual((await describeCluster(client, id)).PendingModifiedValues, {});
  });

  it('is told of in events', async () => {
    const messages = await messagesOf(client, id);
    assert.ok(messages.includes('Finished modifying number of nodes from 2 to 4'));
    assert.ok(messages.includes('Finished modifying number of nodes from 4 to 2'));
    assert.ok(messages.includes('Removed cache nodes 0001, 0003'));
  });
});

describe('a memcached node that dies', () => {
  it('comes back empty, with the same id and endpoint', async () => {
    const cluster = await createCluster(client, {
      CacheClusterId: 'mortal',
      Engine: 'memcached',
      NumCacheNodes: 2,
    });
    const node = nodesOf(cluster)[0]!;
    assert.equal(await ask(node, 'set kept 0 0 1\r\nx', /\r\n$/), 'STORED\r\n');
    const [first] = await membersOf(limber, 'mortal');
    process.kill(first?.pid ?? 0, 'SIGKILL');
    // The node list, which auto discovery keeps on each node, may be on it already.
    await eventually(async (see) => {
      const [again] = see(await membersOf(limber, 'mortal'));
      return again?.pid !== first?.pid && see(await ask(node, 'get kept', /END\r\n$/)) === 'END\r\n';
    });
  });
});
