import { spawn } from 'node:child_process';
import { type FileHandle, open, stat } from 'node:fs/promises';

interface FileLock {
  /** Releases the lock. The file stays. */
  release(): Promise<void>;
}

/**
 * Takes an exclusive lock on a file, across processes, made if need be. The kernel drops it when its holder dies,
 * however it dies. Node cannot lock files itself: flock(1) of util-linux (essential on Debian) locks the open file
 * that it inherits from us, so the lock is ours and stays after flock has ended.
 *
 * `onWait` is called once if somebody else holds it. With `wait: false` the answer is null then.
 */
export async function lockFile(
  path: string,
  options: { wait?: boolean; signal?: AbortSignal | undefined; onWait?: () => void } = {},
): Promise<FileLock | null> {
  for (;;) {
    const file = await open(path, 'a', 0o600);
    try {
      if (!(await flock(file, ['--nonblock'], options.signal))) {
        if (options.wait === false) {
          await file.close();
          return null;
        }
        options.onWait?.();
        await flock(file, [], options.signal);
      }
      // Whoever sweeps up may have removed the file between our open and our lock: then nobody else sees this lock.
      if (await isStillAt(path, file)) return { release: () => file.close() };
    } catch (error) {
      await file.close();
      throw error;
    }
    await file.close();
  }
}

async function isStillAt(path: string, file: FileHandle): Promise<boolean> {
  const [ours, there] = await Promise.all([file.stat(), stat(path).catch(() => null)]);
  return there?.ino === ours.ino && there.dev === ours.dev;
}

/** True when locked, false when `--nonblock` found it held. */
function flock(
  file: FileHandle,
  flags: readonly string[],
  signal: AbortSignal | undefined,
): Promise<boolean> {
  signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    const child = spawn('flock', [...flags, '--conflict-exit-code', '75', '3'], {
      stdio: ['ignore', 'ignore', 'ignore', file.fd],
    });
    const abort = () => child.kill('SIGTERM');
    signal?.addEventListener('abort', abort);
    child.on('error', (cause) => reject(new Error('cannot run flock (package util-linux)', { cause })));
    child.on('close', (code) => {
      signal?.removeEventListener('abort', abort);
      if (signal?.aborted) reject(signal.reason);
      else if (code === 0 || code === 75) resolve(code === 0);
      else reject(new Error(`flock ended with exit code ${code}`));
    });
  });
}
