import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Action, ActionDeps } from '../../src/actions/action.ts';
import { notBuiltActions } from '../../src/actions/not-built/index.ts';
import type { ServiceErrorCode } from '../../src/model/service-errors.ts';
import { openFixture, refused, storeGroup } from './group-fixture.ts';

type Name = keyof ReturnType<typeof notBuiltActions>;
const action = (name: Name) => (deps: ActionDeps) => notBuiltActions(deps)[name] as Action<object, object>;

const lists: readonly (readonly [Name, list: string])[] = [
  ['DescribeGlobalReplicationGroups', 'GlobalReplicationGroups'],
  ['DescribeServerlessCacheSnapshots', 'ServerlessCacheSnapshots'],
  ['DescribeServerlessCaches', 'ServerlessCaches'],
  ['DescribeServiceUpdates', 'ServiceUpdates'],
  ['DescribeSnapshots', 'Snapshots'],
  ['DescribeUpdateActions', 'UpdateActions'],
  ['DescribeUserGroups', 'UserGroups'],
  ['DescribeUsers', 'Users'],
];

const byId: readonly (readonly [Name, parameter: string, ServiceErrorCode])[] = [
  ['DescribeGlobalReplicationGroups', 'GlobalReplicationGroupId', 'GlobalReplicationGroupNotFoundFault'],
  ['DescribeServerlessCacheSnapshots', 'ServerlessCacheSnapshotName', 'ServerlessCacheSnapshotNotFoundFault'],
  ['DescribeServerlessCacheSnapshots', 'ServerlessCacheName', 'ServerlessCacheNotFoundFault'],
  ['DescribeServerlessCaches', 'ServerlessCacheName', 'ServerlessCacheNotFoundFault'],
  ['DescribeServiceUpdates', 'ServiceUpdateName', 'ServiceUpdateNotFoundFault'],
  ['DescribeSnapshots', 'SnapshotName', 'SnapshotNotFoundFault'],
  ['DescribeSnapshots', 'CacheClusterId', 'CacheClusterNotFound'],
  ['DescribeUserGroups', 'UserGroupId', 'UserGroupNotFound'],
  ['DescribeUsers', 'UserId', 'UserNotFound'],
];

describe('a kind that is not built yet', () => {
  for (const [name, list] of lists)
    it(`has none: ${name} answers an empty list`, async (t) => {
      const fixture = await openFixture(t);
      assert.deepEqual(await fixture.call(action(name), {}), { [list]: [] });
    });

  for (const [name, parameter, code] of byId)
    it(`has none of that id: ${name} with ${parameter} answers ${code}`, async (t) => {
      const fixture = await openFixture(t);
      await refused(fixture.call(action(name), { [parameter]: 'nobody' }), code, 'nobody');
      await refused(fixture.call(action(name), { [parameter]: ' ' }), 'InvalidParameterValue', parameter);
    });

  it('has none of a cache that there is', async (t) => {
    const fixture = await openFixture(t);
    await storeGroup(fixture, 'orders');
    for (const filter of [{ CacheClusterId: 'orders-001' }, { ReplicationGroupId: 'orders' }])
      assert.deepEqual(await fixture.call(action('DescribeSnapshots'), filter), { Snapshots: [] });
  });

  it('has pages like every other', async (t) => {
    const fixture = await openFixture(t);
    for (const input of [{ MaxRecords: 51 }, { Marker: 'no marker' }])
      await refused(fixture.call(action('DescribeSnapshots'), input), 'InvalidParameterValue');
  });
});
