import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const limber = fileURLToPath(new URL('../../bin/limber', import.meta.url));

/** A user without rights, where we are root and such a user can read this checkout; else null: run as ourselves. */
export const unprivileged = (() => {
  const user = { uid: 65534, gid: 65534 };
  if (process.getuid?.() !== 0) return null;
  return spawnSync(limber, ['version'], user).status === 0 ? user : null;
})();

const scratchFolders: string[] = [];
process.on('exit', () => {
  for (const folder of scratchFolders) rmSync(folder, { recursive: true, force: true });
});

/** An empty folder that the unprivileged user may write to, gone at the end of the test file. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'limber-engines-'));
  chmodSync(folder, 0o777);
  scratchFolders.push(folder);
  return folder;
}

export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly finished: Promise<Finished>;
}

/** Runs a program with some variables changed, to its end or until the test ends it. */
export function start(
  command: string,
  args: readonly string[],
  options: { env?: Record<string, string>; user?: { uid: number; gid: number } | null; cwd?: string } = {},
): Running {
  const { env = {}, user, cwd } = options;
  const child = spawn(command, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(user ?? {}),
    ...(cwd === undefined ? {} : { cwd }),
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (text) => (stdout += text));
  child.stderr.on('data', (text) => (stderr += text));
  const finished = new Promise<Finished>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  return { child, finished };
}

/** Asks every 5 ms until the answer is true; throws with `what` after the deadline. */
export async function eventually(what: string, isTrue: () => boolean, deadlineMs = 60_000): Promise<void> {
  const endMs = Date.now() + deadlineMs;
  while (!isTrue()) {
    if (Date.now() > endMs) throw new Error(`did not happen within ${deadlineMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
