/** A changed parameter reaches every node, also one that could not take it when it was changed. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { after, describe, it } from 'node:test';
import {
  CreateCacheParameterGroupCommand,
  IncreaseReplicaCountCommand,
  ModifyCacheParameterGroupCommand,
  ModifyReplicationGroupCommand,
} from '@aws-sdk/client-elasticache';
import { connectResp } from '../../bench/lib/resp-client.ts';
import { breakEngines, brokenEngines, mendEngines } from '../chaos/broken-engine.ts';
import { eventually } from '../support/eventually.ts';
import { startLimber } from '../support/limber.ts';
import {
  at,
  clusterAvailable,
  createCluster,
  createGroup,
  describeCluster,
  groupAvailable,
  messagesOf,
} from './caches.ts';
import { ask } from './engine-clients.ts';
import { engineAt, kill, nodesOf, primaryOf, replicasOf, sentencesOf, wholeAgain } from './faults.ts';

const engines = await brokenEngines();
after(() => rmSync(engines.directory, { recursive: true }));
const limber = await startLimber({ env: engines.env });
const client = limber.client();
const policies = async (id: string) =>
  Promise.all(
    (await nodesOf(limber, id)).map(async (node) => (await engineAt(node)).fields.get('maxmemory_policy')),
  );
const statusOf = async (id: string) =>
  (await describeCluster(client, id)).CacheParameterGroup?.ParameterApplyStatus;
const inSync = (id: string) => eventually(async (see) => see(await statusOf(id)) === 'in-sync');

async function createParameters(name: string, family: string) {
  const group = { CacheParameterGroupName: name, CacheParameterGroupFamily: family, Description: 'e2e' };
  await client.send(new CreateCacheParameterGroupCommand(group));
}

async function setParameter(group: string, ParameterName: string, ParameterValue: string) {
  const values = { CacheParameterGroupName: group, ParameterNameValues: [{ ParameterName, ParameterValue }] };
  await client.send(new ModifyCacheParameterGroupCommand(values));
}

async function createPair(id: string, more = {}) {
  await createParameters(`p-${id}`, 'valkey8');
  await createGroup(client, {
    ReplicationGroupId: id,
    EngineVersion: engines.version,
    NumCacheClusters: 2,
    CacheParameterGroupName: `p-${id}`,
    ...more,
  });
}

describe('a parameter that is changed', () => {
  it('while a node is down reaches the others at once, and that one with its start', async () => {
    await createPair('down');
    const [replica] = replicasOf(await nodesOf(limber, 'down'));
    breakEngines(engines);
    kill(replica!);
    await setParameter('p-down', 'maxmemory-policy', 'allkeys-lfu');
    await inSync('down-001');
    const failsToStart = /down-002 is started again in a moment: .+/;
    await eventually(async (see) => failsToStart.test(see(await sentencesOf(limber, 'down'))));
    // A process that ended at its start has taken nothing.
    assert.equal(await statusOf('down-002'), 'applying');
    // Nothing waits for it: the group can be changed, and that is done.
    await client.send(
      new ModifyReplicationGroupCommand({ ReplicationGroupId: 'down', SnapshotWindow: '01:00-02:00' }),
    );
    assert.deepEqual(
      (await limber.status()).operations.filter((one) => one.cache === 'down' && one.step === 'targeting'),
      [],
    );
    mendEngines(engines);
    await wholeAgain(limber, 'down');
    await inSync('down-002');
    assert.deepEqual(await policies('down'), ['allkeys-lfu', 'allkeys-lfu']);
    const updated = 'Updated parameter maxmemory-policy to allkeys-lfu';
    assert.ok((await messagesOf(client, 'down-001')).includes(updated));
    await eventually(async () => (await messagesOf(client, 'down-002')).includes(updated));
  });

  it('while a node runs a long script is waited for a moment only; the node takes it afterwards', async () => {
    await createPair('busy');
    const primary = primaryOf(await nodesOf(limber, 'busy'));
    const [client1, client2] = [await connectResp(primary, 1_000), await connectResp(primary, 1_000)];
    const endless = client1.ask('EVAL', 'while true do end', '0').catch(() => 'killed');
    await setParameter('p-busy', 'maxmemory-policy', 'noeviction');
    await inSync('busy-002');
    await eventually(
      async (see) =>
        see((await limber.status()).operations.filter((one) => one.cache === 'busy')).length === 0,
      {
        deadlineMs: 15_000,
      },
    );
    assert.equal(await statusOf('busy-001'), 'applying');
    await client2.ask('SCRIPT', 'KILL');
    await endless;
    for (const one of [client1, client2]) one.close();
    await inSync('busy-001');
    assert.deepEqual(await policies('busy'), ['noeviction', 'noeviction']);
  });

  it('while a replica is added reaches that one too', async () => {
    await createPair('grown');
    await client.send(
      new IncreaseReplicaCountCommand({
        ReplicationGroupId: 'grown',
        NewReplicaCount: 3,
        ApplyImmediately: true,
      }),
    );
    await setParameter('p-grown', 'maxmemory-policy', 'allkeys-random');
    await groupAvailable(client, 'grown');
    for (const number of [1, 2, 3, 4]) await inSync(`grown-00${number}`);
    assert.deepEqual(await policies('grown'), Array(4).fill('allkeys-random'));
  });

  it('right before Limber and a node die reaches every node when they are back', async () => {
    await createPair('gone', { AutomaticFailoverEnabled: true });
    const [replica] = replicasOf(await nodesOf(limber, 'gone'));
    await setParameter('p-gone', 'maxmemory-policy', 'allkeys-lru');
    await limber.kill();
    kill(replica!);
    await limber.restart();
    await wholeAgain(limber, 'gone');
    await inSync('gone-001');
    await inSync('gone-002');
    assert.deepEqual(await policies('gone'), ['allkeys-lru', 'allkeys-lru']);
  });
});

describe('a parameter of Memcached, which reads all of them at its start', () => {
  it('waits for a reboot of each node; one that dies needs none', async () => {
    await createParameters('p-items', 'memcached1.6');
    await createCluster(client, {
      CacheClusterId: 'items',
      Engine: 'memcached',
      NumCacheNodes: 2,
      CacheParameterGroupName: 'p-items',
    });
    await setParameter('p-items', 'max_item_size', '2097152');
    const waiting = async () =>
      (await clusterAvailable(client, 'items')).CacheParameterGroup?.CacheNodeIdsToReboot;
    assert.deepEqual(await waiting(), ['0001', '0002']);
    const [first] = await nodesOf(limber, 'items');
    // It may die before the change is its target.
    await eventually(async (see) => see((await limber.status()).operations).length === 0);
    kill(first!);
    await eventually(async (see) => see(await waiting())?.join() === '0002');
    const { CacheNodes = [] } = await describeCluster(client, 'items');
    // It is recorded a moment before it listens.
    const settingsOf = (node: (typeof CacheNodes)[number]) =>
      eventually(() => ask(at(node.Endpoint), 'stats settings', /END\r\n$/).catch(() => null));
    const settings = await Promise.all(CacheNodes.map(settingsOf));
    assert.deepEqual(
      settings.map((text) => /item_size_max (\d+)/.exec(text)?.[1]),
      ['2097152', '1048576'],
    );
  });
});

describe('the node groups of a cluster', () => {
  it('are modified one by one, and shown so', async () => {
    await createGroup(client, {
      ReplicationGroupId: 'shards',
      NumNodeGroups: 2,
      ReplicasPerNodeGroup: 1,
      AutomaticFailoverEnabled: true,
      EngineVersion: engines.version,
    });
    const growing = await client.send(
      new IncreaseReplicaCountCommand({
        ReplicationGroupId: 'shards',
        ReplicaConfiguration: [{ NodeGroupId: '0002', NewReplicaCount: 2 }],
        ApplyImmediately: true,
      }),
    );
    const statuses = (groups = growing.ReplicationGroup?.NodeGroups) => groups?.map(({ Status }) => Status);
    assert.deepEqual(statuses(), ['available', 'modifying']);
    const { NodeGroups } = await groupAvailable(client, 'shards');
    assert.deepEqual(statuses(NodeGroups), ['available', 'available']);
  });
});
