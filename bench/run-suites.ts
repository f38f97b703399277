import { createEngineStore } from '../src/engine-store/engine-store.ts';
import { describeMachine } from './lib/machine.ts';
import { assemblePage, renderReport, writeReport } from './lib/report.ts';
import { createScope } from './lib/scope.ts';
import type { Suite } from './lib/suite.ts';
import { suites as allSuites } from './suites/index.ts';

export interface RunOptions {
  readonly suites: readonly Suite[];
  readonly isQuick: boolean;
  readonly rounds: number | null;
  /** Where results are written. */
  readonly directory: string;
  /** The page that shows all results; null: not touched. */
  readonly page: string | null;
}

/** One after the other; each ends what it has started, also when it fails or is interrupted. */
export async function runSuites({ suites, isQuick, rounds, directory, page }: RunOptions): Promise<void> {
  for (const suite of suites) {
    const scope = createScope();
    const interrupt = () => void scope.end().finally(() => process.exit(130));
    process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
    const machine = describeMachine();
    const startedAt = performance.now();
    console.error(`${suite.name}: ${suite.title}`);
    try {
      const result = await suite.run({ isQuick, rounds, scope, say: (line) => console.error(`  ${line}`) });
      const report = {
        suite: suite.name,
        title: suite.title,
        measuredAt: new Date().toISOString(),
        isQuick,
        engine: await newestEngines(),
        machine,
        result,
      };
      await writeReport(directory, report);
      console.log(renderReport(report));
    } finally {
      process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
      await scope.end();
    }
    console.error(`  took ${Math.round((performance.now() - startedAt) / 1000)} s`);
  }
  if (page) await assemblePage(page, directory, allSuites);
}

/** What Limber runs when nobody asks for a version. */
async function newestEngines(): Promise<string> {
  const installed = await createEngineStore().installed();
  const newest = (['valkey', 'memcached'] as const).flatMap(
    (name) => installed.find(({ engine }) => engine === name) ?? [],
  );
  return newest.map(({ engine, version }) => `${engine} ${version}`).join(', ');
}
