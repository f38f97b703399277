import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  DecreaseReplicaCountCommand,
  DescribeCacheClustersCommand,
  RebootCacheClusterCommand,
} from '@aws-sdk/client-elasticache';
import { eventually } from '../support/eventually.ts';
import { startLimber } from '../support/limber.ts';
import {
  at,
  clusterAvailable,
  createCluster,
  createGroup,
  describeGroup,
  endpointsOf,
  membersOf,
  messagesOf,
  rolesOf,
} from './caches.ts';
import { valkey } from './engine-clients.ts';
import { keepWriting, requireAll } from './writer.ts';

const limber = await startLimber();
const client = limber.client();

async function reboot(id: string): Promise<void> {
  const { CacheCluster: answer } = await client.send(
    new RebootCacheClusterCommand({ CacheClusterId: id, CacheNodeIdsToReboot: ['0001'] }),
  );
  assert.equal(answer?.CacheClusterStatus, 'rebooting cluster nodes');
  await clusterAvailable(client, id);
}

const pidOf = async (cache: string, member: string) =>
  (await membersOf(limber, cache)).find((one) => one.id === member)?.pid;

describe('the reboot of a replica', () => {
  it('that is removed in the same moment: it stays shown as deleting until it is gone', async () => {
    const shape = { NumCacheClusters: 3, AutomaticFailoverEnabled: true, CacheNodeType: 'cache.t4g.small' };
    await createGroup(client, { ReplicationGroupId: 'leaving', ...shape });
    const restart = { CacheClusterId: 'leaving-003', CacheNodeIdsToReboot: ['0001'] };
    await client.send(new RebootCacheClusterCommand(restart));
    await client.send(
      new DecreaseReplicaCountCommand({
        ...{ ReplicationGroupId: 'leaving', ApplyImmediately: true },
        ReplicasToRemove: ['leaving-003'],
      }),
    );
    const statuses = new Set<string>();
    await eventually(async () => {
      const known = new DescribeCacheClustersCommand({});
      const { CacheClusters = [] } = await client.send(known);
      const own = CacheClusters.find(({ CacheClusterId }) => CacheClusterId === 'leaving-003');
      if (own) statuses.add(own.CacheClusterStatus ?? '');
      return !own;
    });
    assert.deepEqual([...statuses], ['deleting']);
  });

  it('restarts its process and nothing else; writers notice nothing', async (t) => {
    const group = await createGroup(client, { ReplicationGroupId: 'replica', NumCacheClusters: 2 });
    const writer = keepWriting(valkey(t, endpointsOf(group).primary));
    const before = (await membersOf(limber, 'replica')).map((member) => member.pid);
    await reboot('replica-002');
    await writer.stop();
    const after = await membersOf(limber, 'replica');
    assert.equal(after[0]?.pid, before[0]);
    assert.notEqual(after[1]?.pid, before[1]);
    assert.deepEqual(writer.errors, []);
    const { address: host = '', port = 0 } = after[1] ?? {};
    await valkey(t, endpointsOf(group).primary).wait(1, 5_000);
    await requireAll(valkey(t, { host, port }), writer);
  });
});

for (const [engine, version] of [
  ['valkey', '8.1'],
  ['valkey', '9.1'],
  ['redis', '7.0'],
] as const)
  describe(`the reboot of a primary of ${engine} ${version} with automatic failover`, () => {
    it('hands over first: another member leads, nothing that was acknowledged is lost', async (t) => {
      const id = `switched-${engine}-${version.replace('.', '-')}`;
      const group = await createGroup(client, {
        ReplicationGroupId: id,
        Engine: engine,
        EngineVersion: version,
        NumCacheClusters: 3,
        AutomaticFailoverEnabled: true,
      });
      const { primary } = endpointsOf(group);
      const writer = keepWriting(valkey(t, primary));
      await eventually(() => writer.acknowledged > 100);
      await reboot(`${id}-001`);
      const soFar = writer.acknowledged;
      await eventually(() => writer.acknowledged > soFar + 100);
      await writer.stop();
      await requireAll(valkey(t, primary), writer);
      const again = await describeGroup(client, id);
      assert.notEqual(rolesOf(again).primary, `${id}-001`);
      assert.equal(rolesOf(again).replicas.length, 2);
      assert.deepEqual(endpointsOf(again).primary, primary);
      assert.ok(
        (await messagesOf(client, id)).some((message) =>
          message.startsWith(`Failover from primary node ${id}-001 to replica node ${id}-00`),
        ),
      );
    });
  });

describe('the reboot of a primary without automatic failover', () => {
  it('lets the same node lead again, with everything that was acknowledged', async (t) => {
    const group = await createGroup(client, { ReplicationGroupId: 'kept', NumCacheClusters: 2 });
    const { primary } = endpointsOf(group);
    const writer = keepWriting(valkey(t, primary));
    await eventually(() => writer.acknowledged > 100);
    // Replication is asynchronous: what is to survive the loss of a process has to be elsewhere first.
    await writer.stop();
    await valkey(t, primary).wait(1, 5_000);
    const before = await pidOf('kept', 'kept-001');
    await reboot('kept-001');
    assert.notEqual(await pidOf('kept', 'kept-001'), before);
    assert.deepEqual(rolesOf(await describeGroup(client, 'kept')), {
      primary: 'kept-001',
      replicas: ['kept-002'],
    });
    const client2 = valkey(t, primary);
    await eventually(() => client2.set('after', 'reboot'));
    await requireAll(client2, writer);
  });
});

describe('the reboot of a single node', () => {
  it('gives an empty node at the same endpoint: nothing was kept on disk', async (t) => {
    const cluster = await createCluster(client, { CacheClusterId: 'alone', Engine: 'redis' });
    const endpoint = at(cluster.CacheNodes?.[0]?.Endpoint);
    await valkey(t, endpoint).set('key', 'value');
    await reboot('alone');
    assert.equal(await valkey(t, endpoint).dbsize(), 0);
    const messages = await messagesOf(client, 'alone');
    assert.ok(messages.includes('Cache node 0001 shutdown'));
    assert.ok(messages.includes('Cache node 0001 restarted'));
  });
});

describe('a reboot is refused', () => {
  const ask = (id: string, nodes: string[]) =>
    client.send(new RebootCacheClusterCommand({ CacheClusterId: id, CacheNodeIdsToReboot: nodes }));

  it('of a member of a cluster', async () => {
    await createGroup(client, {
      ReplicationGroupId: 'cluster',
      NumNodeGroups: 2,
      AutomaticFailoverEnabled: true,
    });
    await assert.rejects(ask('cluster-0001-001', ['0001']), {
      name: 'InvalidCacheClusterStateFault',
      message: /cluster mode enabled/,
    });
  });

  it('of nodes that the cluster does not have, and the message says which it has', async () => {
    await createCluster(client, { CacheClusterId: 'few', Engine: 'memcached', NumCacheNodes: 2 });
    await assert.rejects(ask('few', ['0001', '0007']), {
      name: 'InvalidParameterValueException',
      message: 'CacheNodeIdsToReboot names 0007; the nodes of few are 0001, 0002.',
    });
  });

  it('of a cluster that does not exist', async () => {
    await assert.rejects(ask('nobody', ['0001']), { name: 'CacheClusterNotFoundFault' });
  });
});
