import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CreateReplicationGroupMessage } from '@aws-sdk/client-elasticache';
import { createReplicationGroup } from '../../src/actions/replication-groups/create-replication-group.ts';
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
