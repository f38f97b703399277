/**
 * The schema: numbered SQL files in `migrations/`, applied in order, each in a transaction of its own.
 * `user_version` of the file says how many it has; `application_id` that it is ours.
 */
import { readdirSync, readFileSync } from 'node:fs';
import type { Log } from '../../platform/log.ts';
import { StoreUnavailable } from '../contract.ts';
import type { Database } from './database.ts';

/** `Limb`, as a big-endian number in the file's header. */
export const applicationId = 0x4c696d62;

interface Migration {
  readonly number: number;
  readonly name: string;
  readonly sql: string;
}

export function readMigrations(
  directory: URL = new URL('migrations/', import.meta.url),
): readonly Migration[] {
  const names = readdirSync(directory)
    .filter((name) => name.endsWith('.sql'))
    .sort();
  return names.map((name, index) => {
    const number = Number(name.slice(0, 4));
    if (number !== index + 1)
      throw new Error(`migration ${name} stands where number ${index + 1} was expected`);
    return { number, name, sql: readFileSync(new URL(name, directory), 'utf8') };
  });
}

function schemaVersion(database: Database): number {
  return database.get<{ user_version: number }>('PRAGMA user_version')!.user_version;
}

/** Throws `StoreUnavailable` when the file was written by a newer Limber, or by another program. */
export function checkSchema(database: Database, path: string, newest: number): void {
  const version = schemaVersion(database);
  const id = database.get<{ application_id: number }>('PRAGMA application_id')!.application_id;
  const tables = database.get<{ count: number }>('SELECT count(*) AS count FROM sqlite_schema')!.count;
  if (id !== applicationId && (id !== 0 || tables > 0))
    throw new StoreUnavailable(
      `${path} is a SQLite file, but not one of Limber's: choose another data directory. Nothing was changed`,
    );
  if (version > newest)
    throw new StoreUnavailable(
      `state file ${path} has schema ${version}, this Limber knows schemas up to ${newest}: ` +
        'run the newer Limber that wrote it, or put back a copy from before the upgrade. Nothing was changed',
    );
}

/** Applies the migrations that the file lacks. After a death in between, the next opening goes on with the first one missing. */
export function migrate(database: Database, migrations: readonly Migration[], log: Log): void {
  for (const { number, name, sql } of migrations.slice(schemaVersion(database))) {
    database.transaction(() => {
      database.execute(sql);
      database.execute(`PRAGMA user_version = ${number}; PRAGMA application_id = ${applicationId}`);
    });
    log.info('state file migrated', { migration: name });
  }
}
