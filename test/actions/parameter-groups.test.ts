import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { describeCacheClusters } from '../../src/actions/cache-clusters/describe-cache-clusters.ts';
import { describeEvents } from '../../src/actions/events/describe-events.ts';
import {
  createCacheParameterGroup,
  deleteCacheParameterGroup,
  describeCacheParameterGroups,
  modifyCacheParameterGroup,
  resetCacheParameterGroup,
} from '../../src/actions/parameter-groups/parameter-groups.ts';
import { describeCacheParameters } from '../../src/actions/parameter-groups/parameters.ts';
import type { Cache } from '../../src/model/resource.ts';
import {
  account,
  type Fixture,
  openFixture,
  refused,
  region,
  storeGroup,
  storeMemcached,
} from './group-fixture.ts';

const named = (name: string) => ({ CacheParameterGroupName: name });
const create = (fixture: Fixture, name: string, family = 'valkey8', more = {}) =>
  fixture.call(createCacheParameterGroup, {
    ...named(name),
    CacheParameterGroupFamily: family,
    Description: 'for tests',
    ...more,
  });
const pairs = (values: Record<string, string>) =>
  Object.entries(values).map(([ParameterName, ParameterValue]) => ({ ParameterName, ParameterValue }));
const modify = (fixture: Fixture, name: string, values: Record<string, string>) =>
  fixture.call(modifyCacheParameterGroup, { ...named(name), ParameterNameValues: pairs(values) });
const overridesOf = async ({ store }: Fixture, id: string) =>
  (await store.resource({ kind: 'parameter-group', account, region, id }))?.desired.overrides;
/** What the first cluster shows: whether its nodes run with the group's values, and which wait for a reboot. */
const shownOf = async (fixture: Fixture) => {
  const { CacheClusters: [first] = [] } = await fixture.call(describeCacheClusters, {});
  const { ParameterApplyStatus: status, CacheNodeIdsToReboot: toReboot } = first?.CacheParameterGroup ?? {};
  return { status, toReboot };
};
const configurationsOf = async ({ store }: Fixture, { kind, id }: Pick<Cache, 'kind' | 'id'>) => {
  const row = await store.resource({ kind, account, region, id });
  return row?.desired.configurations.map(({ version, overrides }) => ({ version, overrides }));
};

describe('cache parameter groups', () => {
  it('are created with a lower-case name, a family and an ARN', async (t) => {
    const fixture = await openFixture(t);
    const { CacheParameterGroup: group } = await create(fixture, 'Tuned');
    assert.deepEqual(group, {
      CacheParameterGroupName: 'tuned',
      CacheParameterGroupFamily: 'valkey8',
      Description: 'for tests',
      IsGlobal: false,
      ARN: 'arn:aws:elasticache:eu-west-1:111122223333:parametergroup:tuned',
    });
  });

  it('include the default groups of all families, which need no creation', async (t) => {
    const fixture = await openFixture(t);
    const { CacheParameterGroups: groups = [] } = await fixture.call(describeCacheParameterGroups, {});
    const names = groups.map((group) => group.CacheParameterGroupName);
    for (const name of ['default.valkey8', 'default.redis7.cluster.on', 'default.memcached1.6'])
      assert.ok(names.includes(name), name);
    assert.deepEqual(names, names.toSorted());
  });

  it('page over default groups and own ones together', async (t) => {
    const fixture = await openFixture(t);
    for (let index = 0; index < 110; index += 1) await create(fixture, `a${String(index).padStart(3, '0')}`);
    const seen: (string | undefined)[] = [];
    for (let Marker: string | undefined; ; ) {
      const page = await fixture.call(describeCacheParameterGroups, { Marker, MaxRecords: 20 });
      seen.push(...page.CacheParameterGroups!.map((group) => group.CacheParameterGroupName));
      Marker = page.Marker;
      if (!Marker) break;
      assert.equal(page.CacheParameterGroups?.length, 20);
    }
    assert.equal(seen.length, 110 + 21);
    assert.equal(new Set(seen).size, seen.length);
  });

  it('refuse an unknown family, a reserved name, and a name that is taken', async (t) => {
    const fixture = await openFixture(t);
    await refused(
      create(fixture, 'tuned', 'valkey99'),
      'InvalidParameterValue',
      'CacheParameterGroupFamily',
      'valkey99',
    );
    await refused(create(fixture, 'default.valkey8'), 'InvalidParameterValue', 'CacheParameterGroupName');
    await create(fixture, 'tuned');
    await refused(create(fixture, 'TUNED'), 'CacheParameterGroupAlreadyExists', 'tuned');
  });

  it('let one of two creations of the same name win', async (t) => {
    const fixture = await openFixture(t);
    const results = await Promise.allSettled([create(fixture, 'race'), create(fixture, 'race', 'redis7')]);
    assert.equal(results.filter((one) => one.status === 'fulfilled').length, 1);
    const lost = results.find((one) => one.status === 'rejected');
    await refused(Promise.reject(lost?.reason), 'CacheParameterGroupAlreadyExists');
  });

  it('answer CacheParameterGroupNotFound for a name that does not exist', async (t) => {
    const fixture = await openFixture(t);
    const text = 'CacheParameterGroup not found: nope';
    for (const describeIt of [describeCacheParameterGroups, describeCacheParameters])
      await refused(
        fixture.call<{ CacheParameterGroupName: string }, unknown>(describeIt, named('nope')),
        'CacheParameterGroupNotFound',
        'CacheParameterGroup nope not found.',
      );
    await refused(modify(fixture, 'nope', { timeout: '1' }), 'CacheParameterGroupNotFound', text);
    await refused(
      fixture.call(deleteCacheParameterGroup, named('nope')),
      'CacheParameterGroupNotFound',
      text,
    );
  });

  it('keep the default groups from being changed, reset or deleted', async (t) => {
    const fixture = await openFixture(t);
    const code = 'InvalidCacheParameterGroupState';
    await refused(modify(fixture, 'default.valkey8', { timeout: '1' }), code, 'default.valkey8');
    const all = { ...named('default.valkey8'), ResetAllParameters: true };
    await refused(fixture.call(resetCacheParameterGroup, all), code);
    await refused(
      fixture.call(deleteCacheParameterGroup, named('default.valkey8')),
      'InvalidParameterValue',
      'The parameter CacheParameterGroupName is not a valid identifier. Identifiers must begin with a letter;',
    );
  });

  it('cannot be deleted while a cache uses them', async (t) => {
    const fixture = await openFixture(t);
    await create(fixture, 'tuned');
    await storeGroup(fixture, 'orders', { parameterGroupName: 'tuned' });
    const remove = () => fixture.call(deleteCacheParameterGroup, named('tuned'));
    const text =
      'One or more cache clusters are still members of this parameter group tuned, so the group cannot be deleted.';
    await refused(remove(), 'InvalidCacheParameterGroupState', text, 'orders');
  });

  it('are gone once deleted', async (t) => {
    const fixture = await openFixture(t);
    await create(fixture, 'tuned');
    await fixture.call(deleteCacheParameterGroup, named('tuned'));
    await refused(fixture.call(describeCacheParameterGroups, named('tuned')), 'CacheParameterGroupNotFound');
  });
});

describe('changing parameters', () => {
  it('stores the values, answers the name, and says each in an event', async (t) => {
    const fixture = await openFixture(t);
    await create(fixture, 'tuned');
    const answer = await modify(fixture, 'TUNED', { timeout: '300', 'maxmemory-policy': 'allkeys-lru' });
    assert.deepEqual(answer, named('tuned'));
    assert.deepEqual(await overridesOf(fixture, 'tuned'), {
      timeout: '300',
      'maxmemory-policy': 'allkeys-lru',
    });
    const { Events: events = [] } = await fixture.call(describeEvents, {
      SourceType: 'cache-parameter-group',
      SourceIdentifier: 'tuned',
    });
    const messages = events.map((event) => event.Message);
    assert.ok(messages.includes('Updated parameter timeout to 300'), messages.join('; '));
    assert.ok(messages.includes('Updated parameter maxmemory-policy to allkeys-lru'));
    assert.equal(messages.at(-1), 'Parameter group created');
  });

  it('refuses unknown and read-only names and values out of range, and then changes nothing', async (t) => {
    const fixture = await openFixture(t);
    await create(fixture, 'tuned');
    for (const bad of [
      { 'no-such': '1' },
      { appendonly: 'yes' },
      { timeout: '19' },
      { 'maxmemory-policy': 'lru' },
    ]) {
      const name = Object.keys(bad)[0] as string;
      await refused(
        modify(fixture, 'tuned', { 'tcp-keepalive': '60', ...bad }),
        'InvalidParameterValue',
        name,
      );
    }
    assert.deepEqual(await overridesOf(fixture, 'tuned'), {});
  });

  it('refuses more than 20 at once, and a name without a value', async (t) => {
    const fixture = await openFixture(t);
    await create(fixture, 'tuned');
    const many = Object.fromEntries(Array.from({ length: 21 }, (_, index) => [`p${index}`, '1']));
    await refused(modify(fixture, 'tuned', many), 'InvalidParameterValue', '21', '20');
    const blank = { ...named('tuned'), ParameterNameValues: [{ ParameterName: 'timeout' }] };
    await refused(fixture.call(modifyCacheParameterGroup, blank), 'InvalidParameterValue', 'timeout');
  });

  it('makes them the next configuration of every cache that uses the group, once per replication group', async (t) => {
    const fixture = await openFixture(t);
    await create(fixture, 'tuned');
    const group = await storeGroup(fixture, 'orders', { parameterGroupName: 'tuned' });
    await storeGroup(fixture, 'other');
    await modify(fixture, 'tuned', { timeout: '300', 'tcp-keepalive': '60' });
    const [operation, ...more] = await fixture.store.openOperations();
    assert.equal(more.length, 0);
    assert.equal(operation?.kind, 'apply-parameters');
    assert.deepEqual(operation?.input, {
      cacheKind: 'replication-group',
      cacheId: 'orders',
      cacheIncarnation: group.incarnation,
      modifies: false,
    });
    assert.deepEqual(await configurationsOf(fixture, group), [
      { version: 1, overrides: {} },
      { version: 2, overrides: { timeout: '300', 'tcp-keepalive': '60' } },
    ]);
    assert.deepEqual(await shownOf(fixture), { status: 'applying', toReboot: [] });
    assert.equal(fixture.wakes(), 1);
  });

  it('reaches a cache that joins the group in the same moment', async (t) => {
    const fixture = await openFixture(t);
    for (let round = 0; round < 20; round += 1) {
      const [name, value] = [`tuned${round}`, { timeout: '300' }];
      await create(fixture, name);
      const change = modify(fixture, name, value);
      // Later by one step of the event loop each round, so that the rounds meet at different places.
      for (let done = 0; done < round; done += 1) await null;
      const cache = await storeGroup(fixture, `orders${round}`, { parameterGroupName: name });
      const mayHaveReadOldValues = (await overridesOf(fixture, name))?.timeout === undefined;
      await change;
      const isTold = (await fixture.store.openOperations()).some((one) => one.lock === cache.incarnation);
      assert.ok(isTold || !mayHaveReadOldValues, `round ${round}`);
    }
  });

  it('leaves those that need a reboot pending on the nodes of the cache', async (t) => {
    const fixture = await openFixture(t);
    await create(fixture, 'big', 'memcached1.6');
    await storeMemcached(fixture, 'sessions', { parameterGroupName: 'big' });
    await modify(fixture, 'big', { max_item_size: '2097152' });
    assert.deepEqual(await shownOf(fixture), { status: 'pending-reboot', toReboot: ['0001', '0002'] });
  });

  it('waits for a reboot with every change of a Memcached group, also one that AWS calls immediate', async (t) => {
    const fixture = await openFixture(t);
    await create(fixture, 'big', 'memcached1.6');
    await storeMemcached(fixture, 'sessions', { parameterGroupName: 'big' });
    await modify(fixture, 'big', { watch: '0' });
    assert.equal((await shownOf(fixture)).status, 'pending-reboot');
  });

  it('waits for nothing when it is changed back before the reboot', async (t) => {
    const fixture = await openFixture(t);
    await create(fixture, 'big', 'memcached1.6');
    await storeMemcached(fixture, 'sessions', { parameterGroupName: 'big' });
    await modify(fixture, 'big', { watch: '0' });
    await modify(fixture, 'big', { watch: '1' });
    assert.deepEqual(await shownOf(fixture), { status: 'in-sync', toReboot: [] });
  });

  it('applies nothing when the value is the one in force already', async (t) => {
    const fixture = await openFixture(t);
    await create(fixture, 'tuned');
    await storeGroup(fixture, 'orders', { parameterGroupName: 'tuned' });
    await modify(fixture, 'tuned', { timeout: '0' });
    assert.deepEqual(await overridesOf(fixture, 'tuned'), { timeout: '0' });
    assert.deepEqual(await fixture.store.openOperations(), []);
    assert.equal((await shownOf(fixture)).status, 'in-sync');
  });

  it('leaves caches alone that are being deleted or were never created', async (t) => {
    const fixture = await openFixture(t);
    await create(fixture, 'tuned');
    await storeGroup(fixture, 'leaving', { parameterGroupName: 'tuned' }, 'deleting');
    await storeGroup(fixture, 'failed', { parameterGroupName: 'tuned' }, 'create-failed');
    await modify(fixture, 'tuned', { timeout: '300' });
    assert.deepEqual(await fixture.store.openOperations(), []);
  });

  it('fixes cluster mode once a cache uses the group', async (t) => {
    const fixture = await openFixture(t);
    await create(fixture, 'tuned');
    await modify(fixture, 'tuned', { 'cluster-enabled': 'yes' });
    await storeGroup(fixture, 'orders', { parameterGroupName: 'tuned' });
    await refused(
      modify(fixture, 'tuned', { 'cluster-enabled': 'no' }),
      'InvalidParameterValue',
      'cluster-enabled',
    );
  });

  it('loses none of two changes made at the same time', async (t) => {
    const fixture = await openFixture(t);
    await create(fixture, 'tuned');
    await storeGroup(fixture, 'orders', { parameterGroupName: 'tuned' });
    await Promise.all([
      modify(fixture, 'tuned', { timeout: '300' }),
      modify(fixture, 'tuned', { 'tcp-keepalive': '60' }),
    ]);
    assert.deepEqual(await overridesOf(fixture, 'tuned'), { timeout: '300', 'tcp-keepalive': '60' });
    assert.equal((await fixture.store.openOperations()).length, 2);
  });
});

describe('resetting parameters', () => {
  const reset = (fixture: Fixture, input: object) =>
    fixture.call(resetCacheParameterGroup, { ...named('tuned'), ...input });

  it('takes back the named ones, or all, and applies the defaults', async (t) => {
    const fixture = await openFixture(t);
    await create(fixture, 'tuned');
    const group = await storeGroup(fixture, 'orders', { parameterGroupName: 'tuned' });
    await modify(fixture, 'tuned', { timeout: '300', 'tcp-keepalive': '60', 'maxmemory-samples': '5' });
    await reset(fixture, { ParameterNameValues: [{ ParameterName: 'timeout' }] });
    assert.deepEqual(await overridesOf(fixture, 'tuned'), {
      'tcp-keepalive': '60',
      'maxmemory-samples': '5',
    });
    await reset(fixture, { ResetAllParameters: true });
    assert.deepEqual(await overridesOf(fixture, 'tuned'), {});
    assert.deepEqual((await configurationsOf(fixture, group))?.slice(2), [
      { version: 3, overrides: { 'tcp-keepalive': '60', 'maxmemory-samples': '5' } },
      { version: 4, overrides: {} },
    ]);
    assert.equal((await fixture.store.openOperations()).length, 3);
  });

  it('wants either all or a list', async (t) => {
    const fixture = await openFixture(t);
    await create(fixture, 'tuned');
    await refused(reset(fixture, {}), 'InvalidParameterCombination', 'ResetAllParameters');
    const both = { ResetAllParameters: true, ParameterNameValues: [{ ParameterName: 'timeout' }] };
    await refused(reset(fixture, both), 'InvalidParameterCombination', 'ResetAllParameters');
  });

  it('refuses a name that the family does not have', async (t) => {
    const fixture = await openFixture(t);
    await create(fixture, 'tuned');
    const bad = { ParameterNameValues: [{ ParameterName: 'no-such' }] };
    await refused(reset(fixture, bad), 'InvalidParameterValue', 'no-such');
  });
});
