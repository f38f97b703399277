/** Runs `bin/limber` as a user does. */
import { spawn } from 'node:child_process';
import { cleanEnvironment, limberProgram } from './limber.ts';

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** SIGKILL after this; default 60 s. */
  readonly timeoutMs?: number;
}

/** Without a terminal; standard input is empty unless given. */
export function runLimber(args: readonly string[], options: CommandOptions = {}): Promise<Finished> {
  return runCommand(limberProgram, args, { ...options, env: { ...cleanEnvironment(), ...options.env } });
}

export function runCommand(
  command: string,
  args: readonly string[],
  { input = '', env, cwd, timeoutMs = 60_000 }: CommandOptions = {},
): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      env: env ?? process.env,
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
      ...(cwd === undefined ? {} : { cwd }),
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
    child.stdin.on('error', () => {}); // it may end before it has read everything
    child.stdin.end(input);
  });
}
