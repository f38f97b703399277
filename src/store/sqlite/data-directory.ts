/** The data directory and the files that the store keeps in it. Only their owner may read them. */
import { chmodSync, closeSync, existsSync, mkdirSync, openSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Log } from '../../platform/log.ts';
import { StoreUnavailable } from '../contract.ts';

export interface StatePaths {
  readonly directory: string;
  readonly database: string;
  /** The file that the Limber that runs here holds locked; always empty. */
  readonly lock: string;
  /** The file with the pid of the Limber that holds the lock, for people only. Why it is another file: `directory-lock.ts`. */
  readonly holder: string;
  readonly ballast: string;
  readonly generation: string;
}

export function statePaths(directory: string): StatePaths {
  const database = join(directory, 'state.db');
  return {
    directory,
    database,
    lock: join(directory, 'state.lock'),
    holder: join(directory, 'state.holder'),
    ballast: join(directory, 'state.ballast'),
    generation: join(directory, 'state.generation'),
  };
}

/** Makes the directory and closes it to others (0700). Throws `StoreUnavailable` when it cannot be used. */
export function prepareDirectory(paths: StatePaths, log: Log): void {
  try {
    if (!existsSync(paths.directory)) mkdirSync(paths.directory, { recursive: true, mode: 0o700 });
    const openToOthers = (statSync(paths.directory).mode & 0o077) !== 0;
    if (!openToOthers) return;
    // Somebody may have said `--data /tmp`: never close a directory that holds other people's things.
    const ours = existsSync(paths.database) || readdirSync(paths.directory).length === 0;
    if (ours) chmodSync(paths.directory, 0o700);
    else log.warn('others may list the data directory', { directory: paths.directory, advice: 'chmod 700' });
  } catch (error) {
    throw new StoreUnavailable(
      `data directory ${paths.directory} cannot be used: ${(error as Error).message}`,
      {
        cause: error,
      },
    );
  }
}

/**
 * Creates the file empty, or narrows its mode, to 0600. An existing file is never opened here: closing it again
 * would drop every lock that this process holds on it (fcntl locks belong to the process, not to the descriptor).
 */
export function makePrivate(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    if ((statSync(path).mode & 0o077) !== 0) chmodSync(path, 0o600);
  }
}
