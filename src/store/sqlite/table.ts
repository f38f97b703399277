/** Turns rows of the model into rows of a table and back; the only way to write a row that has a version. */
import type { Database, Value } from './database.ts';

/** `json`: stored as text. `boolean`: 0 or 1. */
type Encoding = 'plain' | 'json' | 'boolean';

export interface Table<Row> {
  readonly name: string;
  /** Property of the model (camelCase) → encoding; the column is the same name in snake_case. */
  readonly columns: Readonly<Record<keyof Row & string, Encoding>>;
  /** Columns that name a row. */
  readonly key: readonly (keyof Row & string)[];
  /** Columns that never change while a row lives: a put that differs meets another row of the same key. */
  readonly identity?: readonly (keyof Row & string)[];
}

const columnOf = (property: string): string =>
  property.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const propertiesOf = <Row>(table: Table<Row>) => Object.keys(table.columns) as (keyof Row & string)[];

/** `SELECT` of every column, for `readRows` and `readRow`. */
export function selectFrom<Row>(table: Table<Row>): string {
  const columns = propertiesOf(table).map((property) => `${table.name}.${columnOf(property)}`);
  return `SELECT ${columns.join(', ')} FROM ${table.name}`;
}

/** `sql` begins with the table's `selectFrom`. */
export function readRows<Row>(
  database: Database,
  table: Table<Row>,
  sql: string,
  ...values: readonly Value[]
): Row[] {
  const columns = Object.entries<Encoding>(table.columns);
  return database.arrays(sql, ...values).map((given) => {
    const row: Record<string, unknown> = {};
    let index = 0;
    for (const [property, encoding] of columns) row[property] = decoded(encoding, given[index++]);
    return row as Row;
  });
}

/** The first row; null when there is none. */
export function readRow<Row>(
  database: Database,
  table: Table<Row>,
  sql: string,
  ...values: readonly Value[]
): Row | null {
  return readRows(database, table, sql, ...values)[0] ?? null;
}

function decoded(encoding: Encoding, value: Value | undefined): unknown {
  if (encoding === 'json') return JSON.parse(String(value));
  return encoding === 'boolean' ? value === 1 : value;
}

function encoded(encoding: Encoding, value: unknown): Value {
  if (encoding === 'json') return JSON.stringify(value) ?? 'null';
  return encoding === 'boolean' ? Number(value) : (value as Value);
}

function valuesOf<Row>(table: Table<Row>, row: Row, properties: readonly (keyof Row & string)[]): Value[] {
  return properties.map((property) => encoded(table.columns[property], row[property]));
}

interface Statements {
  readonly insert: string;
  readonly update: string;
}
const statements = new WeakMap<object, Statements>();

function statementsOf<Row>(table: Table<Row>): Statements {
  const known = statements.get(table);
  if (known !== undefined) return known;
  const columns = propertiesOf(table).map(columnOf);
  const key = table.key.map(columnOf);
  const matched = [...key, ...(table.identity ?? []).map(columnOf)].map((column) => `${column} = ?`);
  const made = {
    insert: `INSERT INTO ${table.name} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})
      ON CONFLICT (${key.join(', ')}) DO NOTHING`,
    update: `UPDATE ${table.name} SET ${columns.map((column) => `${column} = ?`).join(', ')}
      WHERE ${matched.join(' AND ')} AND version = ?`,
  };
  statements.set(table, made);
  return made;
}

/** Writes version 1 as a new row, any other over the version before it. When the stored row is another: false, and nothing is written. */
export function putVersion<Row extends { readonly version: number }>(
  database: Database,
  table: Table<Row>,
  row: Row,
): boolean {
  const all = valuesOf(table, row, propertiesOf(table));
  const { insert, update } = statementsOf(table);
  if (row.version === 1) return database.run(insert, ...all) === 1;
  const matched = valuesOf(table, row, [...table.key, ...(table.identity ?? [])]);
  return database.run(update, ...all, ...matched, row.version - 1) === 1;
}
