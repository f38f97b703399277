import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createCacheParameterGroup } from '../../src/actions/parameter-groups/parameter-groups.ts';
import { createCacheSecurityGroup } from '../../src/actions/security-groups/security-groups.ts';
import { createCacheSubnetGroup } from '../../src/actions/subnet-groups/subnet-groups.ts';
import {
  addTagsToResource,
  listTagsForResource,
  removeTagsFromResource,
} from '../../src/actions/tags/tags.ts';
import { type Fixture, openFixture, refused, storeGroup, storeMemcached } from './group-fixture.ts';

const arn = (type: string, id: string) => `arn:aws:elasticache:eu-west-1:111122223333:${type}:${id}`;
const pairs = (tags: Record<string, string>) => Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
const add = (fixture: Fixture, ResourceName: string, tags: Record<string, string>) =>
  fixture.call(addTagsToResource, { ResourceName, Tags: pairs(tags) });
const remove = (fixture: Fixture, ResourceName: string, ...TagKeys: string[]) =>
  fixture.call(removeTagsFromResource, { ResourceName, TagKeys });
const list = async (fixture: Fixture, ResourceName: string) => {
  const { TagList: tags = [] } = await fixture.call(listTagsForResource, { ResourceName });
  return Object.fromEntries(tags.map((tag) => [tag.Key, tag.Value]));
};

describe('tags', () => {
  it('are added, replaced, listed and removed, and every answer is the full list', async (t) => {
    const fixture = await openFixture(t);
    await storeMemcached(fixture, 'sessions');
    const cluster = arn('cluster', 'sessions');
    await add(fixture, cluster, { team: 'shop', stage: 'test' });
    const { TagList: added } = await add(fixture, cluster, { stage: 'live' });
    assert.deepEqual(added, pairs({ team: 'shop', stage: 'live' }));
    const { TagList: left } = await remove(fixture, cluster, 'team');
    assert.deepEqual(left, pairs({ stage: 'live' }));
    assert.deepEqual(await list(fixture, cluster), { stage: 'live' });
  });

  it('can be given to groups at their creation, and read by ARN', async (t) => {
    const fixture = await openFixture(t);
    const Tags = pairs({ team: 'shop' });
    await fixture.call(createCacheParameterGroup, {
      CacheParameterGroupName: 'tuned',
      CacheParameterGroupFamily: 'valkey8',
      Description: '',
      Tags,
    });
    await fixture.call(createCacheSubnetGroup, {
      CacheSubnetGroupName: 'backend',
      CacheSubnetGroupDescription: '',
      SubnetIds: ['subnet-1'],
      Tags,
    });
    await fixture.call(createCacheSecurityGroup, { CacheSecurityGroupName: 'old', Description: '', Tags });
    for (const name of [
      arn('parametergroup', 'tuned'),
      arn('subnetgroup', 'backend'),
      arn('securitygroup', 'old'),
    ])
      assert.deepEqual(await list(fixture, name), { team: 'shop' }, name);
  });

  it('of a replication group are copied to its members, where other tags stay', async (t) => {
    const fixture = await openFixture(t);
    await storeGroup(fixture, 'orders');
    await add(fixture, arn('cluster', 'orders-001'), { own: 'yes' });
    await add(fixture, arn('replicationgroup', 'orders'), { team: 'shop', stage: 'test' });
    assert.deepEqual(await list(fixture, arn('cluster', 'orders-001')), {
      own: 'yes',
      team: 'shop',
      stage: 'test',
    });
    await remove(fixture, arn('cluster', 'orders-002'), 'team');
    await remove(fixture, arn('replicationgroup', 'orders'), 'team');
    assert.deepEqual(await list(fixture, arn('cluster', 'orders-001')), { own: 'yes', stage: 'test' });
    assert.deepEqual(await list(fixture, arn('cluster', 'orders-002')), { stage: 'test' });
  });

  it('are at most 50 on a resource, and on no member of a group more', async (t) => {
    const fixture = await openFixture(t);
    await storeGroup(fixture, 'orders');
    const numbered = (from: number, count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`key${from + index}`, '']));
    await add(fixture, arn('cluster', 'orders-001'), numbered(0, 50));
    const group = arn('replicationgroup', 'orders');
    await refused(add(fixture, group, { another: '' }), 'TagQuotaPerResourceExceeded', '51', '50');
    assert.deepEqual(await list(fixture, group), {});
  });

  it('refuse bad keys and values, and an empty list', async (t) => {
    const fixture = await openFixture(t);
    await storeMemcached(fixture, 'sessions');
    const cluster = arn('cluster', 'sessions');
    for (const bad of [{ 'aws:x': '1' }, { ['k'.repeat(129)]: '1' }, { key: 'v'.repeat(257) }, { 'a*b': '' }])
      await refused(add(fixture, cluster, bad as Record<string, string>), 'InvalidParameterValue', 'Tags');
    await refused(add(fixture, cluster, {}), 'InvalidParameterValue', 'Tags');
    await refused(remove(fixture, cluster), 'InvalidParameterValue', 'TagKeys');
  });

  it('answer TagNotFound for a key that is not there, and remove none then', async (t) => {
    const fixture = await openFixture(t);
    await storeMemcached(fixture, 'sessions');
    const cluster = arn('cluster', 'sessions');
    await add(fixture, cluster, { team: 'shop' });
    await refused(remove(fixture, cluster, 'team', 'nope'), 'TagNotFound', 'nope');
    assert.deepEqual(await list(fixture, cluster), { team: 'shop' });
  });

  it('need a cache that is available', async (t) => {
    const fixture = await openFixture(t);
    await storeGroup(fixture, 'orders', {}, 'modifying');
    const words = 'Cluster not in available state to perform tagging operations.';
    await refused(
      add(fixture, arn('replicationgroup', 'orders'), { a: '' }),
      'InvalidReplicationGroupState',
      words,
    );
    await refused(remove(fixture, arn('cluster', 'orders-001'), 'a'), 'InvalidReplicationGroupState', words);
  });

  for (const status of ['creating', 'modifying'])
    it(`cannot be listed of a cache that is ${status}, nor of its members`, async (t) => {
      const fixture = await openFixture(t);
      await storeGroup(fixture, 'orders', {}, status);
      const words = 'Cluster not in available state to perform tagging operations.';
      for (const ResourceName of [arn('replicationgroup', 'orders'), arn('cluster', 'orders-001')])
        await refused(
          fixture.call(listTagsForResource, { ResourceName }),
          'InvalidReplicationGroupState',
          words,
          status,
        );
    });

  for (const status of ['deleting', 'create-failed', 'snapshotting'])
    it(`can be listed of a cache that is ${status}`, async (t) => {
      const fixture = await openFixture(t);
      await storeGroup(fixture, 'orders', {}, status);
      const ResourceName = arn('replicationgroup', 'orders');
      assert.deepEqual(await fixture.call(listTagsForResource, { ResourceName }), { TagList: [] });
    });

  it('cannot be put on a default group, whose (empty) list can be read', async (t) => {
    const fixture = await openFixture(t);
    for (const name of [arn('parametergroup', 'default.valkey8'), arn('subnetgroup', 'default')]) {
      await refused(add(fixture, name, { a: '' }), 'InvalidARN', 'default');
      assert.deepEqual(await list(fixture, name), {});
    }
  });

  it('refuse an ARN that is malformed, of another account or region, or cannot have tags', async (t) => {
    const fixture = await openFixture(t);
    await storeMemcached(fixture, 'sessions');
    const list = (ResourceName: string) => fixture.call(listTagsForResource, { ResourceName });
    for (const bad of [
      'sessions',
      'arn:aws:s3:::bucket',
      arn('spaceship', 'x'),
      'arn:aws:elasticache::111122223333:globalreplicationgroup:ldgnf-x',
    ])
      await refused(list(bad), 'InvalidARN');
    for (const [place, text] of [
      ['us-east-1:111122223333', 'Unauthorized call. Please check the region or customer id'],
      ['eu-west-1:999999999999', "The resource ARN does not belong to the caller's account."],
    ] as const)
      await refused(list(`arn:aws:elasticache:${place}:cluster:sessions`), 'InvalidParameterValue', text);
  });

  for (const [type, code] of [
    ['cluster', 'CacheClusterNotFound'],
    ['replicationgroup', 'ReplicationGroupNotFoundFault'],
    ['parametergroup', 'CacheParameterGroupNotFound'],
    ['subnetgroup', 'CacheSubnetGroupNotFoundFault'],
    ['securitygroup', 'CacheSecurityGroupNotFound'],
    ['reserved-instance', 'ReservedCacheNodeNotFound'],
    ['snapshot', 'SnapshotNotFoundFault'],
    ['user', 'UserNotFound'],
    ['usergroup', 'UserGroupNotFound'],
    ['serverlesscache', 'ServerlessCacheNotFoundFault'],
    ['serverlesscachesnapshot', 'ServerlessCacheSnapshotNotFoundFault'],
  ] as const)
    it(`answer ${code} for a ${type} that does not exist`, async (t) => {
      const fixture = await openFixture(t);
      await refused(add(fixture, arn(type, 'nope'), { a: '' }), code, 'nope');
      await refused(list(fixture, arn(type, 'nope')), code, 'nope');
    });

  it('of two additions at the same time are both kept', async (t) => {
    const fixture = await openFixture(t);
    await storeGroup(fixture, 'orders');
    const group = arn('replicationgroup', 'orders');
    await Promise.all([add(fixture, group, { a: '1' }), add(fixture, group, { b: '2' })]);
    assert.deepEqual(await list(fixture, group), { a: '1', b: '2' });
  });
});
