/**
 * Notices that an older copy of the state file has been put back (or that it was deleted). The file holds a
 * generation that grows with each opening and each minute with writes; `state.generation` beside it holds the
 * highest one that was seen. A state file with a lower number is an older copy.
 *
 * Not noticed: a copy of the same minute of the same run, and a copy of the whole directory, which takes the
 * number back too.
 */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import type { Clock } from '../../platform/clock.ts';
import type { Log } from '../../platform/log.ts';
import type { Database } from './database.ts';

const intervalMs = 60_000;

export interface Generation {
  /** True until `accept`, also at later openings: whoever cleans up after it may be killed in the middle. */
  isOlderCopy(): boolean;
  /** To be called inside a transaction. Gives the new generation when one is due, else null. */
  advance(): number | null;
  /** To be called after that transaction was committed. Never throws. */
  remember(generation: number): void;
  /** To be called inside a transaction. Gives the number after the highest generation that was ever seen. */
  accept(): number;
}

export function createGeneration(database: Database, path: string, clock: Clock, log: Log): Generation {
  const seen = readGeneration(path, log);
  let olderCopy = (storedGeneration(database) ?? 0) < seen;
  let advancedAt = Number.NEGATIVE_INFINITY;
  if (olderCopy)
    log.error('the state file is older than the last one used here: was a copy put back?', {
      generation: storedGeneration(database),
      expected: seen,
    });

  return {
    isOlderCopy: () => olderCopy,
    advance: () => {
      if (olderCopy || clock.monotonic() - advancedAt < intervalMs) return null;
      return increase(database, 0);
    },
    remember: (generation) => {
      olderCopy = false;
      advancedAt = clock.monotonic();
      try {
        writeGeneration(path, generation);
      } catch (error) {
        log.warn('cannot note the generation of the state file', { path, error });
      }
    },
    accept: () => increase(database, seen),
  };
}

function storedGeneration(database: Database): number | undefined {
  return database.get<{ generation: number }>('SELECT generation FROM state_file')?.generation;
}

function increase(database: Database, atLeast: number): number {
  const row = database.get<{ generation: number }>(
    'UPDATE state_file SET generation = max(generation, ?) + 1 RETURNING generation',
    atLeast,
  );
  if (row === undefined) throw new Error('the table state_file has lost its only row');
  return row.generation;
}

function readGeneration(path: string, log: Log): number {
  try {
    const generation = Number(readFileSync(path, 'utf8'));
    if (Number.isSafeInteger(generation)) return generation;
    log.warn('the noted generation of the state file is not a number: an older copy would go unnoticed', {
      path,
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      log.warn('cannot read the noted generation of the state file', { path, error });
  }
  return 0;
}

function writeGeneration(path: string, generation: number): void {
  const next = `${path}.next`;
  try {
    const file = openSync(next, 'w', 0o600);
    try {
      writeSync(file, `${generation}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(next, path);
  } catch (error) {
    rmSync(next, { force: true });
    throw error;
  }
}
