import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import {
  CreateReplicationGroupCommand,
  DeleteReplicationGroupCommand,
  IncreaseReplicaCountCommand,
} from '@aws-sdk/client-elasticache';
import { eventually } from '../support/eventually.ts';
import { type Limber, startLimber } from '../support/limber.ts';
import { occupy } from '../support/occupy.ts';
import {
  at,
  createCluster,
  createGroup,
  describeCluster,
  describeGroup,
  groupAvailable,
  groupDeleted,
  messagesOf,
} from './caches.ts';
import { valkey } from './engine-clients.ts';
import { nodesOf, wholeAgain } from './faults.ts';

/** One value of the state file. */
function stored(limber: Limber, sql: string, ...values: string[]): string {
  const database = new DatabaseSync(join(limber.dataDirectory, 'state.db'), { readOnly: true });
  try {
    return (database.prepare(sql).get(...values) as { value: string }).value;
  } finally {
    database.close();
  }
}

/** The address that the next node in a zone gets, or one `ahead` of the last one given out. */
function nextAddress(limber: Limber, slice: string, ahead = 1): string {
  const sql = 'SELECT value FROM setting WHERE name = ?';
  const octets = stored(limber, sql, `address-cursor:${slice}`).split('.').map(Number);
  return [...octets.slice(0, 3), (octets[3] ?? 0) + ahead].join('.');
}

const increase = (limber: Limber, ReplicationGroupId: string, more: object = {}) =>
  limber.client().send(
    new IncreaseReplicaCountCommand({
      ReplicationGroupId,
      NewReplicaCount: 2,
      ApplyImmediately: true,
      ...more,
    }),
  );

describe('an address that a process holds which no record names', () => {
  it('is left to it: new replicas and new groups take the ones behind it', async (t) => {
    const limber = await startLimber(t);
    const client = limber.client();
    await createGroup(client, { ReplicationGroupId: 'first', NumCacheClusters: 2 });
    // As nodes of caches that an older copy of the state file does not know: several in a row.
    const taken = [1, 2, 3].map((ahead) => nextAddress(limber, 'b', ahead));
    const takenEndpoint = nextAddress(limber, 'endpoint');
    for (const address of [...taken, takenEndpoint]) await occupy(t, address, 6379);
    await increase(limber, 'first', {
      NewReplicaCount: undefined,
      ReplicaConfiguration: [
        {
          NodeGroupId: '1',
          NewReplicaCount: 2,
          PreferredAvailabilityZones: ['us-east-1a', 'us-east-1b', 'us-east-1b'],
        },
      ],
    });
    const group = await groupAvailable(client, 'first');
    assert.deepEqual(group.MemberClusters, ['first-001', 'first-002', 'first-003']);
    const [joined] = (await wholeAgain(limber, 'first')).filter(({ id }) => id === 'first-003');
    assert.equal(joined?.address, nextAddress(limber, 'b', 0));
    assert.ok(!taken.includes(joined?.address ?? ''), joined?.address);
    assert.match(limber.logs(), /addresses that no record names are in use, and others are taken/);

    await createGroup(client, { ReplicationGroupId: 'second', NumCacheClusters: 1 });
    const second = await groupAvailable(client, 'second');
    const endpoint = second.NodeGroups?.[0]?.PrimaryEndpoint?.Address;
    assert.ok(endpoint && endpoint !== takenEndpoint, endpoint);
  });
});

describe('replicas that cannot be added', () => {
  it('because a node does not start: it is taken back with its address and directory, and its last words are told', async (t) => {
    const limber = await startLimber(t);
    const client = limber.client();
    await createGroup(client, { ReplicationGroupId: 'stuck' });
    await limber.restart({ env: { LIMBER_FAULT_POINT: 'add-members:syncing' } });
    await increase(limber, 'stuck').catch(() => {});
    await limber.ended;
    const sql = 'SELECT address AS value FROM node WHERE cache_cluster_id = ?';
    await occupy(t, stored(limber, sql, 'stuck-003'), 6379);
    await limber.restart();
    const group = await groupAvailable(client, 'stuck');
    assert.deepEqual(group.MemberClusters, ['stuck-001']);
    const messages = await messagesOf(client, 'stuck');
    assert.ok(
      messages.some(
        (message) =>
          message.startsWith('The number of replicas was not changed: ') &&
          /Address already in use/.test(message),
      ),
      messages.join('\n'),
    );
    assert.deepEqual((await limber.status()).findings, []);
    assert.equal((await wholeAgain(limber, 'stuck')).length, 1);
    await increase(limber, 'stuck');
    assert.equal((await groupAvailable(client, 'stuck')).MemberClusters?.length, 3);
  });
});

describe('a group that cannot be made around an existing node', () => {
  it('is create-failed, and the node is a cluster of its own again that never stopped serving', async (t) => {
    const limber = await startLimber(t);
    const client = limber.client();
    const cluster = await createCluster(client, {
      CacheClusterId: 'single',
      Engine: 'redis',
      PreferredAvailabilityZone: 'us-east-1a',
    });
    const own = at(cluster.CacheNodes?.[0]?.Endpoint);
    const [before] = await nodesOf(limber, 'single');
    const data = valkey(t, own);
    await data.set('key', 'value');
    await limber.restart({ env: { LIMBER_FAULT_POINT: 'create-from-primary:syncing' } });
    const create = new CreateReplicationGroupCommand({
      ReplicationGroupId: 'family',
      ReplicationGroupDescription: 'e2e',
      PrimaryClusterId: 'single',
      NumCacheClusters: 2,
    });
    await client.send(create).catch(() => {});
    await limber.ended;
    const sql = 'SELECT address AS value FROM node WHERE cache_cluster_id = ?';
    await occupy(t, stored(limber, sql, 'family-001'), 6379);
    await limber.restart();
    await eventually(async (see) => see((await describeGroup(client, 'family')).Status) === 'create-failed', {
      deadlineMs: 20_000,
    });
    const after = await describeCluster(client, 'single');
    assert.deepEqual([after.CacheClusterStatus, after.ReplicationGroupId], ['available', undefined]);
    assert.deepEqual(at(after.CacheNodes?.[0]?.Endpoint), own);
    assert.equal((await nodesOf(limber, 'single'))[0]?.pid, before?.pid);
    assert.equal(await data.get('key'), 'value');
    await eventually(async (see) => {
      const { shards } = see(await limber.status());
      return shards.find((shard) => shard.cache === 'single')?.isSettled;
    });
    await client.send(new DeleteReplicationGroupCommand({ ReplicationGroupId: 'family' }));
    await groupDeleted(client, 'family');
    await client.send(create);
    assert.equal((await groupAvailable(client, 'family')).MemberClusters?.length, 2);
    assert.equal(await data.get('key'), 'value');
  });
});
