import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  authorizeCacheSecurityGroupIngress,
  createCacheSecurityGroup,
  deleteCacheSecurityGroup,
  describeCacheSecurityGroups,
  revokeCacheSecurityGroupIngress,
} from '../../src/actions/security-groups/security-groups.ts';
import { type Fixture, openFixture, refused, storeMemcached } from './group-fixture.ts';

const named = (name: string) => ({ CacheSecurityGroupName: name });
const create = (fixture: Fixture, name: string) =>
  fixture.call(createCacheSecurityGroup, { ...named(name), Description: 'for tests' });
const grant = (owner = '444455556666') => ({
  ...named('old'),
  EC2SecurityGroupName: 'web',
  EC2SecurityGroupOwnerId: owner,
});

describe('cache security groups', () => {
  it('are created, described by name and in pages, and deleted', async (t) => {
    const fixture = await openFixture(t);
    const { CacheSecurityGroup: group } = await create(fixture, 'Old');
    assert.deepEqual(group, {
      OwnerId: '111122223333',
      CacheSecurityGroupName: 'old',
      Description: 'for tests',
      EC2SecurityGroups: [],
      ARN: 'arn:aws:elasticache:eu-west-1:111122223333:securitygroup:old',
    });
    for (let index = 10; index < 35; index += 1) await create(fixture, `g${index}`);
    const first = await fixture.call(describeCacheSecurityGroups, { MaxRecords: 20 });
    const second = await fixture.call(describeCacheSecurityGroups, { MaxRecords: 20, Marker: first.Marker });
    assert.deepEqual([first.CacheSecurityGroups?.length, second.CacheSecurityGroups?.length], [20, 6]);
    await fixture.call(deleteCacheSecurityGroup, named('OLD'));
    await refused(
      fixture.call(describeCacheSecurityGroups, named('old')),
      'CacheSecurityGroupNotFound',
      'old',
    );
    await refused(fixture.call(deleteCacheSecurityGroup, named('old')), 'CacheSecurityGroupNotFound', 'old');
  });

  it('refuse a name that is taken or reserved, and more than 50', async (t) => {
    const fixture = await openFixture(t);
    await refused(create(fixture, 'default'), 'InvalidParameterValue', 'CacheSecurityGroupName');
    for (let index = 0; index < 50; index += 1) await create(fixture, `g${index}`);
    await refused(create(fixture, 'g7'), 'CacheSecurityGroupAlreadyExists', 'g7');
    await refused(create(fixture, 'onemore'), 'QuotaExceeded.CacheSecurityGroup', '50');
  });

  it('authorize an EC2 security group once, and revoke it', async (t) => {
    const fixture = await openFixture(t);
    await create(fixture, 'old');
    const { CacheSecurityGroup: group } = await fixture.call(authorizeCacheSecurityGroupIngress, grant());
    assert.deepEqual(group?.EC2SecurityGroups, [
      { Status: 'authorized', EC2SecurityGroupName: 'web', EC2SecurityGroupOwnerId: '444455556666' },
    ]);
    const again = fixture.call(authorizeCacheSecurityGroupIngress, grant());
    await refused(again, 'AuthorizationAlreadyExists', 'web', '444455556666');
    await fixture.call(authorizeCacheSecurityGroupIngress, grant('777788889999'));
    const { CacheSecurityGroup: left } = await fixture.call(revokeCacheSecurityGroupIngress, grant());
    assert.deepEqual(
      left?.EC2SecurityGroups?.map((one) => one.EC2SecurityGroupOwnerId),
      ['777788889999'],
    );
    await refused(fixture.call(revokeCacheSecurityGroupIngress, grant()), 'AuthorizationNotFound', 'web');
  });

  it('refuse an owner that is not an account, and a group that does not exist', async (t) => {
    const fixture = await openFixture(t);
    const call = (input: ReturnType<typeof grant>) => fixture.call(authorizeCacheSecurityGroupIngress, input);
    await refused(call(grant()), 'CacheSecurityGroupNotFound', 'old');
    await create(fixture, 'old');
    await refused(call(grant('me')), 'InvalidParameterValue', 'EC2SecurityGroupOwnerId', 'me');
    await refused(
      call({ ...grant(), EC2SecurityGroupName: ' ' }),
      'InvalidParameterValue',
      'EC2SecurityGroupName',
    );
  });

  it('cannot be deleted while a cache is in them', async (t) => {
    const fixture = await openFixture(t);
    await create(fixture, 'old');
    await storeMemcached(fixture, 'sessions', { securityGroupNames: ['old'] });
    const call = fixture.call(deleteCacheSecurityGroup, named('old'));
    await refused(call, 'InvalidCacheSecurityGroupState', 'old', 'sessions');
  });
});
