import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { ReplicationGroup } from '@aws-sdk/client-elasticache';
import { startLimber } from '../support/limber.ts';
import { at, createGroup, describeCluster, membersOf } from './caches.ts';
import { info, nodeRedisCluster, valkey, valkeyCluster } from './engine-clients.ts';
import { servesItself } from './sockets.ts';

const limber = await startLimber();
const client = limber.client();

/** `0-5460` of each shard as the engine sees it, ordered. */
async function slotsOf(t: Parameters<typeof valkey>[0], group: ReplicationGroup): Promise<string[]> {
  const node = valkey(t, at(group.ConfigurationEndpoint));
  const slots = (await node.call('CLUSTER', 'SLOTS')) as [number, number, ...unknown[]][];
  return slots.map(([from, to]) => `${from}-${to}`).sort();
}

const variants = [
  { engine: 'valkey', version: '8.0' },
  { engine: 'valkey', version: '8.1' },
  { engine: 'valkey', version: '9.1' },
  { engine: 'redis', version: '7.0' },
] as const;

for (const { engine, version } of variants) {
  describe(`a cluster of ${engine} ${version} with 3 shards of 2 nodes`, () => {
    const id = `${engine}-${version.replace('.', '-')}`;
    let group: ReplicationGroup;

    before(async () => {
      group = await createGroup(client, {
        ReplicationGroupId: id,
        Engine: engine,
        EngineVersion: version,
        NumNodeGroups: 3,
        ReplicasPerNodeGroup: 1,
        AutomaticFailoverEnabled: true,
        MultiAZEnabled: true,
      });
    });

    it('shows one configuration endpoint, and shards with even slots and their members', () => {
      assert.equal(group.ClusterEnabled, true);
      assert.equal(group.ClusterMode, 'enabled');
      assert.ok(group.ConfigurationEndpoint?.Address);
      assert.deepEqual(
        group.NodeGroups?.map((shard) => [shard.NodeGroupId, shard.Slots, shard.NodeGroupMembers?.length]),
        [
          ['0001', '0-5461', 2],
          ['0002', '5462-10922', 2],
          ['0003', '10923-16383', 2],
        ],
      );
      assert.deepEqual(
        group.MemberClusters,
        ['0001', '0002', '0003'].flatMap((shard) => [`${id}-${shard}-001`, `${id}-${shard}-002`]),
      );
    });

    it('leaves roles and endpoints of members to the cluster itself', () => {
      for (const shard of group.NodeGroups ?? []) {
        assert.equal(shard.PrimaryEndpoint, undefined);
        for (const member of shard.NodeGroupMembers ?? []) {
          assert.equal(member.CurrentRole, undefined);
          assert.equal(member.ReadEndpoint, undefined);
        }
      }
    });

    it('spreads primary and replica of each shard over availability zones', () => {
      for (const shard of group.NodeGroups ?? [])
        assert.equal(
          new Set(shard.NodeGroupMembers?.map((member) => member.PreferredAvailabilityZone)).size,
          2,
        );
    });

    it('serves the slots that the API shows', async (t) => {
      const shown = group.NodeGroups?.map((shard) => shard.Slots).sort();
      assert.deepEqual(await slotsOf(t, group), shown);
      assert.match(
        String(await valkey(t, at(group.ConfigurationEndpoint)).call('CLUSTER', 'INFO')),
        /state:ok/,
      );
    });

    it('has its configuration endpoint served by a node itself: its process, its socket', async (t) => {
      const endpoint = at(group.ConfigurationEndpoint);
      const pid = Number(await info(valkey(t, endpoint), 'process_id'));
      assert.ok((await membersOf(limber, id)).some((member) => member.pid === pid));
      assert.ok(servesItself(pid, endpoint.host, endpoint.port));
    });

    it('gives one cluster client what another wrote, whatever shard a key is in', async (t) => {
      const writer = valkeyCluster(t, at(group.ConfigurationEndpoint));
      const keys = Array.from({ length: 100 }, (_, index) => `key-${index}`);
      await Promise.all(keys.map((key) => writer.set(key, `value of ${key}`)));
      const reader = await nodeRedisCluster(t, at(group.ConfigurationEndpoint));
      for (const key of keys) assert.equal(await reader.get(key), `value of ${key}`);
    });

    it('runs the engine that was asked for on every member', async () => {
      for (const member of group.MemberClusters ?? [])
        assert.ok((await describeCluster(client, member)).EngineVersion?.startsWith(`${version}.`));
    });
  });
}

describe('a cluster of one shard without replicas', () => {
  it('is a cluster all the same, with every slot', async (t) => {
    const group = await createGroup(client, {
      ReplicationGroupId: 'single-shard',
      ClusterMode: 'enabled',
      NumNodeGroups: 1,
      ReplicasPerNodeGroup: 0,
      AutomaticFailoverEnabled: true,
    });
    assert.deepEqual(group.MemberClusters, ['single-shard-0001-001']);
    assert.deepEqual(await slotsOf(t, group), ['0-16383']);
    assert.equal(await valkeyCluster(t, at(group.ConfigurationEndpoint)).set('key', 'value'), 'OK');
  });

  it('comes with a parameter group that has cluster mode enabled, too', async () => {
    const group = await createGroup(client, {
      ReplicationGroupId: 'by-parameters',
      CacheParameterGroupName: 'default.valkey8.cluster.on',
      EngineVersion: '8.1',
      AutomaticFailoverEnabled: true,
    });
    assert.equal(group.ClusterMode, 'enabled');
    assert.equal(
      (await describeCluster(client, 'by-parameters-0001-001')).CacheParameterGroup?.CacheParameterGroupName,
      'default.valkey8.cluster.on',
    );
  });
});

describe('a cluster with slots of one’s choice', () => {
  it('has them, under the node group ids that were given', async (t) => {
    const group = await createGroup(client, {
      ReplicationGroupId: 'chosen',
      NumNodeGroups: 2,
      AutomaticFailoverEnabled: true,
      NodeGroupConfiguration: [
        { NodeGroupId: '0007', Slots: '0-99,200-16383', ReplicaCount: 0 },
        { NodeGroupId: '0009', Slots: '100-199', ReplicaCount: 1 },
      ],
    });
    assert.deepEqual(group.MemberClusters, ['chosen-0007-001', 'chosen-0009-001', 'chosen-0009-002']);
    assert.deepEqual(
      group.NodeGroups?.map((shard) => [shard.NodeGroupId, shard.Slots]),
      [
        ['0007', '0-99,200-16383'],
        ['0009', '100-199'],
      ],
    );
    assert.deepEqual(await slotsOf(t, group), ['0-99', '100-199', '200-16383']);
  });
});
