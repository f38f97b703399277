import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { describeCacheEngineVersions } from '../../src/actions/engine-versions/describe-cache-engine-versions.ts';
import { type Fixture, openFixture, refused } from './group-fixture.ts';

const versions = async (fixture: Fixture, input = {}) => {
  const { CacheEngineVersions: rows = [] } = await fixture.call(describeCacheEngineVersions, input);
  return rows.map((row) => `${row.Engine} ${row.EngineVersion}`);
};

describe('DescribeCacheEngineVersions', () => {
  it('lists what this machine can run, and ElastiCache’s own names for it, with families', async (t) => {
    const fixture = await openFixture(t);
    assert.deepEqual(await versions(fixture), [
      'memcached 1.6.38',
      'redis 7.0',
      'redis 7.1',
      'valkey 8.0',
      'valkey 8.1',
      'valkey 8.2',
    ]);
    const { CacheEngineVersions: [row] = [] } = await fixture.call(describeCacheEngineVersions, {
      Engine: 'redis',
      EngineVersion: '7.0',
    });
    assert.deepEqual(row, {
      Engine: 'redis',
      EngineVersion: '7.0',
      CacheParameterGroupFamily: 'redis7',
      CacheEngineDescription: 'Redis',
      CacheEngineVersionDescription: 'redis version 7.0.15',
    });
  });

  it('filters by engine, version and family', async (t) => {
    const fixture = await openFixture(t);
    assert.deepEqual(await versions(fixture, { Engine: 'memcached' }), ['memcached 1.6.38']);
    assert.deepEqual(await versions(fixture, { EngineVersion: '8.0' }), ['valkey 8.0']);
    const family = { CacheParameterGroupFamily: 'redis7' };
    assert.deepEqual(await versions(fixture, family), ['redis 7.0', 'redis 7.1']);
    assert.deepEqual(await versions(fixture, { EngineVersion: '2.8.6' }), []);
  });

  it('gives the newest of each engine for DefaultOnly', async (t) => {
    const fixture = await openFixture(t);
    const rows = await versions(fixture, { DefaultOnly: true });
    assert.deepEqual(rows, ['memcached 1.6.38', 'redis 7.1', 'valkey 8.2']);
  });

  it('refuses an engine and a family that do not exist', async (t) => {
    const fixture = await openFixture(t);
    await refused(versions(fixture, { Engine: 'mongo' }), 'InvalidParameterValue', 'Engine', 'mongo');
    const family = { CacheParameterGroupFamily: 'mongo1' };
    await refused(versions(fixture, family), 'InvalidParameterValue', 'mongo1');
  });
});
