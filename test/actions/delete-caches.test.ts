/** When a cache can be deleted that is not available: ElastiCache refuses it, and what is held up has no other way out. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deleteCacheCluster } from '../../src/actions/cache-clusters/delete-cache-cluster.ts';
import { deleteReplicationGroup } from '../../src/actions/replication-groups/delete-replication-group.ts';
import type { Cache } from '../../src/model/resource.ts';
import { enqueue } from '../../src/store/enqueue.ts';
import { type Fixture, openFixture, refused, storeGroup, storeMemcached } from './group-fixture.ts';

const remove = (fixture: Fixture) => fixture.call(deleteReplicationGroup, { ReplicationGroupId: 'orders' });
const begin = ({ store, deps }: Fixture, cache: Cache) =>
  store.commit([enqueue(deps, 'create-cache', cache, { zones: [] })]);

describe('deleting a cache', () => {
  for (const status of ['creating', 'modifying', 'snapshotting'])
    it(`that is ${status} is refused for a minute, and not longer`, async (t) => {
      const fixture = await openFixture(t);
      await begin(fixture, await storeGroup(fixture, 'orders', {}, status));
      fixture.advance(59_999);
      await refused(remove(fixture), 'InvalidReplicationGroupState', `orders is ${status}`, '60 seconds');
      fixture.advance(1);
      const { ReplicationGroup: group } = await remove(fixture);
      assert.equal(group?.Status, 'deleting');
      assert.equal(fixture.wakes(), 1);
    });

  it('is not refused when nothing is under way that could end the state which it is in', async (t) => {
    const fixture = await openFixture(t);
    await storeGroup(fixture, 'orders', {}, 'modifying');
    assert.equal((await remove(fixture)).ReplicationGroup?.Status, 'deleting');
  });

  it('goes by its own operations, not by those of others', async (t) => {
    const fixture = await openFixture(t);
    await begin(fixture, await storeGroup(fixture, 'other', {}, 'creating'));
    fixture.advance(60_000);
    await begin(fixture, await storeGroup(fixture, 'orders', {}, 'creating'));
    await refused(remove(fixture), 'InvalidReplicationGroupState', 'creating');
  });

  it('is refused when it is being deleted, however long that takes', async (t) => {
    const fixture = await openFixture(t);
    await storeGroup(fixture, 'orders');
    await remove(fixture);
    fixture.advance(3_600_000);
    await refused(remove(fixture), 'InvalidReplicationGroupState', 'deleting');
  });

  it('holds for clusters outside of groups too', async (t) => {
    const fixture = await openFixture(t);
    const call = () => fixture.call(deleteCacheCluster, { CacheClusterId: 'sessions' });
    await begin(fixture, await storeMemcached(fixture, 'sessions', {}, 'modifying'));
    await refused(call(), 'InvalidCacheClusterState', 'modifying');
    fixture.advance(60_000);
    assert.equal((await call()).CacheCluster?.CacheClusterStatus, 'deleting');
  });

  it('is no way for a member out of a group that is changing: the group is', async (t) => {
    const fixture = await openFixture(t);
    await begin(fixture, await storeGroup(fixture, 'orders', {}, 'modifying'));
    fixture.advance(3_600_000);
    const call = fixture.call(deleteCacheCluster, { CacheClusterId: 'orders-002' });
    await refused(call, 'InvalidCacheClusterState', 'modifying');
  });
});
