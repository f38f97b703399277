import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  isAllowed,
  modifiedOverrides,
  resetAllOverrides,
  resetOverrides,
} from '../../src/catalog/parameter-values.ts';
import { findParameter } from '../../src/catalog/parameters.ts';
import { ServiceError } from '../../src/model/service-errors.ts';

const refused = (run: () => unknown, code: string, pattern: RegExp) =>
  assert.throws(run, (error: unknown) => {
    assert.ok(error instanceof ServiceError);
    assert.equal(error.code, code);
    assert.match(error.message, pattern);
    return true;
  });
const set = (family: string, name: string, value: string, isAttached = false) =>
  modifiedOverrides(family, {}, [{ name, value }], isAttached);

describe('allowed values', () => {
  const rows: [string, string, string[], string[]][] = [
    [
      'redis7',
      'timeout',
      ['0', '20', '2147483647'],
      ['1', '19', '2147483648', '-1', '', ' 0', '1e3', '0x20', '20.5', '030', '-0', 'no'],
    ],
    ['redis7', 'active-expire-effort', ['1', '10'], ['0', '11']],
    ['redis7', 'slowlog-log-slower-than', ['-1', '0', '99'], ['', 'x']],
    ['redis7', 'repl-backlog-size', ['16384'], ['16383', '99999999999999999999', '9007199254740993']],
    ['redis7', 'latency-tracking', ['yes', 'no'], ['Yes', 'true', '1', '']],
    ['redis7', 'maxmemory-policy', ['allkeys-lfu'], ['lru', 'allkeys-lru,noeviction']],
    ['redis7', 'notify-keyspace-events', ['', 'KEA', 'Eg$x'], ['KEQ', 'K E', 'E"']],
    ['redis6.x', 'list-max-ziplist-size', ['-5', '-1', '1', '500'], ['0', '-6']],
    [
      'memcached1.6',
      'chunk_size_growth_factor',
      ['1.25', '100', '1.01'],
      ['1', '1.0', '100.5', '1,25', '-2'],
    ],
    ['memcached1.6', 'cas_disabled', ['0', '1'], ['2', 'yes']],
    ['memcached1.6', 'slab_automove', ['0', '1', '2'], ['3', '-1']],
    ['memcached1.6', 'binding_protocol', ['auto', 'ascii'], ['binary']],
  ];
  for (const [family, name, good, bad] of rows) {
    const parameter = findParameter(family, name);
    assert.ok(parameter);
    for (const value of good)
      it(`of ${name} (${parameter.allowedValues}) include "${value}"`, () =>
        assert.ok(isAllowed(parameter, value)));
    for (const value of bad)
      it(`of ${name} (${parameter.allowedValues}) exclude "${value}"`, () =>
        assert.ok(!isAllowed(parameter, value)));
  }
});

describe('modifying a parameter group', () => {
  it('adds to what was set before', () =>
    assert.deepEqual(
      modifiedOverrides(
        'valkey8',
        { timeout: '30' },
        [{ name: 'hash-max-listpack-value', value: '9' }],
        true,
      ),
      {
        timeout: '30',
        'hash-max-listpack-value': '9',
      },
    ));
  it('names parameter, value and what is allowed when a value is bad', () =>
    refused(
      () => set('redis7', 'timeout', '7'),
      'InvalidParameterValue',
      /"7".*parameter timeout.*integer 0,20-/,
    ));
  it('refuses parameters that do not exist in the family', () =>
    refused(
      () => set('redis7', 'nope', '1'),
      'InvalidParameterValue',
      /nope does not exist in the family redis7/,
    ));
  it('refuses read-only parameters', () => {
    refused(
      () => set('redis7', 'appendonly', 'yes'),
      'InvalidParameterValue',
      /appendonly.*cannot be modified/,
    );
    refused(
      () => set('redis7', 'maxmemory', '1000000'),
      'InvalidParameterValue',
      /maxmemory.*cannot be modified/,
    );
  });
  it('refuses more than 20 at once, none, and the same twice', () => {
    const many = Array.from({ length: 21 }, () => ({ name: 'timeout', value: '30' }));
    refused(
      () => modifiedOverrides('redis7', {}, many, false),
      'InvalidParameterValue',
      /21 entries; give 1 to 20/,
    );
    refused(() => modifiedOverrides('redis7', {}, [], false), 'InvalidParameterValue', /0 entries/);
    refused(
      () => modifiedOverrides('redis7', {}, many.slice(0, 2), false),
      'InvalidParameterValue',
      /timeout more than once/,
    );
  });
  it('lets cluster-enabled and databases be set until a cache uses the group', () => {
    assert.deepEqual(set('redis7', 'cluster-enabled', 'yes'), { 'cluster-enabled': 'yes' });
    refused(
      () => set('redis7', 'cluster-enabled', 'yes', true),
      'InvalidParameterValue',
      /while a cache uses the group/,
    );
    assert.deepEqual(set('redis7', 'databases', '16', true), { databases: '16' });
  });
  it('refuses to rename commands, which is not built, but takes the empty value', () => {
    refused(
      () => set('redis7', 'rename-commands', 'KEYS blocked'),
      'InvalidParameterValue',
      /rename-commands.*access string/,
    );
    assert.deepEqual(set('redis7', 'rename-commands', ''), { 'rename-commands': '' });
  });
  it('takes reserved memory in bytes or percent, not both', () => {
    const bytes = { name: 'reserved-memory', value: '1000' };
    const percent = { name: 'reserved-memory-percent', value: '10' };
    for (const [overrides, changes] of [
      [{ 'reserved-memory-percent': '10' }, [bytes]],
      [{}, [bytes, percent]],
    ] as const)
      refused(
        () => modifiedOverrides('redis4.0', overrides, changes, false),
        'InvalidParameterCombination',
        /exclude each other/,
      );
  });
  for (const family of ['redis3.2', 'redis4.0'])
    it(`lets reserved-memory-percent take the place of reserved-memory: ${family}`, () =>
      assert.deepEqual(
        modifiedOverrides(
          family,
          { 'reserved-memory': '1000', timeout: '300' },
          [{ name: 'reserved-memory-percent', value: '10' }],
          true,
        ),
        { timeout: '300', 'reserved-memory-percent': '10' },
      ));
  it('keeps Memcached’s item size a multiple of its chunk size', () => {
    refused(
      () => set('memcached1.6', 'max_item_size', '1000000'),
      'InvalidParameterCombination',
      /multiple of slab_chunk_max/,
    );
    assert.deepEqual(set('memcached1.6', 'max_item_size', '2097152'), { max_item_size: '2097152' });
    const together = [
      { name: 'max_item_size', value: '4096' },
      { name: 'slab_chunk_max', value: '2048' },
    ];
    assert.equal(modifiedOverrides('memcached1.6', {}, together, false).max_item_size, '4096');
  });
  it('changes nothing when one of several is bad', () => {
    const before = { timeout: '30' };
    refused(
      () =>
        modifiedOverrides(
          'redis7',
          before,
          [
            { name: 'hash-max-listpack-value', value: '9' },
            { name: 'timeout', value: '3' },
          ],
          false,
        ),
      'InvalidParameterValue',
      /timeout/,
    );
    assert.deepEqual(before, { timeout: '30' });
  });
});

describe('resetting a parameter group', () => {
  const overrides = { timeout: '30', databases: '4' };
  it('takes single values back', () =>
    assert.deepEqual(resetOverrides('redis7', overrides, ['timeout'], true), { databases: '4' }));
  it('takes all back when nothing uses the group', () =>
    assert.deepEqual(resetAllOverrides(overrides, false), {}));
  it('leaves what a running cache cannot follow', () => {
    assert.deepEqual(resetAllOverrides(overrides, true), { databases: '4' });
    refused(
      () => resetOverrides('redis7', overrides, ['databases'], true),
      'InvalidParameterValue',
      /databases/,
    );
  });
  it('refuses unknown and read-only names', () =>
    refused(() => resetOverrides('redis7', {}, ['nope'], false), 'InvalidParameterValue', /nope/));
});
