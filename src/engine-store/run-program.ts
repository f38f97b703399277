import { spawn } from 'node:child_process';

export interface ProgramResult {
  readonly code: number | null;
  readonly stdout: string;
  /** Output and error output in the order in which they came, to be quoted in an error. */
  readonly output: string;
}

interface RunOptions {
  readonly cwd?: string;
  readonly signal?: AbortSignal | undefined;
  /** The program is killed after this long. Default: no limit. */
  readonly timeoutMs?: number;
}

/** The program does not exist or may not be executed (`cause` has the system's error). */
export class ProgramMissing extends Error {
  override readonly name = 'ProgramMissing';
}

/**
 * Runs a program to its end with English messages and no input. Any exit code is a result; a missing program throws
 * `ProgramMissing`, an aborted signal its reason, and both only once the program is gone.
 */
export function runProgram(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<ProgramResult> {
  options.signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      output += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    // SIGTERM, not SIGKILL: apt-get ends its download methods, which would otherwise go on for a while.
    const abort = () => child.kill('SIGTERM');
    options.signal?.addEventListener('abort', abort);
    // Not spawn's own timeout: that one keeps its timer, and us, alive when there is no such program.
    const { timeoutMs } = options;
    const timer = timeoutMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    const settle = () => {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', abort);
    };
    child.on('error', (cause) => {
      settle();
      reject(new ProgramMissing(`cannot run ${command}`, { cause }));
    });
    child.on('close', (code) => {
      settle();
      if (options.signal?.aborted) reject(options.signal.reason);
      else resolve({ code, stdout, output });
    });
  });
}
