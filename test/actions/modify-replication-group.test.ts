import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ModifyReplicationGroupMessage } from '@aws-sdk/client-elasticache';
import { deleteCacheCluster } from '../../src/actions/cache-clusters/delete-cache-cluster.ts';
import { describeCacheClusters } from '../../src/actions/cache-clusters/describe-cache-clusters.ts';
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

describe('turning snapshots on', () => {
  const retention = { SnapshotRetentionLimit: 5 };
  const text = 'Must specify both SnapshotRetentionLimit and SnapshottingClusterId to turn on snapshots';

  it('needs a source, in the words that programs match', async (t) => {
    const fixture = await openFixture(t);
    await storePair(fixture);
    await refused(modify(fixture, retention), 'InvalidParameterCombination', text);
    const answer = await modify(fixture, { ...retention, SnapshottingClusterId: 'orders-001' });
    assert.deepEqual([answer.SnapshotRetentionLimit, answer.SnapshottingClusterId], [5, 'orders-001']);
  });

  it('needs none when they are on, when they are turned off, and with cluster mode', async (t) => {
    const fixture = await openFixture(t);
    await storePair(fixture, { snapshotRetentionLimit: 1, snapshottingClusterId: 'orders-002' });
    assert.equal((await modify(fixture, retention)).SnapshotRetentionLimit, 5);
    assert.equal((await modify(fixture, { SnapshotRetentionLimit: 0 })).SnapshotRetentionLimit, 0);
    await refused(modify(fixture, retention), 'InvalidParameterCombination', text);
    const sharded = await openFixture(t);
    await storePair(sharded, { clusterMode: 'enabled' });
    assert.equal((await modify(sharded, retention)).SnapshotRetentionLimit, 5);
  });
});

describe('the notification topic', () => {
  const arn = 'arn:aws:sns:eu-west-1:111122223333:caches';
  const topicOf = async (fixture: Fixture) => {
    const { CacheClusters: [one] = [] } = await fixture.call(describeCacheClusters, {});
    return one?.NotificationConfiguration;
  };

  it('is not changed by an empty ARN, with a topic and without', async (t) => {
    const fixture = await openFixture(t);
    await storePair(fixture);
    await modify(fixture, { NotificationTopicArn: '' });
    assert.equal(await topicOf(fixture), undefined);
    await modify(fixture, { NotificationTopicArn: arn });
    await modify(fixture, { NotificationTopicArn: '' });
    assert.deepEqual(await topicOf(fixture), { TopicArn: arn, TopicStatus: 'active' });
    await modify(fixture, { NotificationTopicArn: '', NotificationTopicStatus: 'inactive' });
    assert.deepEqual(await topicOf(fixture), { TopicArn: arn, TopicStatus: 'inactive' });
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
