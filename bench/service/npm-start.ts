/** `npm start` as a user types it, in a directory where everything is set up. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { askHealth, readStartRecord } from '../../src/cli/start-record.ts';
import { eventually } from '../../test/support/eventually.ts';
import { cleanEnvironment } from '../../test/support/limber.ts';
import { claimScratch } from '../../test/support/scratch.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Milliseconds until the API is healthy. */
export async function timeNpmStart(): Promise<number> {
  const scratch = await claimScratch();
  const options = ['--port', '0', '--data', scratch.dataDirectory, '--pool', scratch.pool];
  const startedAt = performance.now();
  const child = spawn('npm', ['start', '--silent', '--', ...options], {
    cwd: root,
    env: cleanEnvironment(),
    stdio: 'ignore',
  });
  const ended = once(child, 'exit');
  try {
    await eventually(
      async () => {
        const record = await readStartRecord(scratch.dataDirectory).catch(() => null);
        return record !== null && (await askHealth(record.port)) === record.pid;
      },
      { deadlineMs: 60_000 },
    );
    return performance.now() - startedAt;
  } finally {
    child.kill('SIGTERM');
    await ended;
    await scratch.release();
  }
}
