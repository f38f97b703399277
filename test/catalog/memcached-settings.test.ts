import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { memcachedSettings } from '../../src/catalog/memcached-settings.ts';
import { nodeType } from '../../src/catalog/node-types.ts';
import { effectiveParameters } from '../../src/catalog/parameters.ts';

const small = nodeType('cache.t4g.small');

describe('what a Memcached node gets from its type and group', () => {
  it('is memory less the connections’ share, a thread per processor, 65000 connections', () =>
    assert.deepEqual(memcachedSettings(effectiveParameters('memcached1.6', {}, small), small), {
      memoryMb: 1302,
      threads: 2,
      maxConnections: 65000,
    }));
  it('follows memcached_connections_overhead', () => {
    const effective = effectiveParameters('memcached1.6', { memcached_connections_overhead: '402' }, small);
    assert.equal(memcachedSettings(effective, small).memoryMb, 1000);
  });
});
