/** What is refused because of the processes behind the rows, which say that all is well. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { deleteCacheCluster } from '../../src/actions/cache-clusters/delete-cache-cluster.ts';
import { decreaseReplicaCount } from '../../src/actions/replication-groups/decrease-replica-count.ts';
import { testFailover } from '../../src/actions/replication-groups/test-failover.ts';
import { openFixture, refused, storePair } from './group-fixture.ts';

const why = 'orders-002 cannot go yet: no other member is known to hold the data (orders-001 is dead)';

/** `looks`: what is seen of the shard each time that it is looked at; the last one from then on. */
async function scene(t: TestContext, looks: readonly (string | null)[], automaticFailover = false) {
  const fixture = await openFixture(t);
  await storePair(fixture, { automaticFailover });
  let count = 0;
  const seen = async () => looks[Math.min(count++, looks.length - 1)] ?? null;
  const copies = { whyNeeded: seen, whyNoHeir: seen };
  const removal = { ReplicationGroupId: 'orders', ApplyImmediately: true };
  return {
    byCount: () =>
      fixture.call((deps) => decreaseReplicaCount({ ...deps, copies }), { ...removal, NewReplicaCount: 0 }),
    byName: () =>
      fixture.call((deps) => decreaseReplicaCount({ ...deps, copies }), {
        ...removal,
        ReplicasToRemove: ['orders-002'],
      }),
    member: () =>
      fixture.call((deps) => deleteCacheCluster({ ...deps, copies }), { CacheClusterId: 'orders-002' }),
    failover: () =>
      fixture.call((deps) => testFailover({ ...deps, copies }), {
        ReplicationGroupId: 'orders',
        NodeGroupId: '0001',
      }),
    queued: async () => (await fixture.store.openOperations()).map(({ kind }) => kind),
    looked: () => count,
  };
}

describe('a replica that holds the only copy which is known', () => {
  it('is not taken by any form of request, and nothing is queued', async (t) => {
    const { byCount, byName, member, queued } = await scene(t, [why]);
    await refused(byCount(), 'InvalidReplicationGroupState', 'Node group 0001', 'is not well', why);
    await refused(byName(), 'InvalidReplicationGroupState', 'Node group 0001', why);
    await refused(member(), 'InvalidCacheClusterState', 'orders is not well', why);
    assert.deepEqual(await queued(), []);
  });

  it('is taken when the shard is well again within a moment', async (t) => {
    const { byCount, queued, looked } = await scene(t, [why, why, null]);
    await byCount();
    assert.deepEqual([await queued(), looked()], [['remove-members'], 3]);
  });
});

describe('TestFailover without anybody who could take over', () => {
  it('is refused, and not counted', async (t) => {
    const { failover, queued } = await scene(t, ['no replica is known to hold the data'], true);
    const text = 'cannot be failed over at present: no replica is known to hold the data';
    await refused(failover(), 'TestFailoverNotAvailableFault', 'Node group 0001 of orders', text);
    assert.deepEqual(await queued(), []);
  });

  it('is taken when a replica holds the data again within a moment', async (t) => {
    const { failover, queued } = await scene(t, ['no replica is known to hold the data', null], true);
    await failover();
    assert.deepEqual(await queued(), ['test-failover']);
  });
});
