import assert from 'node:assert/strict';
import { before, describe, it, type TestContext } from 'node:test';
import {
  DecreaseReplicaCountCommand,
  IncreaseReplicaCountCommand,
  type ReplicationGroup,
} from '@aws-sdk/client-elasticache';
import { eventually } from '../support/eventually.ts';
import { isAlive, startLimber } from '../support/limber.ts';
import { at, createGroup, describeGroup, groupAvailable, membersOf } from './caches.ts';
import { valkey, valkeyCluster } from './engine-clients.ts';
import { asLimber } from './faults.ts';
import { keepWriting } from './writer.ts';

const limber = await startLimber();
const client = limber.client();

const variants = [
  { engine: 'valkey', version: '8.1' },
  { engine: 'valkey', version: '9.1' },
  { engine: 'redis', version: '7.0' },
] as const;

/** Addresses that this node lists in CLUSTER SLOTS, each shard's primary first. */
async function listedBy(t: TestContext, host: string): Promise<string[][]> {
  const slots = (await valkey(t, { host, port: 6379 }).call('CLUSTER', 'SLOTS')) as [
    number,
    number,
    ...[string, number][],
  ][];
  return slots.map(([, , ...nodes]) => nodes.map(([address]) => address));
}

/** What every node says of the shards, once: an assertion names the one that says something else. */
async function everyNodeLists(t: TestContext, id: string, replicas: readonly number[]): Promise<void> {
  const members = await membersOf(limber, id);
  for (const member of members) {
    const listed = await listedBy(t, member.address);
    const known = new Set(listed.flat());
    assert.deepEqual([...known].sort(), members.map(({ address }) => address).sort(), member.id);
    const counts = listed.map((addresses) => addresses.length - 1);
    assert.deepEqual(counts.sort(), [...replicas].sort(), member.id);
  }
}

for (const { engine, version } of variants) {
  describe(`replicas of a cluster of ${engine} ${version}`, () => {
    const id = `${engine}-${version.replace('.', '-')}`;
    let group: ReplicationGroup;

    before(async () => {
      group = await createGroup(client, {
        ReplicationGroupId: id,
        Engine: engine,
        EngineVersion: version,
        NumNodeGroups: 3,
        ReplicasPerNodeGroup: 0,
        AutomaticFailoverEnabled: true,
      });
    });

    it('are added to every shard, while a client writes on, and listed by every node when available', async (t) => {
      const data = valkeyCluster(t, at(group.ConfigurationEndpoint));
      const writer = keepWriting(data);
      await client.send(
        new IncreaseReplicaCountCommand({
          ReplicationGroupId: id,
          NewReplicaCount: 1,
          ApplyImmediately: true,
        }),
      );
      await groupAvailable(client, id);
      await everyNodeLists(t, id, [1, 1, 1]);
      await writer.stop();
      assert.deepEqual(writer.errors, []);
      for (let key = 0; key < writer.acknowledged; key += 1)
        assert.equal(await data.get(`w-${key}`), String(key));
    });

    it('have the usual node timeout then, as every other node', async () => {
      for (const member of await membersOf(limber, id)) {
        const engine = await asLimber(limber, id, member);
        assert.deepEqual(await engine.ask('CONFIG', 'GET', 'cluster-node-timeout'), [
          'cluster-node-timeout',
          '15000',
        ]);
        engine.close();
      }
    });

    it('are added to one shard alone', async (t) => {
      await client.send(
        new IncreaseReplicaCountCommand({
          ReplicationGroupId: id,
          ReplicaConfiguration: [{ NodeGroupId: '0002', NewReplicaCount: 2 }],
          ApplyImmediately: true,
        }),
      );
      const { NodeGroups = [] } = await groupAvailable(client, id);
      assert.deepEqual(
        NodeGroups.map((shard) => shard.NodeGroupMembers?.map((member) => member.CacheClusterId)),
        [
          [`${id}-0001-001`, `${id}-0001-002`],
          [`${id}-0002-001`, `${id}-0002-002`, `${id}-0002-003`],
          [`${id}-0003-001`, `${id}-0003-002`],
        ],
      );
      const zones = (await membersOf(limber, id))
        .filter(({ nodeGroupId }) => nodeGroupId === '0002')
        .map(({ zone }) => zone);
      assert.equal(new Set(zones).size, 3);
      await everyNodeLists(t, id, [1, 1, 2]);
    });

    it('take over when their primary dies', async (t) => {
      const [leader] = (await membersOf(limber, id)).filter(({ nodeGroupId }) => nodeGroupId === '0002');
      process.kill(leader?.pid ?? 0, 'SIGKILL');
      await eventually(async (see) => {
        const members = see(await membersOf(limber, id)).filter(({ nodeGroupId }) => nodeGroupId === '0002');
        return members[0]?.role === 'replica' && members.some(({ role }) => role === 'primary');
      });
      await eventually(() => everyNodeLists(t, id, [1, 1, 2]).then(() => true), { deadlineMs: 30_000 });
    });

    it('are removed, and forgotten by every node', async (t) => {
      const before = await membersOf(limber, id);
      const data = valkeyCluster(t, at(group.ConfigurationEndpoint));
      const writer = keepWriting(data);
      await client.send(
        new DecreaseReplicaCountCommand({
          ReplicationGroupId: id,
          NewReplicaCount: 0,
          ApplyImmediately: true,
        }),
      );
      await groupAvailable(client, id);
      const after = await membersOf(limber, id);
      assert.equal(after.length, 3);
      assert.ok(after.every(({ role }) => role === 'primary'));
      await everyNodeLists(t, id, [0, 0, 0]);
      for (const member of after) {
        const nodes = String(await valkey(t, { host: member.address, port: 6379 }).call('CLUSTER', 'NODES'));
        assert.equal(nodes.trim().split('\n').length, 3, nodes);
      }
      const gone = before.filter(({ pid }) => !after.some((member) => member.pid === pid));
      assert.deepEqual(
        gone.filter(({ pid }) => isAlive(pid ?? 0)),
        [],
      );
      await writer.stop();
      for (let key = 0; key < writer.acknowledged; key += 1)
        assert.equal(await data.get(`w-${key}`), String(key));
      assert.deepEqual((await describeGroup(client, id)).MemberClusters?.length, 3);
    });
  });
}

describe('a replica that leaves while another node is down', () => {
  it('is forgotten by that one too, when it is back', async (t) => {
    const id = 'forgotten';
    await createGroup(client, {
      ReplicationGroupId: id,
      NumNodeGroups: 2,
      ReplicasPerNodeGroup: 1,
      AutomaticFailoverEnabled: true,
    });
    const [first] = await membersOf(limber, id);
    process.kill(first?.pid ?? 0, 'SIGKILL');
    await client.send(
      new DecreaseReplicaCountCommand({
        ReplicationGroupId: id,
        ReplicasToRemove: [`${id}-0002-002`],
        ApplyImmediately: true,
      }),
    );
    await groupAvailable(client, id);
    await eventually(() => everyNodeLists(t, id, [0, 1]).then(() => true), { deadlineMs: 30_000 });
    for (const { address: host, port } of await membersOf(limber, id)) {
      const nodes = String(await valkey(t, { host, port }).call('CLUSTER', 'NODES'));
      assert.equal(nodes.trim().split('\n').length, 3, nodes);
    }
  });
});
