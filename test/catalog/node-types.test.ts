import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  allowedModifications,
  findNodeType,
  maxmemoryBytes,
  memcachedLimits,
  nodeType,
  nodeTypeFor,
  nodeTypes,
  supportsAutomaticFailover,
} from '../../src/catalog/node-types.ts';
import { ServiceError } from '../../src/model/service-errors.ts';

const refused = (run: () => unknown, code: string, pattern: RegExp) =>
  assert.throws(
    run,
    (error: unknown) => error instanceof ServiceError && error.code === code && pattern.test(error.message),
  );

describe('node types', () => {
  it('are found without regard to case', () =>
    assert.equal(findNodeType('Cache.T4G.Small')?.name, 'cache.t4g.small'));
  it('are all complete', () => {
    assert.equal(nodeTypes.length, 112);
    for (const type of nodeTypes) {
      assert.match(type.name, /^cache\.[a-z0-9]+\.[a-z0-9]+$/);
      for (const number of [
        type.vcpu,
        type.redisMaxmemoryBytes,
        type.replicaOutputBufferLimitBytes,
        type.maxclients,
      ])
        assert.ok(number > 0, `${type.name}: ${number}`);
    }
  });
  it('that are unknown are refused with the sizes of their family', () =>
    refused(
      () => nodeType('cache.t4g.huge'),
      'InvalidParameterValue',
      /CacheNodeType.*cache\.t4g\.huge.*cache\.t4g\.micro/,
    ));
  it('of an unknown family are refused with the families', () =>
    refused(() => nodeType('db.t3.small'), 'InvalidParameterValue', /Known families are .*cache\.r7g/));
  it('of the eighth generation are not offered with Redis OSS', () =>
    refused(
      () => nodeTypeFor('cache.r8g.large', 'redis', '7.1'),
      'InvalidParameterCombination',
      /not offered with redis/,
    ));
  it('say which version they need', () => {
    refused(
      () => nodeTypeFor('cache.m7g.large', 'redis', '6.0'),
      'InvalidParameterCombination',
      /needs redis 6\.2 or newer/,
    );
    assert.equal(nodeTypeFor('cache.m7g.large', 'redis', '7.0').name, 'cache.m7g.large');
  });
  it('with data tiering are not offered with Memcached', () =>
    refused(
      () => nodeTypeFor('cache.r6gd.xlarge', 'memcached', '1.6.38'),
      'InvalidParameterCombination',
      /memcached/,
    ));
  it('of the first t generation do not fail over by themselves', () => {
    assert.equal(supportsAutomaticFailover(nodeType('cache.t1.micro')), false);
    assert.equal(supportsAutomaticFailover(nodeType('cache.t2.micro')), true);
  });
});

describe('memory of a node', () => {
  const type = nodeType('cache.t4g.small');
  it('is three quarters of the table for Valkey and Redis by default', () =>
    assert.equal(maxmemoryBytes(type), Math.floor(1471026299 * 0.75)));
  it('follows reserved-memory-percent, or reserved-memory', () => {
    assert.equal(maxmemoryBytes(type, { reservedMemoryPercent: 0 }), 1471026299);
    assert.equal(maxmemoryBytes(type, { reservedMemory: 1026299 }), 1470000000);
  });
  it('never becomes 0, which engines take for no limit', () => {
    assert.equal(maxmemoryBytes(type, { reservedMemoryPercent: 100 }), 1048576);
    assert.equal(maxmemoryBytes(type, { reservedMemory: 9e9 }), 1048576);
  });
  it('is the table less the connections’ share for Memcached', () =>
    assert.deepEqual(memcachedLimits(type, 100), { memoryMB: 1302, threads: 2 }));
  it('is at least 8 MB for Memcached', () => assert.equal(memcachedLimits(type, 5000).memoryMB, 8));
});

describe('allowed node type modifications', () => {
  const from = (name: string, engine: 'valkey' | 'redis' | 'memcached', version: string) =>
    allowedModifications(nodeType(name), engine, version);
  it('lead up and down by memory, smallest first', () => {
    const { scaleUp, scaleDown } = from('cache.m5.large', 'valkey', '8.0');
    const sizes = scaleUp.map((name) => nodeType(name).redisMaxmemoryBytes);
    assert.deepEqual(
      sizes,
      sizes.toSorted((a, b) => a - b),
    );
    assert.ok(scaleUp.includes('cache.r7g.large') && scaleUp.includes('cache.m6g.large'));
    assert.ok(scaleDown.includes('cache.t4g.small') && !scaleDown.includes('cache.m5.large'));
  });
  it('hold only types that the engine version knows', () => {
    assert.ok(
      !from('cache.m5.large', 'redis', '5.0.6').scaleUp.some((name) => /\.(m7g|m8g|r8g)\./.test(name)),
    );
    assert.ok(from('cache.m5.large', 'valkey', '8.0').scaleUp.includes('cache.r8g.large'));
  });
  it('never cross between types with and without data tiering', () => {
    const tiered = from('cache.r6gd.2xlarge', 'valkey', '8.0');
    assert.deepEqual(tiered.scaleDown, ['cache.r6gd.xlarge']);
    assert.ok(tiered.scaleUp.every((name) => name.startsWith('cache.r6gd.')));
    assert.ok(!from('cache.r6g.large', 'valkey', '8.0').scaleUp.some((name) => name.includes('r6gd')));
  });
});
