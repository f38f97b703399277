/**
 * `npm run chaos -- [STEPS]`: random faults on real caches under load, then the account (docs/crash-safety.md). 200
 * steps by default; LIMBER_TEST_SEED repeats a run. Exit code 1 when a write is lost that nothing explains, or when
 * the end is not what was asked for.
 */
import { chosenSeed, runChaos } from './run.ts';

const ends: (() => Promise<void>)[] = [];
const scope = { after: (end: () => Promise<void>) => void ends.push(end) };
try {
  const report = await runChaos(scope, {
    seed: chosenSeed(),
    steps: Number(process.argv[2] ?? 200),
    tell: (line) => console.log(line),
  });
  console.log(report);
  if (report.unexplained.length > 0 || report.problems.length > 0) process.exitCode = 1;
} finally {
  for (const end of ends) await end();
}
