import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CreateReplicationGroupMessage } from '@aws-sdk/client-elasticache';
import { describeCacheClusters } from '../../src/actions/cache-clusters/describe-cache-clusters.ts';
import { createReplicationGroup } from '../../src/actions/replication-groups/create-replication-group.ts';
import { describeReplicationGroups } from '../../src/actions/replication-groups/describe-replication-groups.ts';
import { type Fixture, openFixture, refused } from './group-fixture.ts';

async function create(fixture: Fixture, input: Partial<CreateReplicationGroupMessage> = {}) {
  const defaults = {
    ReplicationGroupId: 'orders',
    ReplicationGroupDescription: 'a group',
    Engine: 'valkey',
    CacheNodeType: 'cache.t4g.small',
  };
  const { ReplicationGroup } = await fixture.call(createReplicationGroup, { ...defaults, ...input });
  return ReplicationGroup ?? {};
}

const cluster = { NumNodeGroups: 2, ReplicasPerNodeGroup: 1 };
const pair = { NumCacheClusters: 2 };

describe('CreateReplicationGroup', () => {
  it('turns automatic failover on by itself in cluster mode', async (t) => {
    const fixture = await openFixture(t);
    assert.equal((await create(fixture, cluster)).AutomaticFailover, 'enabled');
    const spread = { ...cluster, ReplicationGroupId: 'spread', MultiAZEnabled: true };
    assert.equal((await create(fixture, spread)).MultiAZ, 'enabled');
    const alone = { ReplicationGroupId: 'alone', CacheParameterGroupName: 'default.valkey8.cluster.on' };
    assert.equal((await create(fixture, alone)).AutomaticFailover, 'enabled');
  });

  it('leaves automatic failover off without cluster mode', async (t) => {
    const fixture = await openFixture(t);
    assert.equal((await create(fixture, pair)).AutomaticFailover, 'disabled');
  });

  it('refuses cluster mode with automatic failover turned off', async (t) => {
    const fixture = await openFixture(t);
    await refused(
      create(fixture, { ...cluster, AutomaticFailoverEnabled: false }),
      'InvalidParameterValue',
      'Redis with cluster mode enabled cannot be created with auto failover turned off.',
    );
  });

  it('refuses the id of a group that there is, in the words that programs match', async (t) => {
    const fixture = await openFixture(t);
    await create(fixture);
    await refused(
      create(fixture, { ReplicationGroupId: 'Orders' }),
      'ReplicationGroupAlreadyExists',
      'Replication group with specified name already exists.',
    );
  });
});

describe('replicas that are asked for twice', () => {
  const shards = (ReplicaCount: number) => [{ ReplicaCount }, { ReplicaCount }];

  it('are refused when the numbers differ, instead of being lost', async (t) => {
    const fixture = await openFixture(t);
    for (const [ReplicasPerNodeGroup, own] of [
      [1, 0],
      [0, 1],
    ] as const)
      await refused(
        create(fixture, { ReplicasPerNodeGroup, NodeGroupConfiguration: shards(own) }),
        'InvalidParameterCombination',
        `ReplicasPerNodeGroup is ${ReplicasPerNodeGroup} and NodeGroupConfiguration has an entry with ReplicaCount ${own}`,
      );
  });

  it('are made when they agree, or only one of them says', async (t) => {
    const fixture = await openFixture(t);
    const both = { ReplicasPerNodeGroup: 1, NodeGroupConfiguration: shards(1) };
    assert.equal((await create(fixture, both)).MemberClusters?.length, 4);
    const own = { NodeGroupConfiguration: [{ ReplicaCount: 2 }, {}], ReplicationGroupId: 'own' };
    assert.equal((await create(fixture, own)).MemberClusters?.length, 4);
    const mixed = { ...own, ReplicasPerNodeGroup: 2, ReplicationGroupId: 'mixed' };
    assert.equal((await create(fixture, mixed)).MemberClusters?.length, 6);
  });
});

describe('the members of a new group', () => {
  it('are shown from the first moment, before any node is placed', async (t) => {
    const fixture = await openFixture(t);
    const ids = ['orders-001', 'orders-002'];
    assert.deepEqual((await create(fixture, pair)).MemberClusters, ids);
    const { ReplicationGroups: [one] = [] } = await fixture.call(describeReplicationGroups, {
      ReplicationGroupId: 'orders',
    });
    assert.deepEqual([one?.Status, one?.MemberClusters], ['creating', ids]);
    const { ReplicationGroups: [listed] = [] } = await fixture.call(describeReplicationGroups, {});
    assert.deepEqual(listed?.MemberClusters, ids);
  });

  it('have the version that is going to run, not a made-up patch', async (t) => {
    const fixture = await openFixture(t);
    await create(fixture, { Engine: 'redis', EngineVersion: '7.0' });
    const { CacheClusters: [member] = [] } = await fixture.call(describeCacheClusters, {});
    assert.deepEqual([member?.CacheClusterStatus, member?.EngineVersion], ['creating', '7.0.15']);
  });
});

describe('the source of daily snapshots', () => {
  const sourceOf = async (fixture: Fixture, input: Partial<CreateReplicationGroupMessage>) =>
    (await create(fixture, { SnapshotRetentionLimit: 1, ...input })).SnapshottingClusterId;

  it('is the first replica', async (t) => {
    assert.equal(await sourceOf(await openFixture(t), { NumCacheClusters: 3 }), 'orders-002');
  });

  it('is the primary of a group without replicas', async (t) => {
    assert.equal(await sourceOf(await openFixture(t), {}), 'orders-001');
  });

  it('is not shown when no snapshots are kept, nor with cluster mode', async (t) => {
    const fixture = await openFixture(t);
    assert.equal(await sourceOf(fixture, { ...pair, SnapshotRetentionLimit: 0 }), undefined);
    assert.equal(await sourceOf(fixture, { ...cluster, ReplicationGroupId: 'sharded' }), undefined);
  });
});
