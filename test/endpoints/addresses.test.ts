import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  AddressesExhausted,
  type AllocateOptions,
  allocateAddress,
  defaultPool,
  parsePool,
  poolSlices,
  sliceOf,
  sliceOfAddress,
} from '../../src/endpoints/addresses.ts';

describe('an address pool', () => {
  it('is a block of 127.0.0.0/8, and says what is wrong with anything else', () => {
    assert.equal(parsePool(defaultPool).size, 2 ** 20);
    assert.equal(parsePool(' 127.80.0.0/16 ').cidr, '127.80.0.0/16');
    for (const [cidr, reason] of [
      ['127.64.0.0', /expected an IPv4 block such as 127\.64\.0\.0\/12/],
      ['127.300.0.0/12', /expected an IPv4 block/],
      ['::1/64', /expected an IPv4 block/],
      ['10.0.0.0/12', /expected a block inside 127\.0\.0\.0\/8/],
      ['127.64.0.0/25', /\/8 to \/24/],
      ['127.70.0.0/12', /use 127\.64\.0\.0\/12/],
    ] as const)
      assert.throws(() => parsePool(cidr), reason, cidr);
  });

  it('is cut into slices that do not touch: one per zone and one for moving endpoints', () => {
    const pool = parsePool('127.64.0.0/12');
    for (const [index, slice] of poolSlices.entries())
      for (const address of [`127.${64 + 2 * index}.0.0`, `127.${65 + 2 * index}.255.255`])
        assert.equal(sliceOfAddress(pool, address), slice, address);
    assert.equal(poolSlices.at(-1), 'endpoint');
    assert.equal(sliceOfAddress(pool, '127.79.0.1'), null, 'the spare one');
    assert.equal(sliceOfAddress(pool, '127.80.0.1'), null);
    assert.equal(sliceOf('eu-west-1c'), 'c');
    assert.equal(sliceOf(null), 'endpoint');
    assert.throws(() => sliceOf('us-east-1x'), /expected one that ends in a letter a to f/);
  });
});

describe('giving out addresses', () => {
  const pool = parsePool('127.100.7.0/24');
  const allocate = (change: Partial<AllocateOptions>) =>
    allocateAddress({ pool, slice: 'a', taken: new Set(), cursor: null, ...change });

  it('goes on behind the last one, so that a released address comes back after all others', () => {
    const given: string[] = [];
    let cursor: string | null = null;
    for (let count = 0; count < 40; count += 1) {
      cursor = allocate({ cursor }); // released at once
      given.push(cursor);
    }
    assert.deepEqual(given.slice(0, 3), ['127.100.7.1', '127.100.7.2', '127.100.7.3']);
    assert.equal(new Set(given.slice(0, 31)).size, 31);
    assert.deepEqual(given.slice(31), given.slice(0, 9));
  });

  it('passes over what is taken, .0, .255 and the addresses of the machine itself', () => {
    assert.equal(allocate({ taken: new Set(['127.100.7.1', '127.100.7.2']) }), '127.100.7.3');
    const wide = parsePool('127.64.0.0/12');
    assert.equal(allocate({ pool: wide, cursor: '127.64.0.254' }), '127.64.1.1');
    assert.equal(allocate({ pool: wide, cursor: '127.65.255.254' }), '127.64.0.1', 'and round');
    assert.equal(allocate({ pool: parsePool('127.0.0.0/8') }), '127.0.2.1');
  });

  it('starts anew when the cursor is of another pool or slice', () => {
    for (const cursor of ['127.64.0.9', '127.100.7.40', 'nonsense'])
      assert.equal(allocate({ cursor }), '127.100.7.1', cursor);
    assert.equal(allocate({ slice: 'endpoint' }), '127.100.7.192');
  });

  it('says clearly when a slice is exhausted, and only that slice', () => {
    const taken = new Set<string>();
    for (let count = 0; count < 31; count += 1) taken.add(allocate({ taken }));
    assert.throws(
      () => allocate({ taken, cursor: '127.100.7.9' }),
      (error: Error) => {
        assert.ok(error instanceof AddressesExhausted);
        assert.match(error.message, /127\.100\.7\.0\/24 has no free address left for zone a/);
        return true;
      },
    );
    assert.equal(allocate({ taken, slice: 'b' }), '127.100.7.32');
    assert.throws(() => allocate({ pool: parsePool('127.0.0.0/24') }), AddressesExhausted);
  });
});
