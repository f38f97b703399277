import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ModifyReplicationGroupMessage } from '@aws-sdk/client-elasticache';
import { deleteCacheCluster } from '../../src/actions/cache-clusters/delete-cache-cluster.ts';
import { decreaseReplicaCount } from '../../src/actions/replication-groups/decrease-replica-count.ts';
import { modifyReplicationGroup } from '../../src/actions/replication-groups/modify-replication-group.ts';
import { type Fixture, openFixture, refused, storePair } from './group-fixture.ts';

async function modify(fixture: Fixture, input: Partial<ModifyReplicationGroupMessage>) {
  const { ReplicationGroup } = await fixture.call(modifyReplicationGroup, {
    ReplicationGroupId: 'orders',
    ...input,
  });
  return ReplicationGroup ?? {};
}

describe('ModifyReplicationGroup', () => {
  it('takes a promotion together with automatic failover, which comes after it', async (t) => {
    const fixture = await openFixture(t);
    await storePair(fixture);
    const both = { PrimaryClusterId: 'orders-002', AutomaticFailoverEnabled: true, ApplyImmediately: true };
    const answer = await modify(fixture, both);
    assert.deepEqual(
      [answer.Status, answer.AutomaticFailover, answer.PendingModifiedValues?.PrimaryClusterId],
      ['modifying', 'enabled', 'orders-002'],
    );
    const [operation] = await fixture.store.openOperations();
    assert.equal(operation?.kind, 'promote-member');
  });

  it('refuses a promotion where automatic failover is on, also when the request turns it off', async (t) => {
    const fixture = await openFixture(t);
    await storePair(fixture, { automaticFailover: true });
    const promotion = { PrimaryClusterId: 'orders-002', ApplyImmediately: true };
    for (const input of [promotion, { ...promotion, AutomaticFailoverEnabled: false }])
      await refused(modify(fixture, input), 'InvalidParameterCombination', 'PrimaryClusterId');
  });

  it('refuses to turn automatic failover off, and a source of snapshots, with cluster mode', async (t) => {
    const fixture = await openFixture(t);
    await storePair(fixture, { automaticFailover: true, clusterMode: 'enabled' });
    await refused(
      modify(fixture, { AutomaticFailoverEnabled: false }),
      'InvalidParameterCombination',
      'Turning off automatic failover for replication group with cluster mode enabled is not supported.',
    );
    await refused(
      modify(fixture, { SnapshottingClusterId: 'orders-002' }),
      'InvalidParameterCombination',
      'Cannot set snapshotting cluster for cluster mode enabled replication group',
    );
  });
});

describe('a member that leaves as the source of snapshots', () => {
  const sourceAfter = async (fixture: Fixture) => {
    const [group] = await fixture.store.resources(
      { account: '111122223333', region: 'eu-west-1', kind: 'replication-group' },
      { after: null, limit: 1 },
    );
    return group?.desired.snapshottingClusterId;
  };
  const ways = {
    DecreaseReplicaCount: (fixture: Fixture) =>
      fixture.call(decreaseReplicaCount, {
        ReplicationGroupId: 'orders',
        NewReplicaCount: 0,
        ApplyImmediately: true,
      }),
    DeleteCacheCluster: (fixture: Fixture) =>
      fixture.call(deleteCacheCluster, { CacheClusterId: 'orders-002' }),
  };
  for (const [name, leave] of Object.entries(ways)) {
    it(`hands that over when snapshots are kept: ${name}`, async (t) => {
      const fixture = await openFixture(t);
      await storePair(fixture, { snapshottingClusterId: 'orders-002', snapshotRetentionLimit: 3 });
      await leave(fixture);
      assert.equal(await sourceAfter(fixture), 'orders-001');
    });

    it(`leaves none when no snapshots are kept: ${name}`, async (t) => {
      const fixture = await openFixture(t);
      await storePair(fixture, { snapshottingClusterId: 'orders-002' });
      await leave(fixture);
      assert.equal(await sourceAfter(fixture), null);
    });
  }
});
