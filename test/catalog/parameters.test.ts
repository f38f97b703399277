import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nodeType } from '../../src/catalog/node-types.ts';
import { isAllowed } from '../../src/catalog/parameter-values.ts';
import {
  changedParameters,
  defaultParameterGroupName,
  defaultParameterGroups,
  effectiveParameters,
  engineOfFamily,
  findDefaultParameterGroup,
  findParameter,
  isClusterEnabled,
  nodeTypeParametersOf,
  nodeTypeValues,
  parameterFamilies,
  parametersOf,
  parseFamily,
} from '../../src/catalog/parameters.ts';
import { ServiceError } from '../../src/model/service-errors.ts';

const small = nodeType('cache.t4g.small');
const medium = nodeType('cache.t4g.medium');

describe('parameter families', () => {
  it('are those of ElastiCache', () =>
    assert.deepEqual(
      [...parameterFamilies].sort(),
      'memcached1.4 memcached1.5 memcached1.6 redis2.6 redis2.8 redis3.2 redis4.0 redis5.0 redis6.x redis7 valkey7 valkey8 valkey9'.split(
        ' ',
      ),
    ));
  it('belong to an engine', () =>
    assert.deepEqual(['redis6.x', 'valkey8', 'memcached1.6'].map(engineOfFamily), [
      'redis',
      'valkey',
      'memcached',
    ]));
  it('that do not exist are refused with all that do', () =>
    assert.throws(
      () => parseFamily('redis8'),
      (error: unknown) =>
        error instanceof ServiceError &&
        error.code === 'InvalidParameterValue' &&
        /^CacheParameterGroupFamily redis8 is not a valid parameter group family\..*redis7.*valkey9/.test(
          error.message,
        ),
    ));

  for (const family of parameterFamilies) {
    it(`${family}: every parameter has a description, and a default that is allowed`, () => {
      const names = new Set<string>();
      for (const parameter of [...parametersOf(family), ...nodeTypeParametersOf(family)]) {
        assert.ok(!names.has(parameter.name), `${parameter.name} twice`);
        names.add(parameter.name);
        assert.ok(parameter.description.length > 10, `${parameter.name} has no description`);
        // AWS's table prints 0 for a parameter whose range starts at 1.
        if (parameter.defaultValue === null || parameter.name === 'cluster-databases') continue;
        assert.ok(
          isAllowed(parameter, parameter.defaultValue),
          `${parameter.name} ${parameter.defaultValue}`,
        );
      }
    });
  }
});

describe('default parameter groups', () => {
  it('exist for each family, in both flavours where there is cluster mode', () => {
    assert.equal(defaultParameterGroups.length, 13 + 8);
    assert.ok(findDefaultParameterGroup('default.valkey8.cluster.on'));
    assert.equal(findDefaultParameterGroup('default.memcached1.6.cluster.on'), undefined);
    assert.equal(findDefaultParameterGroup('default.redis2.8.cluster.on'), undefined);
  });
  it('are named by family and cluster mode', () => {
    assert.equal(defaultParameterGroupName('redis7', false), 'default.redis7');
    assert.equal(defaultParameterGroupName('redis7', true), 'default.redis7.cluster.on');
  });
  it('differ in cluster-enabled', () => {
    assert.deepEqual(findDefaultParameterGroup('default.redis7')?.overrides, {});
    assert.ok(isClusterEnabled(findDefaultParameterGroup('default.redis7.cluster.on')?.overrides ?? {}));
  });
  it('have AWS’s descriptions', () => {
    assert.equal(
      findDefaultParameterGroup('default.redis7')?.description,
      'Default parameter group for redis7',
    );
    assert.equal(
      findDefaultParameterGroup('default.redis7.cluster.on')?.description,
      'Customized default parameter group for redis7 with cluster mode on',
    );
  });
});

describe('parameters that depend on the node type', () => {
  it('are maxmemory and the replica limits, max_cache_memory and num_threads', () => {
    assert.deepEqual(
      nodeTypeParametersOf('valkey8').map(({ name }) => name),
      [
        'client-output-buffer-limit-replica-hard-limit',
        'client-output-buffer-limit-replica-soft-limit',
        'maxmemory',
      ],
    );
    assert.deepEqual(
      nodeTypeParametersOf('memcached1.6').map(({ name }) => name),
      ['max_cache_memory', 'num_threads'],
    );
  });
  it('have a value for each type that is offered with the engine', () => {
    const find = (family: string, name: string, type: string) =>
      nodeTypeValues(family, name).find((row) => row.type === type)?.value;
    assert.equal(find('valkey8', 'maxmemory', 'cache.t4g.small'), '1471026299');
    assert.equal(find('memcached1.6', 'num_threads', 'cache.r7g.xlarge'), '4');
    assert.equal(find('memcached1.6', 'max_cache_memory', 'cache.r6gd.xlarge'), undefined);
    assert.equal(find('redis7', 'maxmemory', 'cache.r8g.large'), undefined);
  });
});

describe('effective parameters', () => {
  it('are the defaults, the group’s values over them, and those of the node type', () => {
    const values = effectiveParameters('valkey8', { timeout: '30' }, small);
    assert.equal(values.timeout, '30');
    assert.equal(values['maxmemory-policy'], 'volatile-lru');
    assert.equal(values.maxmemory, '1471026299');
    assert.equal(values['client-output-buffer-limit-replica-hard-limit'], '147102629');
  });
  it('leave out a parameter without a value', () =>
    assert.ok(!('notify-keyspace-events' in effectiveParameters('valkey8', {}, small))));
  it('that differ are told by when they take effect', () => {
    const before = effectiveParameters('valkey8', {}, small);
    const after = effectiveParameters('valkey8', { timeout: '30', databases: '4' }, medium);
    assert.deepEqual(changedParameters('valkey8', before, after), {
      immediate: [
        'timeout',
        'client-output-buffer-limit-replica-hard-limit',
        'client-output-buffer-limit-replica-soft-limit',
        'maxmemory',
      ],
      'requires-reboot': ['databases'],
    });
  });
  it('of Memcached all wait for a reboot but what gates commands', () =>
    assert.deepEqual(
      parametersOf('memcached1.6')
        .filter(({ changeType }) => changeType === 'immediate')
        .map(({ name }) => name),
      ['lru_crawler metadump', 'watch'],
    ));
});

describe('a parameter', () => {
  it('has all that DescribeCacheParameters shows', () =>
    assert.deepEqual(findParameter('redis7', 'timeout'), {
      name: 'timeout',
      description: 'Seconds after which an idle client is disconnected; 0 = never.',
      dataType: 'integer',
      defaultValue: '0',
      allowedValues: '0,20-',
      isModifiable: true,
      changeType: 'immediate',
      minimumEngineVersion: '7.0',
    }));
  it('of another family is not found', () =>
    assert.equal(findParameter('redis7', 'commandlog-reply-larger-than'), undefined));
});
