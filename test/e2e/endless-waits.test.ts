/** What used to wait for ever: nodes that never get as far as they should, and what their caches can do meanwhile. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import {
  CreateReplicationGroupCommand,
  DeleteReplicationGroupCommand,
  IncreaseReplicaCountCommand,
  RebootCacheClusterCommand,
} from '@aws-sdk/client-elasticache';
import { eventually } from '../support/eventually.ts';
import { type Limber, startLimber } from '../support/limber.ts';
import { occupy } from '../support/occupy.ts';
import {
  at,
  clusterAvailable,
  createCluster,
  createGroup,
  describeCluster,
  describeGroup,
  endpointsOf,
  groupAvailable,
  groupDeleted,
  messagesOf,
} from './caches.ts';
import { dieAfterEachStart, fill } from './dying-nodes.ts';
import { valkey } from './engine-clients.ts';
import { nodesOf, suspend, wholeAgain } from './faults.ts';

const roomy = { CacheNodeType: 'cache.t4g.small' };
/** A replica needs longer for this much than the nodes here live. */
const data = { mebibytes: 160, livesMs: 120 };

const increase = (limber: Limber, ReplicationGroupId: string) =>
  limber
    .client()
    .send(
      new IncreaseReplicaCountCommand({ ReplicationGroupId, NewReplicaCount: 1, ApplyImmediately: true }),
    );
const deleteGroup = (limber: Limber, ReplicationGroupId: string) =>
  limber.client().send(new DeleteReplicationGroupCommand({ ReplicationGroupId }));

describe('a node that dies before it holds its primary’s data, after each start', () => {
  it('as a new replica is taken back: the group is available as before, and an event says why', async (t) => {
    const limber = await startLimber(t);
    const client = limber.client();
    const group = await createGroup(client, { ReplicationGroupId: 'grow', ...roomy });
    await fill(t, endpointsOf(group).primary, data.mebibytes);
    const dying = dieAfterEachStart(t, limber, (id) => id === 'grow-002', data.livesMs);
    await increase(limber, 'grow');
    await eventually(async () => (await describeGroup(client, 'grow')).Status === 'available', {
      deadlineMs: 60_000,
    });
    assert.ok(dying.deaths >= 3, `${dying.deaths}`);
    assert.deepEqual((await describeGroup(client, 'grow')).MemberClusters, ['grow-001']);
    const messages = (await messagesOf(client, 'grow')).join('\n');
    assert.match(
      messages,
      /number of replicas was not changed: grow-002 died \d times before it held its data/,
    );
    assert.equal(await valkey(t, endpointsOf(group).primary).dbsize(), data.mebibytes);
    await dying.stop();
    await increase(limber, 'grow');
    await groupAvailable(client, 'grow');
    assert.equal((await wholeAgain(limber, 'grow')).length, 2);
  });

  it('as a replica of a group that is made from a cluster: the cluster is on its own again', async (t) => {
    const limber = await startLimber(t, { settings: { allowValkeyCacheClusters: true } });
    const client = limber.client();
    const cluster = await createCluster(client, { CacheClusterId: 'own', Engine: 'valkey', ...roomy });
    const endpoint = at(cluster.CacheNodes?.[0]?.Endpoint);
    await fill(t, endpoint, data.mebibytes);
    const dying = dieAfterEachStart(t, limber, (id) => id.startsWith('made-'), data.livesMs);
    await client.send(
      new CreateReplicationGroupCommand({
        ...{ ReplicationGroupId: 'made', ReplicationGroupDescription: 'e2e', PrimaryClusterId: 'own' },
        NumCacheClusters: 2,
      }),
    );
    await eventually(async (see) => see((await describeGroup(client, 'made')).Status) === 'create-failed', {
      deadlineMs: 60_000,
    });
    assert.ok(dying.deaths >= 3, `${dying.deaths}`);
    await clusterAvailable(client, 'own');
    assert.equal((await describeCluster(client, 'own')).ReplicationGroupId, undefined);
    assert.equal(await valkey(t, endpoint).dbsize(), data.mebibytes);
    await deleteGroup(limber, 'made');
    await groupDeleted(client, 'made');
  });

  it('after a reboot: the reboot is given up with an event, and the node comes back when it can', async (t) => {
    const limber = await startLimber(t);
    const client = limber.client();
    const group = await createGroup(client, { ReplicationGroupId: 'again', NumCacheClusters: 2, ...roomy });
    await fill(t, endpointsOf(group).primary, data.mebibytes);
    await wholeAgain(limber, 'again');
    const [, replica] = await nodesOf(limber, 'again');
    const reboot = { CacheClusterId: 'again-002', CacheNodeIdsToReboot: ['0001'] };
    const before = replica!.pid;
    await client.send(new RebootCacheClusterCommand(reboot));
    await eventually(async () => (await nodesOf(limber, 'again'))[1]?.pid !== before);
    const dying = dieAfterEachStart(t, limber, (id) => id === 'again-002', data.livesMs);
    const given = await eventually(
      async () =>
        (await messagesOf(client, 'again')).find((text) => text.startsWith('The reboot of again-002')),
      { deadlineMs: 60_000 },
    );
    assert.match(given, /was given up: again-002 died \d times before it held its data/);
    assert.equal((await describeCluster(client, 'again-002')).CacheClusterStatus, 'available');
    await dying.stop();
    await wholeAgain(limber, 'again', { deadlineMs: 60_000 });
  });
});

describe('a creation', () => {
  it('does not fail because Limber was away: only time in which it was worked on counts', async (t) => {
    const limber = await startLimber(t, { env: { LIMBER_FAULT_POINT: 'create-cache:starting' } });
    const late = { ReplicationGroupId: 'late', ReplicationGroupDescription: 'e2e', NumCacheClusters: 2 };
    const command = new CreateReplicationGroupCommand({ ...late, ...roomy, Engine: 'valkey' });
    await limber
      .client()
      .send(command)
      .catch(() => {}); // it dies before or after its answer
    await limber.ended;
    const database = new DatabaseSync(join(limber.dataDirectory, 'state.db'));
    for (const table of ['resource', 'operation', 'node'])
      database.exec(`UPDATE ${table} SET created_at = created_at - ${16 * 60_000}`);
    database.close();
    await limber.restart();
    await groupAvailable(limber.client(), 'late');
    assert.equal((await wholeAgain(limber, 'late')).length, 2);
  });
});

describe('a deletion', () => {
  it('gets through what is held up: the replica that would never come, and the queue behind it', async (t) => {
    const limber = await startLimber(t, { settings: { deleteAnywayAfterMs: 0 } });
    const client = limber.client();
    await createGroup(client, { ReplicationGroupId: 'held', AutomaticFailoverEnabled: false });
    // Its data are nowhere else, so it is left alone, and nobody can take them from it.
    const [primary] = await nodesOf(limber, 'held');
    suspend(primary!);
    await increase(limber, 'held');
    await eventually(async () => {
      const { operations } = await limber.status();
      return operations.some(({ kind, step }) => kind === 'add-members' && step === 'syncing');
    });
    await deleteGroup(limber, 'held');
    await groupDeleted(client, 'held');
    assert.deepEqual((await limber.status()).operations, []);
  });

  it('of a group that is being made from a cluster gives the cluster back: it was there before', async (t) => {
    const limber = await startLimber(t, {
      settings: { deleteAnywayAfterMs: 0, allowValkeyCacheClusters: true },
    });
    const client = limber.client();
    const cluster = await createCluster(client, { CacheClusterId: 'mine', Engine: 'valkey', ...roomy });
    const endpoint = at(cluster.CacheNodes?.[0]?.Endpoint);
    await fill(t, endpoint, data.mebibytes);
    dieAfterEachStart(t, limber, (id) => id.startsWith('half-'), 20);
    await client.send(
      new CreateReplicationGroupCommand({
        ...{ ReplicationGroupId: 'half', ReplicationGroupDescription: 'e2e', PrimaryClusterId: 'mine' },
        NumCacheClusters: 2,
      }),
    );
    await eventually(async () => (await nodesOf(limber, 'half')).length === 2);
    await deleteGroup(limber, 'half');
    await groupDeleted(client, 'half');
    await clusterAvailable(client, 'mine');
    assert.equal(await valkey(t, endpoint).dbsize(), data.mebibytes);
  });
});

describe('a group that is made from a cluster whose node is down', () => {
  it('and cannot be made: the cluster is on its own again, and its node comes back by itself', async (t) => {
    const limber = await startLimber(t, {
      settings: { allowValkeyCacheClusters: true },
      env: { LIMBER_FAULT_POINT: 'create-from-primary:syncing' },
    });
    const client = limber.client();
    const cluster = await createCluster(client, { CacheClusterId: 'down', Engine: 'valkey' });
    const endpoint = at(cluster.CacheNodes?.[0]?.Endpoint);
    await client
      .send(
        new CreateReplicationGroupCommand({
          ...{ ReplicationGroupId: 'never', ReplicationGroupDescription: 'e2e', PrimaryClusterId: 'down' },
          NumCacheClusters: 2,
        }),
      )
      .catch(() => {});
    await limber.ended;
    const database = new DatabaseSync(join(limber.dataDirectory, 'state.db'), { readOnly: true });
    const nodes = database.prepare('SELECT address, handle FROM node').all() as {
      address: string;
      handle: string;
    }[];
    database.close();
    // Neither of them can start while somebody else listens there.
    for (const { handle } of nodes) {
      const { pid } = (JSON.parse(handle) ?? {}) as { pid?: number };
      if (pid) process.kill(pid, 'SIGKILL');
    }
    const strangers = await Promise.all(nodes.map(({ address }) => occupy(t, address, endpoint.port)));
    await limber.restart();
    await eventually(async (see) => see((await describeGroup(client, 'never')).Status) === 'create-failed', {
      deadlineMs: 60_000,
    });
    await deleteGroup(limber, 'never');
    await groupDeleted(client, 'never');
    await Promise.all(strangers.map((stranger) => stranger.end()));
    await eventually(async () => (await valkey(t, endpoint).ping()) === 'PONG', { deadlineMs: 30_000 });
    assert.equal((await describeCluster(client, 'down')).CacheClusterStatus, 'available');
  });
});
