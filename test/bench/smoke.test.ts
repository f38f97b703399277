/** The measurements run and write what they promise. What they measure is no test: see docs/benchmarks.md. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Report } from '../../bench/lib/report.ts';
import { ratioOfMedians, summarise } from '../../bench/lib/statistics.ts';
import { runSuites } from '../../bench/run-suites.ts';
import { suites } from '../../bench/suites/index.ts';

describe('benchmarks', () => {
  for (const suite of suites) {
    it(`${suite.name}: a short run writes JSON and Markdown`, async (t) => {
      const directory = await mkdtemp(join(tmpdir(), 'limber-bench-results-'));
      t.after(() => rm(directory, { recursive: true }));
      await runSuites({ suites: [suite], isQuick: true, rounds: null, directory, page: null });
      const report = JSON.parse(await readFile(join(directory, `${suite.name}.json`), 'utf8')) as Report;
      assert.ok(report.result.tables.every(({ rows }) => rows.length > 0));
      const text = await readFile(join(directory, `${suite.name}.md`), 'utf8');
      assert.match(text, new RegExp(`^## ${suite.title}`));
      assert.doesNotMatch(text, /NaN|undefined/);
    });
  }

  it('summarises by median and quartiles', () => {
    const { median, lowerQuartile, upperQuartile } = summarise([5, 1, 4, 2, 3]);
    assert.deepEqual([lowerQuartile, median, upperQuartile], [2, 3, 4]);
  });

  it('gives a ratio whose interval holds it, and one point when nothing varies', () => {
    const { ratio, low, high } = ratioOfMedians([9, 11, 10, 12], [10, 10, 11, 12]);
    assert.ok(low <= ratio && ratio <= high);
    assert.deepEqual(ratioOfMedians([1, 1], [2, 2]), { ratio: 0.5, low: 0.5, high: 0.5 });
  });
});
