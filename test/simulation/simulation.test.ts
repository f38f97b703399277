/**
 * Random lives of a replication group under the real Limber: its worker, acts, operations and actions run on simulated
 * engines, files and time (decision 0023). Always the same lives, unless `LIMBER_TEST_SEED` or `LIMBER_TEST_LIVES` say
 * otherwise; `npm run simulate` prints one.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Outcome, simulate } from './simulate.ts';

const { LIMBER_TEST_SEED: seedGiven, LIMBER_TEST_LIVES: livesGiven, LIMBER_TEST_FULL: isFull } = process.env;
const firstSeed = Number(seedGiven ?? 1);
/** Some 50 to 100 ms each. */
const lives = Number(livesGiven ?? (isFull ? 800 : 60));

/** Lives in which a rule was broken once, and by what. */
const pinned = [
  [296, 'a removal killed the only copy of a write: nobody had looked once more who holds the data'],
  [213, 'TestFailover killed the only copy: nobody had looked whether a replica could take over'],
  [808, 'a node that was told to end for its restart did so when it had become the last copy'],
] as const;

const told = ({ title, history, violations }: Outcome): string =>
  [title, ...history.slice(-60), ...violations].join('\n');

describe('a replication group through random requests, deaths, hangs, wiped files and ends of Limber', () => {
  it('keeps every rule at each step, and comes to rest once the faults are over', async (t) => {
    const sums = { acknowledged: 0, promotions: 0, deaths: 0, accepted: 0 };
    for (let seed = firstSeed; seed < firstSeed + lives; seed += 1) {
      const outcome = await simulate(seed);
      for (const key of Object.keys(sums) as (keyof typeof sums)[]) sums[key] += outcome[key];
      assert.equal(outcome.violations.length > 0 ? told(outcome) : undefined, undefined);
    }
    t.diagnostic(
      `${lives} lives from seed ${firstSeed}: ${sums.accepted} requests, ${sums.deaths} deaths, ` +
        `${sums.promotions} promotions, ${sums.acknowledged} acknowledged writes`,
    );
    assert.ok(sums.accepted > lives && sums.deaths > lives && sums.promotions > lives);
  });

  it('is repeatable: the same seed is the same life', async () => {
    const [one, other] = [await simulate(7), await simulate(7)];
    assert.deepEqual(one.history, other.history);
  });
});

describe('lives in which a rule was broken once', () => {
  for (const [seed, what] of pinned)
    it(`${seed}: ${what}`, async () => {
      const outcome = await simulate(seed);
      assert.equal(outcome.violations.length > 0 ? told(outcome) : undefined, undefined);
    });
});
