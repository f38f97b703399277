/** The short form of `npm run chaos`. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { chosenSeed, runChaos } from './run.ts';

const steps = process.env.LIMBER_TEST_FULL === '1' ? 200 : 40;

describe('random faults on caches of every kind, while clients write to all of them', () => {
  it(`lose no write but what a killed primary had not passed on, and end in what was asked for (${steps} steps)`, async (t) => {
    const seed = chosenSeed();
    t.diagnostic(`LIMBER_TEST_SEED=${seed}`);
    const report = await runChaos(t, { seed, steps });
    t.diagnostic(
      `${report.acknowledged} writes, ${report.primaryDeaths} primaries died, ${report.explained} writes lost with ` +
        `them, ${report.seconds.toFixed(0)} s`,
    );
    assert.deepEqual(report.unexplained, [], `seed ${seed}`);
    assert.deepEqual(report.problems, [], `seed ${seed}`);
  });
});
