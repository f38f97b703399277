import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { newOperation } from '../../src/model/operation.ts';
import {
  decodeOperationInput,
  type OperationKindName,
  operatedCacheOf,
} from '../../src/model/operation-input.ts';

const cache = {
  kind: 'replication-group',
  id: 'orders',
  incarnation: '00000000000000a1',
  account: '000000000000',
  region: 'eu-central-1',
} as const;
const own = { cacheKind: 'replication-group', cacheId: 'orders', cacheIncarnation: '00000000000000a1' };
const at = { id: '1', now: 7 };

/** What a row holds after it was stored and read again. */
const stored = (input: unknown): unknown => JSON.parse(JSON.stringify(input));

describe("an operation's input", () => {
  it('is read as it was queued, with the cache that it works on', () => {
    const order = { members: ['orders-003'], growth: [{ nodeGroupId: '0001', from: 1, to: 2 }] };
    const { kind, lock, input, status } = newOperation('add-members', cache, order, at);
    assert.deepEqual([kind, lock, status], ['add-members', cache.incarnation, 'queued']);
    assert.deepEqual(decodeOperationInput('add-members', stored(input)), { ...own, ...order });
  });

  it('of an earlier version, which did not write every member, has what the absence meant', () => {
    assert.deepEqual(decodeOperationInput('create-cache', own), { ...own, zones: [] });
    assert.deepEqual(decodeOperationInput('delete-cache', own), { ...own, retainPrimary: false });
    const removal = { ...own, members: ['orders-002'] };
    assert.deepEqual(decodeOperationInput('remove-members', removal), { ...removal, shrink: [] });
  });

  const malformed: readonly (readonly [OperationKindName, object, RegExp])[] = [
    ['test-failover', own, /^nodeGroupId must be a string; found nothing$/],
    [
      'delete-cache',
      { ...own, cacheKind: 'user' },
      /^cacheKind must be replication-group or cache-cluster; found "user"$/,
    ],
    [
      'add-members',
      { ...own, members: 'orders-003', growth: [] },
      /^members must be a list; found "orders-003"$/,
    ],
    [
      'add-members',
      { ...own, members: [], growth: [{ nodeGroupId: '0001', from: 1, to: '2' }] },
      /^growth\[0\]\.to must be a whole number; found "2"$/,
    ],
    ['create-from-primary', { ...own, primary: null }, /^primary must be an object; found null$/],
  ];
  for (const [kind, input, message] of malformed)
    it(`is refused: ${kind} with ${JSON.stringify(input).slice(77)}`, () => {
      assert.throws(() => decodeOperationInput(kind, input), { name: 'TypeError', message });
    });

  it('is never taken without the cache that it works on', () => {
    for (const [kind] of malformed) assert.throws(() => decodeOperationInput(kind, {}), TypeError);
  });

  it('tells its cache also when the kind is not known here', () => {
    assert.equal(operatedCacheOf({ ...own, later: true })?.cacheId, 'orders');
    assert.equal(operatedCacheOf({ cacheId: 'orders' }), null);
    assert.equal(operatedCacheOf(null), null);
  });
});
