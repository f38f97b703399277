/**
 * `npm run simulate [FIRST_SEED [LIVES]]`: random lives of a replication group under the real Limber. One life alone is
 * printed whole; of several those that broke a rule. Ends with 1 when one did.
 */
import { simulate } from './simulate.ts';

const [firstSeed = 1, lives = 1] = process.argv.slice(2).map(Number);
const start = performance.now();
let broken = 0;
for (let seed = firstSeed; seed < firstSeed + lives; seed += 1) {
  const { title, history, violations } = await simulate(seed);
  if (lives === 1) console.log(history.join('\n'));
  if (violations.length === 0) continue;
  broken += 1;
  console.log([title, ...violations].join('\n    '));
}
const seconds = ((performance.now() - start) / 1_000).toFixed(1);
console.log(`${lives} lives from seed ${firstSeed}: ${broken} broke a rule, ${seconds} s`);
process.exit(broken === 0 ? 0 : 1);
