/** Runs an example program as its user does: a process of its own, told everything by its environment. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export interface ExampleRun {
  readonly output: string;
  /** The numbers in the first line that matches, one per group of the pattern; fails when no line does. */
  numbers(pattern: RegExp): number[];
}

/** `environment` replaces the variables by which examples are told where to go. Fails unless the program ends with 0. */
export async function runExample(
  name: string,
  environment: Readonly<Record<string, string>>,
  ...args: readonly string[]
): Promise<ExampleRun> {
  const program = fileURLToPath(new URL(`../../examples/${name}/main.ts`, import.meta.url));
  const child = spawn(process.execPath, [program, ...args], {
    env: { ...withoutSettings(process.env), ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    signal: AbortSignal.timeout(60_000),
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`examples/${name} ended with ${code}:\n${output}`);
  return {
    output,
    numbers(pattern) {
      const found = pattern.exec(output);
      if (!found) throw new Error(`examples/${name} printed nothing like ${pattern}:\n${output}`);
      return found.slice(1).map(Number);
    },
  };
}

/** What the tester's own shell may hold, real AWS credentials among it, must not reach an example. */
function withoutSettings(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const isSetting = (name: string) =>
    name.startsWith('AWS_') || ['CACHE_URL', 'MEMCACHED_ENDPOINT', 'DATABASE_URL'].includes(name);
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !isSetting(name)));
}
