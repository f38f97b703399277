/** Runs an example program as its user does: a process of its own, told everything by its environment. */
import { after, before } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runCommand, runLimber } from '../support/command.ts';
import { cleanEnvironment, type Limber, startLimber } from '../support/limber.ts';

export interface ExampleRun {
  readonly output: string;
  /** The numbers in the first line that matches, one per group of the pattern; fails when no line does. */
  numbers(pattern: RegExp): number[];
}

/**
 * To be called in a suite: a Limber of its own for all of its tests. The result is the environment for its examples:
 * what `limber env` prints, and nothing else that leads to a cache or a database, those of the tester, say.
 */
export function useLimber(): () => NodeJS.ProcessEnv {
  const others = { CACHE_URL: undefined, MEMCACHED_ENDPOINT: undefined, DATABASE_URL: undefined };
  let limber: Limber | undefined;
  let environment: NodeJS.ProcessEnv = {};
  before(async () => {
    // What is registered inside a `before` hook ends with that hook, so the suite's own `after` ends Limber.
    limber = await startLimber({ after: () => undefined });
    const { stdout } = await runLimber(['env', '--format', 'json', '--data', limber.dataDirectory]);
    environment = { ...cleanEnvironment(), ...others, ...JSON.parse(stdout) };
  });
  after(() => limber?.end());
  return () => environment;
}

/** Fails unless the program ends with 0. */
export async function runExample(
  name: string,
  environment: NodeJS.ProcessEnv,
  ...args: readonly string[]
): Promise<ExampleRun> {
  const program = fileURLToPath(new URL(`../../examples/${name}/main.ts`, import.meta.url));
  const finished = await runCommand(process.execPath, [program, ...args], { env: environment });
  const { code, stdout: output, stderr } = finished;
  if (code !== 0) throw new Error(`examples/${name} ended with ${code}:\n${output}${stderr}`);
  return {
    output,
    numbers(pattern) {
      const found = pattern.exec(output);
      if (!found) throw new Error(`examples/${name} printed nothing like ${pattern}:\n${output}${stderr}`);
      return found.slice(1).map(Number);
    },
  };
}
