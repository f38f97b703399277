import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { excludes, LockSet, rootOf } from '../../src/model/locks.ts';

describe('locks', () => {
  const pairs: readonly (readonly [string, string, boolean])[] = [
    ['orders', 'orders', true],
    ['orders', 'orders/0001', true],
    ['orders/0001', 'orders', true],
    ['orders/0001', 'orders/0001', true],
    ['orders/0001', 'orders/0002', false],
    ['orders', 'orders2', false],
    ['orders2/0001', 'orders', false],
    ['orders/1', 'orders/10', false],
  ];
  for (const [one, other, isExcluded] of pairs)
    it(`${one} and ${other} ${isExcluded ? 'exclude each other' : 'do not exclude each other'}`, () => {
      const held = new LockSet();
      held.add(one);
      assert.deepEqual([excludes(one, other), held.excludes(other)], [isExcluded, isExcluded]);
    });

  it('belong to a cache', () => {
    assert.deepEqual(['orders', 'orders/0001'].map(rootOf), ['orders', 'orders']);
  });

  it('are held until the set is another: any of several excludes', () => {
    const held = new LockSet();
    for (const lock of ['a/0001', 'b']) held.add(lock);
    assert.deepEqual(
      ['a', 'a/0001', 'a/0002', 'b', 'b/0001', 'c'].map((lock) => held.excludes(lock)),
      [true, true, false, true, true, false],
    );
  });
});
