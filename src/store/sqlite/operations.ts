/** Operation rows. */
import type { Operation } from '../../model/operation.ts';
import { StaleWrite } from '../contract.ts';
import type { Database } from './database.ts';
import { putVersion, readRow, readRows, selectFrom, type Table } from './table.ts';

const table: Table<Operation> = {
  name: 'operation',
  columns: {
    id: 'plain',
    version: 'plain',
    account: 'plain',
    region: 'plain',
    kind: 'plain',
    lock: 'plain',
    input: 'json',
    state: 'json',
    status: 'plain',
    attempts: 'plain',
    lastError: 'plain',
    workedMs: 'plain',
    sentence: 'plain',
    createdAt: 'plain',
    updatedAt: 'plain',
  },
  key: ['id'],
};
const select = selectFrom(table);
// These are letter by letter the conditions of the partial indexes; SQLite does not use the indexes otherwise.
const open = "status IN ('queued', 'running')";
const ended = "status IN ('finished', 'failed')";

export function putOperation(database: Database, row: Operation): void {
  if (!putVersion(database, table, row)) throw new StaleWrite(`operation ${row.id}`);
}

export function readOperation(database: Database, id: string): Operation | null {
  return readRow(database, table, `${select} WHERE id = ?`, id);
}

export function readOpenOperations(database: Database): Operation[] {
  return readRows(database, table, `${select} WHERE ${open} ORDER BY id`);
}

export function readEndedOperations(database: Database, lock: string, limit: number): Operation[] {
  const sql = `${select} WHERE lock = ? AND ${ended} ORDER BY id DESC LIMIT ?`;
  return readRows(database, table, sql, lock, limit);
}

/** Deletes up to `limit` operations that ended before `time`; returns how many. */
export function forgetOperations(database: Database, time: number, limit: number): number {
  return database.run(
    `DELETE FROM operation WHERE id IN
      (SELECT id FROM operation WHERE ${ended} AND updated_at < ? ORDER BY updated_at LIMIT ?)`,
    time,
    limit,
  );
}
