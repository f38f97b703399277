/** Opens the state file: looks at it first without changing a byte, then with the settings of a durable store. */
import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs';
import type { Log } from '../../platform/log.ts';
import { StoreUnavailable } from '../contract.ts';
import { makePrivate } from './data-directory.ts';
import { connect, type Database, isDamage } from './database.ts';
import { checkSchema, migrate, readMigrations } from './migrate.ts';

const fileHeader = 'SQLite format 3\0';
const foreignWriterTimeoutMs = 250;

/** The caller holds the directory's lock. `pageCountMax` bounds the file (pages of 4096 bytes). */
export function openDatabase(path: string, log: Log, pageCountMax?: number): Database {
  const migrations = readMigrations();
  inspect(path, migrations.length);
  for (const name of [path, ...[`${path}-wal`, `${path}-shm`].filter(existsSync)]) makePrivate(name);
  const database = connect(path, { readOnly: false, timeoutMs: foreignWriterTimeoutMs });
  try {
    const { journal_mode } = database.get<{ journal_mode: string }>('PRAGMA journal_mode = WAL')!;
    if (journal_mode !== 'wal')
      throw new StoreUnavailable(
        `the file system of ${path} has no shared memory for a write-ahead log: choose another data directory`,
      );
    // FULL: a commit that was answered survives a power cut. FAST: freed secrets are zeroed where that costs no
    // extra write. MEMORY: sorting needs no room on a full disk.
    database.execute('PRAGMA synchronous = FULL; PRAGMA secure_delete = FAST; PRAGMA temp_store = MEMORY');
    if (pageCountMax !== undefined) database.execute(`PRAGMA max_page_count = ${pageCountMax}`);
    migrate(database, migrations, log);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/**
 * Throws `StoreUnavailable` when the file is damaged, newer than we are, or not ours. Read-only on purpose: an
 * ordinary connection would move the log into the damaged file when it is closed.
 */
function inspect(path: string, newestSchema: number): void {
  if (sizeOf(path) === 0) {
    // SQLite would delete the log of a file that is empty: it may be all that is left of the state.
    if (sizeOf(`${path}-wal`) > 0) throw damaged(path, `it is empty, but its log ${path}-wal is not`);
    return;
  }
  if (headerOf(path) !== fileHeader) throw damaged(path, 'it does not begin like a SQLite file');
  let database: Database | undefined;
  try {
    database = connect(path, { readOnly: true, timeoutMs: foreignWriterTimeoutMs });
    checkSchema(database, path, newestSchema);
    const { quick_check } = database.get<{ quick_check: string }>('PRAGMA quick_check(1)')!;
    if (quick_check !== 'ok') throw damaged(path, quick_check.replaceAll('\n', ' '));
  } catch (error) {
    if (isDamage(error)) throw damaged(path, (error as Error).message, error);
    throw error;
  } finally {
    database?.close();
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function headerOf(path: string): string {
  const file = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(fileHeader.length);
    const length = readSync(file, bytes, 0, bytes.length, 0);
    return bytes.toString('latin1', 0, length);
  } finally {
    closeSync(file);
  }
}

function damaged(path: string, finding: string, cause?: unknown): StoreUnavailable {
  return new StoreUnavailable(
    `state file ${path} is damaged: ${finding}. Limber has changed neither it nor any cache. Put a good copy in ` +
      `its place and remove ${path}-wal and ${path}-shm, or move all three away to begin with an empty state`,
    { cause },
  );
}
