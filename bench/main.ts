/** `npm run bench [-- SUITE… --quick --rounds N]`: measures, and writes bench/results and docs/benchmarks.md. */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runSuites } from './run-suites.ts';
import { suites } from './suites/index.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    out: { type: 'string' },
    rounds: { type: 'string' },
  },
});
const unknown = positionals.filter((name) => !suites.some((suite) => suite.name === name));
if (unknown.length > 0) {
  console.error(
    `no such suite: ${unknown.join(', ')}; there are ${suites.map(({ name }) => name).join(', ')}`,
  );
  process.exit(2);
}
const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
await runSuites({
  suites: suites.filter(({ name }) => positionals.length === 0 || positionals.includes(name)),
  isQuick: values.quick,
  rounds: values.rounds === undefined ? null : Number(values.rounds),
  directory: values.out ?? here('results'),
  // A short run must not replace figures that mean something.
  page: values.quick || values.out ? null : here('../docs/benchmarks.md'),
});
process.exit(0);
