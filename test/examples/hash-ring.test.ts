import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createHashRing } from '../../examples/memcached-cluster/hash-ring.ts';

const nodes = ['10.0.0.1:11211', '10.0.0.2:11211', '10.0.0.3:11211'];
const keys = Array.from({ length: 10_000 }, (_, index) => `key-${index}`);

describe('the hash ring of examples/memcached-cluster', () => {
  it('gives every node about the same share of the keys', () => {
    const ring = createHashRing(nodes);
    for (const node of nodes) {
      const share = keys.filter((key) => ring.nodeOf(key) === node).length / keys.length;
      assert.ok(share > 0.25 && share < 0.42, `${node} has ${share}`);
    }
  });

  it('gives the same node whatever the order of the list', () => {
    const [ring, reversed] = [createHashRing(nodes), createHashRing(nodes.toReversed())];
    for (const key of keys) assert.equal(ring.nodeOf(key), reversed.nodeOf(key));
  });

  it('moves keys only to a node that is added, about its share of them', () => {
    const added = '10.0.0.4:11211';
    const [before, after] = [createHashRing(nodes), createHashRing([...nodes, added])];
    const moved = keys.filter((key) => before.nodeOf(key) !== after.nodeOf(key));
    for (const key of moved) assert.equal(after.nodeOf(key), added);
    assert.ok(moved.length > 1_800 && moved.length < 3_200, `${moved.length} moved`);
  });

  it('refuses an empty list', () => {
    assert.throws(() => createHashRing([]), /needs a node/);
  });
});
