/** A SQLite connection with cached statements, and what its errors mean to callers of the store. */
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { StoreUnavailable } from '../contract.ts';

export type Value = string | number | null;

export interface Database {
  /** Runs one statement; returns how many rows it changed. */
  run(sql: string, ...values: readonly Value[]): number;
  get<Row>(sql: string, ...values: readonly Value[]): Row | undefined;
  all<Row>(sql: string, ...values: readonly Value[]): Row[];
  /** Each row as its values in the order of the select list, for many rows: an object per row takes half as long again. */
  arrays(sql: string, ...values: readonly Value[]): Value[][];
  /** Several statements without values, not cached: pragmas and migrations. */
  execute(sql: string): void;
  /** All of `work` or nothing, on disk when this returns. Not to be nested. */
  transaction<Result>(work: () => Result, beforeCommit?: () => void): Result;
  /** Moves the log into the file. Safe to call again. */
  close(): void;
}

/** SQLite's result codes that we tell apart (sqlite.org/rescode.html). */
const primary = { corrupt: 11, full: 13, constraint: 19, notADatabase: 26, error: 1 } as const;
const extended = { writeFailed: 778, sharedMemorySize: 4874 } as const;

/**
 * `timeoutMs` is how long a foreign process (somebody's `sqlite3` shell) may hold the writer before we give up;
 * it is short because the wait blocks the event loop.
 */
export function connect(path: string, options: { readOnly: boolean; timeoutMs: number }): Database {
  const connection = new DatabaseSync(path, { readOnly: options.readOnly, timeout: options.timeoutMs });
  const statements = new Map<string, StatementSync>();
  const prepared = (sql: string, returnsArrays = false): StatementSync => {
    let statement = statements.get(sql);
    if (statement === undefined) {
      statement = connection.prepare(sql);
      statements.set(sql, statement);
    }
    statement.setReturnArrays(returnsArrays);
    return statement;
  };

  return {
    run: (sql, ...values) => Number(prepared(sql).run(...values).changes),
    get: <Row>(sql: string, ...values: readonly Value[]) => prepared(sql).get(...values) as Row | undefined,
    all: <Row>(sql: string, ...values: readonly Value[]) => prepared(sql).all(...values) as Row[],
    arrays: (sql, ...values) => prepared(sql, true).all(...values) as unknown as Value[][],
    execute: (sql) => connection.exec(sql),
    transaction: (work, beforeCommit) => {
      connection.exec('BEGIN IMMEDIATE');
      try {
        const result = work();
        beforeCommit?.();
        connection.exec('COMMIT');
        return result;
      } catch (error) {
        // SQLite rolls back by itself on some errors (a full disk among them), on others it does not.
        if (connection.isTransaction) connection.exec('ROLLBACK');
        throw error;
      }
    },
    close: () => {
      if (connection.isOpen) connection.close();
    },
  };
}

/** The extended result code; undefined when SQLite did not throw this. */
export function sqliteCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('code' in error) || error.code !== 'ERR_SQLITE_ERROR') return undefined;
  return 'errcode' in error ? Number(error.errcode) : undefined;
}

/**
 * True when there was no room to write. An exceeded quota (EDQUOT) comes as a plain failed write, therefore that counts
 * too; a failed fsync does not, because after it nobody knows what is on disk and a retry would hide that.
 */
export function isOutOfRoom(error: unknown): boolean {
  const code = sqliteCode(error);
  if (code === undefined) return false;
  return (
    (code & 0xff) === primary.full || code === extended.writeFailed || code === extended.sharedMemorySize
  );
}

/** True when the file is no SQLite file, or its pages contradict each other. */
export function isDamage(error: unknown): boolean {
  const code = (sqliteCode(error) ?? 0) & 0xff;
  return code === primary.corrupt || code === primary.notADatabase;
}

/**
 * What a caller of the store sees: `StoreUnavailable` when the file or disk failed; our own mistakes (wrong SQL,
 * a broken constraint) and everything else stay what they are. Texts of SQLite hold no values of rows.
 */
export function asStoreError(error: unknown, path: string): unknown {
  const code = sqliteCode(error);
  if (!(error instanceof Error)) return error;
  if ('syscall' in error)
    return new StoreUnavailable(`state file ${path}: ${error.message}: check its disk and permissions`, {
      cause: error,
    });
  if (code === undefined) return error;
  if ((code & 0xff) === primary.constraint || (code & 0xff) === primary.error) return error;
  const advice = isOutOfRoom(error)
    ? 'make room on its disk; nothing of this change was written'
    : isDamage(error)
      ? 'stop Limber (caches go on) and put a good copy in its place'
      : 'check its disk and permissions';
  return new StoreUnavailable(`state file ${path}: ${error.message} (SQLite ${code}): ${advice}`, {
    cause: error,
  });
}
