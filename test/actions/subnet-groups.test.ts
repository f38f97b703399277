import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  createCacheSubnetGroup,
  deleteCacheSubnetGroup,
  describeCacheSubnetGroups,
  modifyCacheSubnetGroup,
} from '../../src/actions/subnet-groups/subnet-groups.ts';
import { type Fixture, openFixture, refused, storeMemcached } from './group-fixture.ts';

const create = (fixture: Fixture, name: string, ids: string[] = ['subnet-0a', 'subnet-0b'], more = {}) =>
  fixture.call(createCacheSubnetGroup, {
    CacheSubnetGroupName: name,
    CacheSubnetGroupDescription: 'for tests',
    SubnetIds: ids,
    ...more,
  });
const describeAll = (fixture: Fixture, input = {}) => fixture.call(describeCacheSubnetGroups, input);
const zonesOf = (
  group:
    | { Subnets?: { SubnetAvailabilityZone?: { Name?: string | undefined } | undefined }[] | undefined }
    | undefined,
) => group?.Subnets?.map((subnet) => subnet.SubnetAvailabilityZone?.Name);

async function ticks(count: number): Promise<void> {
  for (let done = 0; done < count; done += 1) await null;
}

describe('cache subnet groups', () => {
  it('are created with a lower-case name, a zone for each subnet, a network and an ARN', async (t) => {
    const fixture = await openFixture(t);
    const { CacheSubnetGroup: group } = await create(fixture, 'Backend');
    assert.equal(group?.CacheSubnetGroupName, 'backend');
    assert.equal(group?.ARN, 'arn:aws:elasticache:eu-west-1:111122223333:subnetgroup:backend');
    assert.match(group?.VpcId ?? '', /^vpc-[0-9a-f]{17}$/);
    assert.deepEqual(
      group?.Subnets?.map((subnet) => subnet.SubnetIdentifier),
      ['subnet-0a', 'subnet-0b'],
    );
    for (const zone of zonesOf(group) ?? []) assert.match(zone ?? '', /^eu-west-1[abc]$/);
  });

  it('always put the same subnet into the same zone', async (t) => {
    const fixture = await openFixture(t);
    const [one, two] = [await create(fixture, 'one'), await create(fixture, 'two')];
    assert.deepEqual(zonesOf(one.CacheSubnetGroup), zonesOf(two.CacheSubnetGroup));
  });

  it('include the group default with a subnet in each zone, in every region, without being created', async (t) => {
    const fixture = await openFixture(t);
    const { CacheSubnetGroups: [group] = [] } = await fixture.call(
      describeCacheSubnetGroups,
      { CacheSubnetGroupName: 'default' },
      { region: 'us-east-1' },
    );
    const zones = [...'abcdef'].map((letter) => `us-east-1${letter}`);
    assert.deepEqual(zonesOf(group), zones);
    assert.deepEqual(
      (await describeAll(fixture)).CacheSubnetGroups?.map((one) => one.CacheSubnetGroupName),
      ['default'],
    );
  });

  it('belong to one region and account', async (t) => {
    const fixture = await openFixture(t);
    await create(fixture, 'here');
    const named = { CacheSubnetGroupName: 'here' };
    for (const elsewhere of [{ region: 'us-east-1' }, { account: '999999999999' }])
      await refused(
        fixture.call(describeCacheSubnetGroups, named, elsewhere),
        'CacheSubnetGroupNotFoundFault',
        'Cache Subnet Group here does not exist.',
      );
  });

  it('page by name, default among them, without losing or repeating one', async (t) => {
    const fixture = await openFixture(t);
    const names = Array.from({ length: 130 }, (_, index) => `g${String(index).padStart(3, '0')}`);
    for (const name of names) await create(fixture, name);
    const first = await describeAll(fixture);
    assert.equal(first.CacheSubnetGroups?.length, 100);
    const second = await describeAll(fixture, { Marker: first.Marker, MaxRecords: 100 });
    assert.equal(second.Marker, undefined);
    const seen = [...first.CacheSubnetGroups!, ...second.CacheSubnetGroups!].map(
      (one) => one.CacheSubnetGroupName,
    );
    assert.deepEqual(seen, ['default', ...names]);
  });

  it('keep their pages in place when the row of the marker is deleted meanwhile', async (t) => {
    const fixture = await openFixture(t);
    for (let index = 10; index < 35; index += 1) await create(fixture, `g${index}`);
    const first = await describeAll(fixture, { MaxRecords: 20 });
    const last = first.CacheSubnetGroups?.at(-1)?.CacheSubnetGroupName;
    await fixture.call(deleteCacheSubnetGroup, { CacheSubnetGroupName: last });
    const second = await describeAll(fixture, { MaxRecords: 20, Marker: first.Marker });
    assert.equal(second.CacheSubnetGroups?.[0]?.CacheSubnetGroupName, 'g29');
  });

  it('refuse a page size or a marker that is none', async (t) => {
    const fixture = await openFixture(t);
    await refused(describeAll(fixture, { MaxRecords: 19 }), 'InvalidParameterValue', 'MaxRecords', '19');
    await refused(describeAll(fixture, { Marker: 'no marker' }), 'InvalidParameterValue', 'Marker');
  });

  it('refuse a second group of the same name, in any case', async (t) => {
    const fixture = await openFixture(t);
    await create(fixture, 'backend');
    await refused(create(fixture, 'BackEnd'), 'CacheSubnetGroupAlreadyExists', 'backend');
  });

  it('let one of two creations of the same name win', async (t) => {
    const fixture = await openFixture(t);
    const results = await Promise.allSettled([create(fixture, 'race'), create(fixture, 'race')]);
    assert.deepEqual(results.map((one) => one.status).sort(), ['fulfilled', 'rejected']);
    const lost = results.find((one) => one.status === 'rejected');
    await refused(Promise.reject(lost?.reason), 'CacheSubnetGroupAlreadyExists');
  });

  it('refuse the names that are reserved or malformed', async (t) => {
    const fixture = await openFixture(t);
    for (const name of ['default', 'Default', 'two--hyphens', '1st', ''])
      await refused(create(fixture, name), 'InvalidParameterValue', 'CacheSubnetGroupName');
  });

  it('refuse what is not a subnet id, none at all, and more than 20', async (t) => {
    const fixture = await openFixture(t);
    for (const id of ['1', 'vpc-1'])
      await refused(
        create(fixture, 'a', ['subnet-0a', id]),
        'InvalidParameterValue',
        `Some input subnets in :[subnet-0a, ${id}] are invalid.`,
      );
    await refused(create(fixture, 'a', []), 'InvalidParameterValue', 'SubnetIds');
    const many = Array.from({ length: 21 }, (_, index) => `subnet-${index}`);
    await refused(create(fixture, 'a', many), 'CacheSubnetQuotaExceededFault', '20');
    assert.equal((await describeAll(fixture)).CacheSubnetGroups?.length, 1);
  });

  it('refuse more than 300 in a region', async (t) => {
    const fixture = await openFixture(t);
    for (let index = 0; index < 300; index += 1) await create(fixture, `g${index}`);
    await refused(create(fixture, 'onemore'), 'CacheSubnetGroupQuotaExceeded', '300');
  });

  it('can change description and subnets, each alone', async (t) => {
    const fixture = await openFixture(t);
    await create(fixture, 'backend');
    const named = { CacheSubnetGroupName: 'backend' };
    await fixture.call(modifyCacheSubnetGroup, { ...named, CacheSubnetGroupDescription: 'other' });
    const { CacheSubnetGroup: group } = await fixture.call(modifyCacheSubnetGroup, {
      ...named,
      SubnetIds: ['subnet-99'],
    });
    assert.equal(group?.CacheSubnetGroupDescription, 'other');
    assert.deepEqual(
      group?.Subnets?.map((subnet) => subnet.SubnetIdentifier),
      ['subnet-99'],
    );
    await refused(fixture.call(modifyCacheSubnetGroup, named), 'InvalidParameterCombination');
  });

  it('keep the last subnet of a zone in which a cache of the group has nodes', async (t) => {
    const fixture = await openFixture(t);
    const { CacheSubnetGroups: [own] = [] } = await describeAll(fixture);
    const [zoneA, zoneB] = own?.Subnets?.map((subnet) => subnet.SubnetIdentifier ?? '') ?? [];
    await create(fixture, 'backend', [zoneA!, zoneB!]);
    await storeMemcached(fixture, 'sessions', { subnetGroupName: 'backend' });
    const modify = (ids: string[]) =>
      fixture.call(modifyCacheSubnetGroup, { CacheSubnetGroupName: 'backend', SubnetIds: ids });
    await refused(modify([zoneB!]), 'SubnetInUse', zoneA!, 'sessions');
    await modify([zoneA!]);
  });

  it('cannot be deleted while a cache is in them', async (t) => {
    const fixture = await openFixture(t);
    await create(fixture, 'backend');
    const named = { CacheSubnetGroupName: 'backend' };
    const cache = await storeMemcached(fixture, 'sessions', { subnetGroupName: 'backend' });
    await refused(
      fixture.call(deleteCacheSubnetGroup, named),
      'CacheSubnetGroupInUse',
      'backend',
      'sessions',
    );
    await fixture.store.commit([{ remove: 'resource', key: cache, version: 1 }]);
    await fixture.call(deleteCacheSubnetGroup, named);
    await refused(fixture.call(deleteCacheSubnetGroup, named), 'CacheSubnetGroupNotFoundFault');
  });

  it('are deleted, or joined by a new cache, but never both', async (t) => {
    const fixture = await openFixture(t);
    for (let round = 0; round < 10; round += 1) {
      const name = `race${round}`;
      await create(fixture, name);
      const results = await Promise.allSettled([
        fixture.call(deleteCacheSubnetGroup, { CacheSubnetGroupName: name }),
        // Later by one step of the event loop each round, so that the rounds meet at different places.
        ticks(round).then(() => storeMemcached(fixture, `cache${round}`, { subnetGroupName: name })),
      ]);
      assert.deepEqual(results.map((one) => one.status).sort(), ['fulfilled', 'rejected'], `round ${round}`);
    }
  });

  it('let the group default be neither changed nor deleted', async (t) => {
    const fixture = await openFixture(t);
    const named = { CacheSubnetGroupName: 'default' };
    await refused(
      fixture.call(modifyCacheSubnetGroup, { ...named, CacheSubnetGroupDescription: 'x' }),
      'InvalidParameterValue',
    );
    await refused(fixture.call(deleteCacheSubnetGroup, named), 'InvalidParameterValue');
  });
});
