import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
  DeleteCacheClusterCommand,
  DeleteReplicationGroupCommand,
  DescribeCacheClustersCommand,
  DescribeReplicationGroupsCommand,
} from '@aws-sdk/client-elasticache';
import { isAlive, startLimber } from '../support/limber.ts';
import {
  at,
  clusterAvailable,
  clusterDeleted,
  createCluster,
  createGroup,
  describeCluster,
  endpointsOf,
  groupAvailable,
  groupDeleted,
  membersOf,
  messagesOf,
} from './caches.ts';
import { info, memcached, valkey } from './engine-clients.ts';
import { listenerAt } from './sockets.ts';

const limber = await startLimber();
const client = limber.client();

describe('deleting a replication group', () => {
  it('ends its processes and frees its addresses; nothing of it is left', async () => {
    const group = await createGroup(client, { ReplicationGroupId: 'whole', NumCacheClusters: 3 });
    const members = await membersOf(limber, 'whole');
    const { primary } = endpointsOf(group);
    const { ReplicationGroup: answer } = await client.send(
      new DeleteReplicationGroupCommand({ ReplicationGroupId: 'whole' }),
    );
    assert.equal(answer?.Status, 'deleting');
    await groupDeleted(client, 'whole');
    for (const member of members) assert.equal(isAlive(member.pid ?? 0), false);
    assert.equal(listenerAt(primary.host, primary.port), null);
    await assert.rejects(client.send(new DescribeReplicationGroupsCommand({ ReplicationGroupId: 'whole' })), {
      name: 'ReplicationGroupNotFoundFault',
    });
    await assert.rejects(client.send(new DescribeCacheClustersCommand({ CacheClusterId: 'whole-001' })), {
      name: 'CacheClusterNotFoundFault',
    });
    assert.ok((await messagesOf(client, 'whole')).includes('Replication group whole deleted'));
    assert.ok((await messagesOf(client, 'whole-001')).includes('Cache cluster deleted'));
  });

  it('lets another with the same id be created: it shares nothing with the first', async (t) => {
    const create = () => createGroup(client, { ReplicationGroupId: 'again', NumCacheClusters: 2 });
    const first = endpointsOf(await create()).primary;
    await valkey(t, first).set('key', 'value');
    await client.send(new DeleteReplicationGroupCommand({ ReplicationGroupId: 'again' }));
    await groupDeleted(client, 'again');
    const second = endpointsOf(await create()).primary;
    assert.notEqual(second.host, first.host);
    assert.equal(await valkey(t, second).dbsize(), 0);
  });

  it('with cluster mode ends every node', async () => {
    await createGroup(client, {
      ReplicationGroupId: 'cluster',
      NumNodeGroups: 2,
      ReplicasPerNodeGroup: 1,
      AutomaticFailoverEnabled: true,
    });
    const members = await membersOf(limber, 'cluster');
    assert.equal(members.length, 4);
    await client.send(new DeleteReplicationGroupCommand({ ReplicationGroupId: 'cluster' }));
    await groupDeleted(client, 'cluster');
    for (const member of members) assert.equal(isAlive(member.pid ?? 0), false);
  });

  it('is refused while it is being created or deleted', async () => {
    await createGroup(client, { ReplicationGroupId: 'twice', NumCacheClusters: 2 });
    const remove = () => client.send(new DeleteReplicationGroupCommand({ ReplicationGroupId: 'twice' }));
    const results = await Promise.allSettled([remove(), remove()]);
    const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason.name] : []));
    assert.ok(failures.length <= 1);
    for (const name of failures)
      assert.ok(['InvalidReplicationGroupStateFault', 'ReplicationGroupNotFoundFault'].includes(name), name);
    await groupDeleted(client, 'twice');
  });
});

describe('deleting a replication group with RetainPrimaryCluster', () => {
  it('keeps the primary as a cache cluster of its own: same process, same endpoint, same data', async (t) => {
    await createGroup(client, { ReplicationGroupId: 'retained', NumCacheClusters: 2 });
    const [kept, gone] = await membersOf(limber, 'retained');
    const endpoint = { host: kept?.address ?? '', port: kept?.port ?? 0 };
    await valkey(t, endpoint).set('key', 'value');
    await client.send(
      new DeleteReplicationGroupCommand({ ReplicationGroupId: 'retained', RetainPrimaryCluster: true }),
    );
    await groupDeleted(client, 'retained');
    const cluster = await clusterAvailable(client, 'retained-001');
    assert.equal(cluster.ReplicationGroupId, undefined);
    assert.deepEqual(at(cluster.CacheNodes?.[0]?.Endpoint), endpoint);
    assert.equal(await info(valkey(t, endpoint), 'process_id'), String(kept?.pid));
    assert.equal(await valkey(t, endpoint).get('key'), 'value');
    assert.equal(isAlive(gone?.pid ?? 0), false);
    await assert.rejects(describeCluster(client, 'retained-002'), { name: 'CacheClusterNotFoundFault' });
  });

  it('and that cluster can be deleted like any other', async () => {
    const [kept] = await membersOf(limber, 'retained-001');
    await client.send(new DeleteCacheClusterCommand({ CacheClusterId: 'retained-001' }));
    await clusterDeleted(client, 'retained-001');
    assert.equal(isAlive(kept?.pid ?? 0), false);
  });

  it('is refused with cluster mode enabled', async () => {
    await createGroup(client, {
      ReplicationGroupId: 'no-retain',
      NumNodeGroups: 2,
      AutomaticFailoverEnabled: true,
    });
    await assert.rejects(
      client.send(
        new DeleteReplicationGroupCommand({ ReplicationGroupId: 'no-retain', RetainPrimaryCluster: true }),
      ),
      { name: 'InvalidParameterCombinationException', message: /cluster mode enabled/ },
    );
    assert.equal((await groupAvailable(client, 'no-retain')).Status, 'available');
  });
});

describe('deleting a cache cluster', () => {
  it('of memcached ends its nodes and its configuration endpoint', async (t) => {
    const cluster = await createCluster(client, {
      CacheClusterId: 'memcached',
      Engine: 'memcached',
      NumCacheNodes: 2,
    });
    const endpoint = at(cluster.ConfigurationEndpoint);
    await memcached(t, [at(cluster.CacheNodes?.[0]?.Endpoint)]).set('key', 'value', {});
    const members = await membersOf(limber, 'memcached');
    const { CacheCluster: answer } = await client.send(
      new DeleteCacheClusterCommand({ CacheClusterId: 'memcached' }),
    );
    assert.equal(answer?.CacheClusterStatus, 'deleting');
    await clusterDeleted(client, 'memcached');
    for (const member of members) assert.equal(isAlive(member.pid ?? 0), false);
    assert.equal(listenerAt(endpoint.host, endpoint.port), null);
    assert.ok((await messagesOf(client, 'memcached')).includes('Cache cluster deleted'));
  });

  it('leaves no directory behind', async () => {
    await createCluster(client, { CacheClusterId: 'single', Engine: 'redis' });
    const nodes = join(limber.dataDirectory, 'nodes');
    const [member] = await membersOf(limber, 'single');
    const { readlink } = await import('node:fs/promises');
    const directory = await readlink(`/proc/${member?.pid}/cwd`);
    assert.ok(directory.startsWith(nodes), directory);
    await client.send(new DeleteCacheClusterCommand({ CacheClusterId: 'single' }));
    await clusterDeleted(client, 'single');
    assert.equal(existsSync(directory), false);
  });

  it('that leads a replication group is refused, in the words that Terraform looks for', async () => {
    await createGroup(client, { ReplicationGroupId: 'led', NumCacheClusters: 2 });
    await assert.rejects(client.send(new DeleteCacheClusterCommand({ CacheClusterId: 'led-001' })), {
      name: 'InvalidCacheClusterStateFault',
      message: /serving as primary/,
    });
  });

  it('that is the only member of its group is refused, in the words that Terraform looks for', async () => {
    await createGroup(client, { ReplicationGroupId: 'last' });
    await assert.rejects(client.send(new DeleteCacheClusterCommand({ CacheClusterId: 'last-001' })), {
      name: 'InvalidCacheClusterStateFault',
      message: /only member of a replication group/,
    });
  });

  it('that is the last replica is refused while automatic failover needs it', async () => {
    await createGroup(client, {
      ReplicationGroupId: 'needed',
      NumCacheClusters: 2,
      AutomaticFailoverEnabled: true,
    });
    await assert.rejects(client.send(new DeleteCacheClusterCommand({ CacheClusterId: 'needed-002' })), {
      name: 'InvalidCacheClusterStateFault',
      message: /automatic failover/,
    });
  });

  it('that does not exist is CacheClusterNotFound', async () => {
    await assert.rejects(client.send(new DeleteCacheClusterCommand({ CacheClusterId: 'nobody' })), {
      name: 'CacheClusterNotFoundFault',
      message: 'CacheCluster not found: nobody',
    });
  });
});
