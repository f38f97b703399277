import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parameterStatusOf, worstStatus } from '../../src/actions/cache-clusters/parameter-status.ts';
import { changesBetween } from '../../src/catalog/configuration-changes.ts';
import {
  type Configuration,
  usedConfigurations,
  withNextConfiguration,
} from '../../src/model/configuration.ts';

const first: Configuration = { version: 1, parameterGroupName: 'mine', family: 'valkey8', overrides: {} };
const numbered = (...overrides: Configuration['overrides'][]) => ({
  configurations: [
    first,
    ...overrides.map((one, index) => ({ ...first, version: index + 2, overrides: one })),
  ],
});
const at = (configVersion: number, cacheNodeType = 'cache.t4g.small') => ({ configVersion, cacheNodeType });

describe('what a node needs to get from one configuration to another', () => {
  it('is told by when a parameter takes effect', () => {
    const settings = numbered({ timeout: '9', databases: '4' });
    assert.deepEqual(changesBetween(settings, at(1), at(2)), {
      immediate: ['timeout'],
      'requires-reboot': ['databases'],
    });
    assert.deepEqual(changesBetween(settings, at(2), at(2)), { immediate: [], 'requires-reboot': [] });
  });

  it('comes with another node type as well', () => {
    const changes = changesBetween(numbered(), at(1), at(1, 'cache.r7g.large'));
    assert.ok(changes?.immediate.includes('maxmemory'));
  });

  it('is always a restart of a Memcached node', () => {
    const items = { ...first, family: 'memcached1.6' };
    const settings = { configurations: [items, { ...items, version: 2, overrides: { watch: '0' } }] };
    assert.deepEqual(changesBetween(settings, at(1), at(2)), { immediate: [], 'requires-reboot': ['watch'] });
  });

  it('is not known when it is not known what the node has', () => {
    assert.equal(changesBetween(numbered(), null, at(1)), null);
    assert.equal(changesBetween(numbered(), at(0), at(1)), null);
  });
});

describe('the parameter status of a node', () => {
  const node = (started: number, applied: number | null) => ({
    target: { ...at(started), engineVersion: '8.1.1' },
    started: { ...at(started), engineVersion: '8.1.1' },
    applied: applied === null ? null : at(applied),
  });
  const settings = numbered({ timeout: '9' }, { timeout: '9', databases: '4' });

  it('says with what it runs, and not what is recorded as its target', () => {
    const soFar = { configurations: settings.configurations.slice(0, 2) };
    assert.equal(parameterStatusOf(soFar, node(1, 1)), 'applying');
    assert.equal(parameterStatusOf(soFar, node(1, 2)), 'in-sync');
    assert.equal(parameterStatusOf(soFar, node(1, null)), 'applying');
    assert.equal(parameterStatusOf(settings, node(1, 3)), 'pending-reboot');
    assert.equal(parameterStatusOf(settings, node(3, 3)), 'in-sync');
  });

  it('is a pending reboot when nobody recorded what it was started with, and none before the first start', () => {
    assert.equal(parameterStatusOf(settings, node(0, 3)), 'pending-reboot');
    assert.equal(parameterStatusOf(settings, { ...node(1, 1), started: null }), 'in-sync');
  });

  it('of several is what is left to do for any of them', () => {
    assert.equal(worstStatus(['in-sync', 'applying', 'pending-reboot']), 'pending-reboot');
    assert.equal(worstStatus(['in-sync', 'applying']), 'applying');
    assert.equal(worstStatus([]), 'in-sync');
  });
});

describe('the configurations of a cache', () => {
  it('are numbered on, and those before stay as they were', () => {
    const settings = numbered();
    const { version, ...changed } = { ...first, overrides: { timeout: '9' } };
    const next = withNextConfiguration(settings, changed);
    assert.deepEqual(next, [first, { ...changed, version: 2 }]);
  });

  it('go when no node runs with them or is to run with them, but for the newest two', () => {
    const settings = numbered({}, {}, {}, {});
    const versions = usedConfigurations(settings, [
      {
        target: { ...at(5), engineVersion: '8.1.1' },
        started: { ...at(2), engineVersion: '8.1.1' },
        applied: at(5),
      },
    ]).map((one) => one.version);
    assert.deepEqual(versions, [2, 4, 5]);
  });
});
