import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { CreateReplicationGroupCommand, DeleteReplicationGroupCommand } from '@aws-sdk/client-elasticache';
import { eventually } from '../support/eventually.ts';
import { isAlive, type Limber, startLimber } from '../support/limber.ts';
import {
  at,
  createCluster,
  createGroup,
  describeGroup,
  endpointsOf,
  groupDeleted,
  membersOf,
  rolesOf,
  small,
} from './caches.ts';
import { ask, memcached, valkey, valkeyCluster } from './engine-clients.ts';
import { keepWriting, requireAll } from './writer.ts';

/** One cache of each kind, and a client that writes to each. */
async function everyKind(t: TestContext, limber: Limber) {
  const client = limber.client();
  const [group, cluster, node, nodes] = await Promise.all([
    createGroup(client, {
      ReplicationGroupId: 'group',
      NumCacheClusters: 2,
      AutomaticFailoverEnabled: true,
    }),
    createGroup(client, {
      ReplicationGroupId: 'cluster',
      NumNodeGroups: 2,
      ReplicasPerNodeGroup: 1,
      AutomaticFailoverEnabled: true,
    }),
    createCluster(client, { CacheClusterId: 'node', Engine: 'redis' }),
    createCluster(client, { CacheClusterId: 'nodes', Engine: 'memcached', NumCacheNodes: 2 }),
  ]);
  const writers = {
    group: keepWriting(valkey(t, endpointsOf(group).primary)),
    cluster: keepWriting(valkeyCluster(t, at(cluster.ConfigurationEndpoint))),
    node: keepWriting(valkey(t, at(node.CacheNodes?.[0]?.Endpoint))),
  };
  await eventually(() => Object.values(writers).every((writer) => writer.acknowledged > 10));
  return { client, group, cluster, node, nodes, writers };
}

/** Process numbers of every node, by cache. */
async function pidsOf(limber: Limber): Promise<Record<string, readonly (number | null)[]>> {
  const { caches } = await limber.status();
  return Object.fromEntries(caches.map((cache) => [cache.id, cache.members.map((member) => member.pid)]));
}

const settled = (limber: Limber) =>
  eventually(async (see) => see((await limber.status()).shards).every((shard) => shard.isSettled));

// Each has a Limber of its own, and waits most of the time.
describe('when Limber is killed and started again', { concurrency: 3 }, () => {
  it('every cache has served all the while, and nothing was restarted', async (t) => {
    const limber = await startLimber(t);
    const { client, group, nodes, writers } = await everyKind(t, limber);
    const data = memcached(
      t,
      (nodes.CacheNodes ?? []).map((one) => at(one.Endpoint)),
    );
    await data.set('key', 'value', {});
    const before = await pidsOf(limber);
    const { pid } = limber;

    await limber.kill();
    const soFar = Object.values(writers).map((writer) => writer.acknowledged);
    await eventually(() =>
      Object.values(writers).every((one, index) => one.acknowledged > soFar[index]! + 50),
    );
    assert.match(
      await ask(at(nodes.ConfigurationEndpoint), 'config get cluster', /END\r\n$/),
      /^CONFIG cluster/,
    );
    assert.equal((await data.get('key')).value?.toString(), 'value');

    await limber.restart();
    assert.notEqual(limber.pid, pid);
    await settled(limber);
    assert.deepEqual(await pidsOf(limber), before);
    assert.deepEqual(await describeGroup(client, 'group'), group);
    for (const [kind, writer] of Object.entries(writers)) {
      await writer.stop();
      assert.deepEqual(writer.errors, [], kind);
    }
    await requireAll(valkey(t, endpointsOf(group).primary), writers.group);
  });

  it('a replica that died meanwhile comes back with the data of its primary', async (t) => {
    const limber = await startLimber(t);
    const client = limber.client();
    const group = await createGroup(client, { ReplicationGroupId: 'group', NumCacheClusters: 2 });
    const writer = keepWriting(valkey(t, endpointsOf(group).primary));
    const [primary, replica] = await membersOf(limber, 'group');
    await limber.kill();
    process.kill(replica?.pid ?? 0, 'SIGKILL');
    await limber.restart();
    await settled(limber);
    await writer.stop();
    assert.deepEqual(writer.errors, []);
    const [samePrimary, newReplica] = await membersOf(limber, 'group');
    assert.equal(samePrimary?.pid, primary?.pid);
    assert.notEqual(newReplica?.pid, replica?.pid);
    const { address: host = '', port = 0 } = newReplica ?? {};
    await valkey(t, endpointsOf(group).primary).wait(1, 5_000);
    await requireAll(valkey(t, { host, port }), writer);
  });

  it('a primary that died meanwhile is replaced by its replica, and nothing is lost', async (t) => {
    const limber = await startLimber(t);
    const client = limber.client();
    const group = await createGroup(client, {
      ReplicationGroupId: 'group',
      NumCacheClusters: 2,
      AutomaticFailoverEnabled: true,
    });
    const endpoint = endpointsOf(group).primary;
    const writer = keepWriting(valkey(t, endpoint));
    await eventually(() => writer.acknowledged > 50);
    await writer.stop();
    await valkey(t, endpoint).wait(1, 5_000);
    const [primary] = await membersOf(limber, 'group');
    await limber.kill();
    process.kill(primary?.pid ?? 0, 'SIGKILL');
    await limber.restart();
    await settled(limber);
    const again = await describeGroup(client, 'group');
    assert.deepEqual(rolesOf(again), { primary: 'group-002', replicas: ['group-001'] });
    assert.deepEqual(endpointsOf(again).primary, endpoint);
    await requireAll(valkey(t, endpoint), writer);
  });

  it('a memcached node that died meanwhile comes back', async (t) => {
    const limber = await startLimber(t);
    const cluster = await createCluster(limber.client(), {
      CacheClusterId: 'nodes',
      Engine: 'memcached',
      NumCacheNodes: 2,
    });
    const [first, second] = await membersOf(limber, 'nodes');
    await limber.kill();
    process.kill(first?.pid ?? 0, 'SIGKILL');
    await limber.restart();
    await settled(limber);
    const [newFirst, sameSecond] = await membersOf(limber, 'nodes');
    assert.notEqual(newFirst?.pid, first?.pid);
    assert.equal(sameSecond?.pid, second?.pid);
    assert.match(await ask(at(cluster.CacheNodes?.[0]?.Endpoint), 'version', /\r\n$/), /^VERSION/);
  });

  it('a creation that was under way is finished, once', async (t) => {
    const limber = await startLimber(t);
    const client = limber.client();
    await client.send(
      new CreateReplicationGroupCommand({
        ReplicationGroupId: 'group',
        ReplicationGroupDescription: 'e2e',
        Engine: 'valkey',
        CacheNodeType: small,
        NumCacheClusters: 3,
      }),
    );
    await eventually(async () => (await limber.status()).caches.some((cache) => cache.nodes > 0));
    await limber.kill();
    await limber.restart();
    await eventually(async (see) => see(await describeGroup(client, 'group')).Status === 'available');
    const members = await membersOf(limber, 'group');
    assert.deepEqual(
      members.map((member) => [member.id, isAlive(member.pid ?? 0)]),
      [
        ['group-001', true],
        ['group-002', true],
        ['group-003', true],
      ],
    );
    assert.deepEqual((await limber.status()).findings, []);
  });

  it('a deletion that was under way is finished', async (t) => {
    const limber = await startLimber(t);
    const client = limber.client();
    await createGroup(client, { ReplicationGroupId: 'group', NumCacheClusters: 3 });
    const members = await membersOf(limber, 'group');
    await client.send(new DeleteReplicationGroupCommand({ ReplicationGroupId: 'group' }));
    await limber.kill();
    await limber.restart();
    await groupDeleted(client, 'group');
    for (const member of members) assert.equal(isAlive(member.pid ?? 0), false);
  });
});

describe('when Limber is stopped', () => {
  it('it ends within a second, and every cache goes on; it takes them up again', async (t) => {
    const limber = await startLimber(t);
    const { writers } = await everyKind(t, limber);
    const before = await pidsOf(limber);
    const askedAt = performance.now();
    assert.equal(await limber.stop(), 0);
    assert.ok(performance.now() - askedAt < 1_000, `it took ${performance.now() - askedAt} ms`);
    for (const pid of Object.values(before).flat()) assert.ok(isAlive(pid ?? 0));
    const soFar = Object.values(writers).map((writer) => writer.acknowledged);
    await eventually(() =>
      Object.values(writers).every((one, index) => one.acknowledged > soFar[index]! + 50),
    );
    await limber.restart();
    await settled(limber);
    assert.deepEqual(await pidsOf(limber), before);
    for (const writer of Object.values(writers)) {
      await writer.stop();
      assert.deepEqual(writer.errors, []);
    }
  });
});
