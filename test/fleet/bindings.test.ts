import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Holder, wantedBindings } from '../../src/fleet/bindings.ts';
import type { EndpointPurpose } from '../../src/model/node.ts';
import { incarnationOf, nodeAt } from '../reconcilers/shard-views.ts';
import { endpoint } from '../store/rows.ts';

const holder = (position: number, changes: Partial<Holder> = {}, synced = true): Holder => ({
  node: nodeAt(position, { synced }),
  isServing: true,
  isAlive: true,
  isPrimary: false,
  ...changes,
});
const primary = (position: number): Holder => holder(position, { isPrimary: true });
const dead = { isServing: false, isAlive: false } as const;
const silent = { isServing: false, isAlive: true } as const;

/** The position of the node that is to bind the one endpoint of this purpose; null: nobody. */
function binds(purpose: EndpointPurpose, holders: readonly Holder[], heldBy: number | null = null) {
  const one = endpoint({ purpose, holder: heldBy === null ? null : incarnationOf(heldBy) });
  const incarnation = wantedBindings([one], holders).get(one.address);
  return incarnation === undefined
    ? null
    : holders.find(({ node }) => node.incarnation === incarnation)!.node.incarnation;
}
const is = incarnationOf;

describe('the primary endpoint', () => {
  it('is bound by the confirmed primary alone', () => {
    assert.equal(binds('primary', [holder(1), primary(2)]), is(2));
    assert.equal(binds('primary', [holder(1), holder(2)], 1), null);
  });

  it('moves with the confirmed primary', () => {
    assert.equal(binds('primary', [holder(1), primary(2)], 1), is(2));
    assert.equal(binds('primary', [holder(1, dead), primary(2)], 1), is(2));
  });

  it('is bound by nobody while the primary does not serve', () => {
    assert.equal(binds('primary', [holder(1, { isPrimary: true, isServing: false }), holder(2)]), null);
  });

  it('stays with a living process that does not answer: the kernel gives it to nobody else', () => {
    assert.equal(binds('primary', [holder(1, silent), primary(2)], 1), null);
  });
});

describe('the reader endpoint', () => {
  it('is bound by a replica that holds the data', () => {
    assert.equal(binds('reader', [primary(1), holder(2), holder(3)]), is(2));
    assert.equal(binds('reader', [primary(1), holder(2, {}, false), holder(3)]), is(3));
  });

  it('stays where it is as long as that is a serving, synced replica', () => {
    assert.equal(binds('reader', [primary(1), holder(2), holder(3)], 3), is(3));
  });

  it('leaves a replica that died, is filled anew, or leads now', () => {
    assert.equal(binds('reader', [primary(1), holder(2), holder(3, dead)], 3), is(2));
    assert.equal(binds('reader', [primary(1), holder(2), holder(3, {}, false)], 3), is(2));
    assert.equal(binds('reader', [holder(1), holder(2), primary(3)], 3), is(1));
  });

  it('is bound by the primary when there is no such replica', () => {
    assert.equal(binds('reader', [primary(1)]), is(1));
    assert.equal(binds('reader', [primary(1), holder(2, dead)], 2), is(1));
  });

  it('stays with a living replica that does not answer', () => {
    assert.equal(binds('reader', [primary(1), holder(2, silent), holder(3)], 2), null);
  });
});

describe('the configuration endpoint', () => {
  it('stays with a serving node of any role, else goes to the first', () => {
    assert.equal(binds('configuration', [primary(1), holder(2)], 2), is(2));
    assert.equal(binds('configuration', [primary(1), holder(2)]), is(1));
    assert.equal(binds('configuration', [holder(1, dead), holder(2)], 1), is(2));
    assert.equal(binds('configuration', [holder(1, dead), holder(2, dead)], 1), null);
  });
});

describe("a node's own endpoint", () => {
  it('is never moved', () => {
    assert.equal(binds('node', [primary(1)], 1), null);
  });
});

it('several endpoints may go to one node', () => {
  const endpoints = [
    endpoint({ purpose: 'primary' }),
    endpoint({ purpose: 'reader', address: '127.100.7.10' }),
  ];
  assert.deepEqual([...wantedBindings(endpoints, [primary(1)]).values()], [is(1), is(1)]);
});
