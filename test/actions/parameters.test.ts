import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  createCacheParameterGroup,
  modifyCacheParameterGroup,
} from '../../src/actions/parameter-groups/parameter-groups.ts';
import {
  describeCacheParameters,
  describeEngineDefaultParameters,
} from '../../src/actions/parameter-groups/parameters.ts';
import { openFixture, refused } from './group-fixture.ts';

const named = (name: string) => ({ CacheParameterGroupName: name });

describe('DescribeCacheParameters', () => {
  it('shows what was set as user and everything else as system', async (t) => {
    const fixture = await openFixture(t);
    await fixture.call(createCacheParameterGroup, {
      ...named('tuned'),
      CacheParameterGroupFamily: 'valkey8',
      Description: '',
    });
    const ParameterNameValues = [{ ParameterName: 'timeout', ParameterValue: '300' }];
    await fixture.call(modifyCacheParameterGroup, { ...named('tuned'), ParameterNameValues });
    const { Parameters: all = [] } = await fixture.call(describeCacheParameters, named('tuned'));
    const timeout = all.find((one) => one.ParameterName === 'timeout');
    assert.equal(timeout?.ParameterValue, '300');
    assert.equal(timeout?.Source, 'user');
    assert.equal(timeout?.ChangeType, 'immediate');
    assert.equal(timeout?.AllowedValues, '0,20-');

    const bySource = async (Source: string) =>
      (await fixture.call(describeCacheParameters, { ...named('tuned'), Source })).Parameters?.map(
        (one) => one.ParameterName,
      ) ?? [];
    assert.deepEqual(await bySource('user'), ['timeout']);
    assert.equal((await bySource('system')).length, all.length - 1);
    assert.deepEqual(await bySource('engine-default'), []);
  });

  it('shows cluster-enabled=yes in the default group for cluster mode, as the system’s own', async (t) => {
    const fixture = await openFixture(t);
    const { Parameters: all = [] } = await fixture.call(
      describeCacheParameters,
      named('default.valkey8.cluster.on'),
    );
    const parameter = all.find((one) => one.ParameterName === 'cluster-enabled');
    assert.equal(parameter?.ParameterValue, 'yes');
    assert.equal(parameter?.Source, 'system');
  });

  it('gives no ParameterValue for a parameter without a value', async (t) => {
    const fixture = await openFixture(t);
    const { Parameters: all = [] } = await fixture.call(describeCacheParameters, named('default.valkey8'));
    const parameter = all.find((one) => one.ParameterName === 'notify-keyspace-events');
    assert.ok(parameter && !('ParameterValue' in parameter));
  });

  it('lists the values that depend on the node type apart, once', async (t) => {
    const fixture = await openFixture(t);
    const first = await fixture.call(describeCacheParameters, {
      ...named('default.valkey8'),
      MaxRecords: 40,
    });
    const maxmemory = first.CacheNodeTypeSpecificParameters?.find((one) => one.ParameterName === 'maxmemory');
    const values = maxmemory?.CacheNodeTypeSpecificValues ?? [];
    const large = values.find((one) => one.CacheNodeType === 'cache.m7g.large');
    assert.equal(large?.Value, '6854542746');
    const second = await fixture.call(describeCacheParameters, {
      ...named('default.valkey8'),
      MaxRecords: 40,
      Marker: first.Marker,
    });
    assert.deepEqual(second.CacheNodeTypeSpecificParameters, []);
  });

  it('pages in the order of the family', async (t) => {
    const fixture = await openFixture(t);
    const whole = await fixture.call(describeCacheParameters, named('default.redis7'));
    const paged: unknown[] = [];
    for (let Marker: string | undefined; ; ) {
      const page = await fixture.call(describeCacheParameters, {
        ...named('default.redis7'),
        MaxRecords: 20,
        Marker,
      });
      paged.push(...(page.Parameters ?? []));
      Marker = page.Marker;
      if (!Marker) break;
    }
    assert.deepEqual(paged, whole.Parameters);
  });

  it('refuses an unknown source and an unknown group', async (t) => {
    const fixture = await openFixture(t);
    const input = { ...named('default.redis7'), Source: 'mine' };
    await refused(fixture.call(describeCacheParameters, input), 'InvalidParameterValue', 'Source', 'mine');
    await refused(
      fixture.call(describeCacheParameters, named('nope')),
      'CacheParameterGroupNotFound',
      'nope',
    );
  });
});

describe('DescribeEngineDefaultParameters', () => {
  it('lists a family’s parameters with the marker inside of EngineDefaults', async (t) => {
    const fixture = await openFixture(t);
    const family = { CacheParameterGroupFamily: 'memcached1.6' };
    const { EngineDefaults: first } = await fixture.call(describeEngineDefaultParameters, {
      ...family,
      MaxRecords: 20,
    });
    assert.equal(first?.CacheParameterGroupFamily, 'memcached1.6');
    assert.equal(first?.Parameters?.length, 20);
    assert.deepEqual(
      first?.CacheNodeTypeSpecificParameters?.map((one) => one.ParameterName),
      ['max_cache_memory', 'num_threads'],
    );
    const { EngineDefaults: second } = await fixture.call(describeEngineDefaultParameters, {
      ...family,
      MaxRecords: 20,
      Marker: first?.Marker,
    });
    assert.equal(second?.Parameters?.length, 12);
    assert.equal(second?.Marker, undefined);
  });

  it('refuses an unknown family and names the known ones', async (t) => {
    const fixture = await openFixture(t);
    const call = fixture.call(describeEngineDefaultParameters, { CacheParameterGroupFamily: 'redis8' });
    await refused(call, 'InvalidParameterValue', 'CacheParameterGroupFamily', 'redis8', 'valkey8');
  });
});
