import assert from 'node:assert/strict';
import { it } from 'node:test';
import { describeExample } from './describe-example.ts';

describeExample('db-cache', (run) => {
  it('makes at most one query for each product, so that most reads are hits', () => {
    const [queries = 0, hitRate = 0] = run().numbers(/3000 reads, (\d+) queries, hit rate ([\d.]+) %/);
    assert.ok(queries > 0 && queries <= 200, `${queries} queries`);
    assert.ok(hitRate > 90, `hit rate ${hitRate}`);
  });

  it('saves time', () => {
    const [cached = 0, uncached = 0, saved = 0] = run().numbers(
      /time: (\d+) ms with the cache, (\d+) ms without .*: saved (\d+) ms/,
    );
    assert.ok(cached < uncached, `${cached} ms with the cache, ${uncached} ms without`);
    assert.ok(Math.abs(uncached - cached - saved) <= 1, `saved ${saved} ms`);
  });

  it('makes one query for 200 readers of a missing entry in two instances', () => {
    assert.match(run().output, /^stampede: 200 readers of a missing entry, 1 query$/m);
  });

  it('shows a new price to every reader without a query', () => {
    const [written, seen] = run().numbers(/wrote price (\d+), another reader sees (\d+) after 0 queries/);
    assert.equal(seen, written);
  });

  it('asks once for a product that does not exist', () => {
    assert.match(run().output, /^negative caching: 100 reads of an unknown product, 1 query$/m);
  });
});
