import { simulate } from './simulate.ts';

const first = Number(process.argv[2] ?? 1);
const count = Number(process.argv[3] ?? 1);
const start = performance.now();
let bad = 0;
for (let seed = first; seed < first + count; seed += 1) {
  const t = performance.now();
  const outcome = await simulate(seed);
  const ms = Math.round(performance.now() - t);
  if (count === 1) console.log(outcome.history.join('\n'));
  if (outcome.violations.length > 0) bad += 1;
  if (count === 1 || outcome.violations.length > 0 || process.argv[4])
    console.log(
      outcome.title,
      `${ms} ms`,
      outcome.acknowledged,
      JSON.stringify(outcome.lost),
      outcome.promotions,
      outcome.deaths,
      outcome.accepted,
      '\n   ',
      outcome.violations.map((v) => v.slice(0, 700)).join('\n    '),
    );
}
console.log(`${count} lives, ${bad} bad, ${Math.round(performance.now() - start)} ms`);
process.exit(0);
