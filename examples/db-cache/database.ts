/** PostgreSQL: the server that `DATABASE_URL` names, or an embedded one in this process's memory. */
import { PGlite } from '@electric-sql/pglite';
import pg from 'pg';

export interface Database {
  query<Row>(sql: string, parameters: unknown[]): Promise<Row[]>;
  /** Several statements at once, without parameters. */
  execute(sql: string): Promise<void>;
  close(): Promise<void>;
}

export async function openDatabase(url = process.env.DATABASE_URL): Promise<Database> {
  return url ? openServer(url) : openEmbedded();
}

function openServer(url: string): Database {
  const pool = new pg.Pool({ connectionString: url, max: 10 });
  return {
    query: async <Row>(sql: string, parameters: unknown[]) =>
      (await pool.query(sql, parameters)).rows as Row[],
    execute: async (sql) => void (await pool.query(sql)),
    close: () => pool.end(),
  };
}

async function openEmbedded(): Promise<Database> {
  const postgres = await PGlite.create();
  return {
    query: async <Row>(sql: string, parameters: unknown[]) =>
      (await postgres.query<Row>(sql, parameters)).rows,
    execute: async (sql) => void (await postgres.exec(sql)),
    close: () => postgres.close(),
  };
}
