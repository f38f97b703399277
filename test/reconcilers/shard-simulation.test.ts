/**
 * Random lives of a shard, each from a seed of its own. Here always the same ones:
 *
 * - `LIMBER_TEST_SEED=<seed>` runs that life alone and prints it.
 * - `LIMBER_TEST_LIVES=<count>` runs so many, about 200 a second; from that seed on when both are given.
 * - `LIMBER_TEST_FULL=1` starts from another seed each time.
 *
 * A seed names a life only as long as the simulation asks for its random numbers in the same order: what a life has
 * taught is pinned as a row of `recheck.test.ts` or `decide-failover.test.ts` as well.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { systemIds } from '../../src/platform/ids.ts';
import { type Outcome, simulate } from './simulation/simulate.ts';

const { LIMBER_TEST_SEED: seedGiven, LIMBER_TEST_LIVES: livesGiven, LIMBER_TEST_FULL: isFull } = process.env;
const firstSeed = Number(seedGiven ?? (isFull ? Math.floor(systemIds.random() * 2 ** 31) : 1));
/** About a second on an idle core, unless told otherwise. */
const lives = Number(livesGiven ?? (seedGiven === undefined ? 200 : 1));

/** Lives that broke a rule once, and why. */
const pinned = [
  [123462391, 'a primary ended while the replica that was to feed it hung'],
  [123468333, 'a hung follower was killed for a primary that had just died'],
  [105591, 'a sibling was filled anew unseen while the primary was restored'],
  [110680, 'a sibling that was filled anew was chosen to feed the primary'],
  [200059, 'a hung primary was killed for files that had been wiped'],
  [200096, 'an empty primary led over the older copy that was to feed it'],
  [208713, 'a primary that was to restart never caught its replicas up'],
  [55528598, 'the files of a hung primary were wiped while the others were asked'],
  [55550726, 'a former primary that was to restart took writes again'],
  [910050005, 'a copy was made to lend its lead while the primary came up by itself'],
  [1001587, 'a primary was started for files that were wiped meanwhile'],
  [1041767, 'a primary whose files were wiped restarted before it was copied'],
  [3020730, 'a second older copy was chosen after a first had been made to lead'],
  [1052461, 'a sibling was filled anew unseen while Limber was dead'],
  [3033874, 'a second copy lent its lead while the first did not answer for a moment'],
  [700010348, 'an empty primary led over an older copy that had just been made to lead'],
] as const;

const told = (outcome: Outcome): string =>
  [outcome.title, ...outcome.history.slice(-60), ...outcome.violations].join('\n');

function requireUnbroken(outcome: Outcome): void {
  assert.equal(outcome.violations.length > 0 ? told(outcome) : undefined, undefined);
}

describe('a shard through random deaths, hangs, restarts, wiped files and crashes of Limber', () => {
  it('keeps every rule at each step and always settles with one leader', (t) => {
    const sums = { failovers: 0, switchovers: 0, acknowledged: 0, died: 0, unreplicated: 0, unconfirmed: 0 };
    for (let index = 0; index < lives; index += 1) {
      const outcome = simulate(firstSeed + index);
      const numbers = { ...outcome, ...outcome.lost };
      for (const key of Object.keys(sums) as (keyof typeof sums)[]) sums[key] += numbers[key];
      if (lives === 1) t.diagnostic(told(outcome));
      requireUnbroken(outcome);
    }
    t.diagnostic(
      `${lives} lives from seed ${firstSeed}: ${sums.failovers} failovers, ${sums.switchovers} switchovers, ` +
        `${sums.acknowledged} acknowledged writes; ${sums.died} died with every copy, ` +
        `${sums.unreplicated} were not replicated yet, ${sums.unconfirmed} were on unconfirmed copies only`,
    );
  });

  it('is repeatable: the same seed is the same life', () => {
    assert.deepEqual(simulate(4711).history, simulate(4711).history);
  });
});

describe('lives that broke a rule once', () => {
  for (const [seed, what] of pinned) it(`${seed}: ${what}`, () => requireUnbroken(simulate(seed)));
});
