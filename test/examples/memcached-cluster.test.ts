import assert from 'node:assert/strict';
import { it } from 'node:test';
import { describeExample } from './describe-example.ts';

const key = 10_000;

describeExample('memcached-cluster', (run) => {
  it('finds three nodes at the configuration endpoint and spreads the keys over them', () => {
    assert.match(run().output, /^configuration endpoint \S+:11211: version \d+, 3 nodes$/m);
    const counts = run().numbers(/^keys: \S+ (\d+), \S+ (\d+), \S+ (\d+)$/m);
    assert.equal(sum(counts), key);
    for (const count of counts) assert.ok(count > key / 5, `spread: ${counts}`);
  });

  it('reads everything back', () => {
    assert.match(run().output, /^reads: 10000 of 10000 are hits$/m);
  });

  it('discovers a node that is added, whose version is the next one', () => {
    const [before = 0] = run().numbers(/^configuration endpoint \S+: version (\d+), 3 nodes$/m);
    const [after] = run().numbers(/^a node was added and discovered in \d+ ms: version (\d+), 4 nodes$/m);
    assert.equal(after, before + 1);
  });

  it('moves about a quarter of the keys to it, and keeps all others', () => {
    const [moved = 0] = run().numbers(/^moved: (\d+) of 10000 keys/m);
    assert.ok(moved > key / 8 && moved < key / 2.5, `${moved} moved`);
    const [hits] = run().numbers(/^reads: (\d+) of 10000 are hits; what moved is loaded again$/m);
    assert.equal(hits, key - moved);
  });
});

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
