/** Resource rows and who refers to whom. */
import {
  type Cache,
  type Resource,
  type ResourceKey,
  type ResourceKind,
  referencesOf,
  type Scope,
} from '../../model/resource.ts';
import { type Page, StaleWrite } from '../contract.ts';
import type { Database } from './database.ts';
import { putVersion, readRow, readRows, selectFrom, type Table } from './table.ts';

const table: Table<Resource> = {
  name: 'resource',
  columns: {
    account: 'plain',
    region: 'plain',
    kind: 'plain',
    id: 'plain',
    incarnation: 'plain',
    version: 'plain',
    status: 'plain',
    tags: 'json',
    desired: 'json',
    observed: 'json',
    createdAt: 'plain',
    updatedAt: 'plain',
  },
  key: ['account', 'region', 'kind', 'id'],
  // A writer that read the `orders` before this one must not write over it, whatever its version is.
  identity: ['incarnation'],
};
const select = selectFrom(table);
const byKey = 'account = ? AND region = ? AND kind = ? AND id = ?';

const keyValues = (key: ResourceKey): [string, string, string, string] => [
  key.account,
  key.region,
  key.kind,
  key.id,
];
const named = (key: ResourceKey): string => `${key.kind} ${key.id} (${key.account}, ${key.region})`;

export function putResource(database: Database, row: Resource): void {
  if (!putVersion(database, table, row)) throw new StaleWrite(named(row));
  const { number } = database.get<{ number: number }>(
    `SELECT number FROM resource WHERE ${byKey}`,
    ...keyValues(row),
  )!;
  database.run('DELETE FROM resource_reference WHERE referrer = ?', number);
  for (const reference of referencesOf(row))
    database.run(
      'INSERT OR IGNORE INTO resource_reference (account, region, kind, id, referrer) VALUES (?, ?, ?, ?, ?)',
      ...[row.account, row.region, reference.kind, reference.id, number],
    );
}

export function removeResource(
  database: Database,
  change: { key: ResourceKey; version: number; incarnation?: string },
): void {
  const removed = database.run(
    `DELETE FROM resource WHERE ${byKey} AND version = ? AND incarnation = coalesce(?, incarnation)`,
    ...keyValues(change.key),
    change.version,
    change.incarnation ?? null,
  );
  if (removed !== 1) throw new StaleWrite(named(change.key));
}

export function requireResource(database: Database, key: ResourceKey): void {
  if (readResource(database, key) === null) throw new StaleWrite(named(key));
}

export function requireNoReferrers(database: Database, key: ResourceKey): void {
  if (readReferrers(database, key, 1).length > 0) throw new StaleWrite(`use of ${named(key)}`);
}

/** The kind in the key is the kind of the row: the compiler cannot see it through the table. */
export function readResource<K extends ResourceKind>(
  database: Database,
  key: ResourceKey<K>,
): Resource<K> | null {
  const row = readRow(database, table, `${select} WHERE ${byKey}`, ...keyValues(key));
  return row as Resource<K> | null;
}

export function readResourceByIncarnation<K extends ResourceKind>(
  database: Database,
  kind: K,
  incarnation: string,
): Resource<K> | null {
  const sql = `${select} WHERE kind = ? AND incarnation = ?`;
  return readRow(database, table, sql, kind, incarnation) as Resource<K> | null;
}

export function readResources(
  database: Database,
  scope: Scope & { readonly kind: ResourceKind; readonly outsideReplicationGroups?: boolean },
  page: Page,
): Resource[] {
  const outside = scope.outsideReplicationGroups ? 'AND replication_group_id IS NULL' : '';
  return readRows(
    database,
    table,
    `${select} WHERE account = ? AND region = ? AND kind = ? AND id > ? ${outside} ORDER BY id LIMIT ?`,
    scope.account,
    scope.region,
    scope.kind,
    page.after ?? '',
    page.limit,
  );
}

export function readWithPendingValues(database: Database): Cache[] {
  const sql = `${select} WHERE kind IN ('replication-group', 'cache-cluster')
    AND json_extract(desired, '$.pending') <> '{}' ORDER BY kind, id LIMIT 1000`;
  return readRows(database, table, sql) as Cache[];
}

export function readWithLogDelivery(database: Database): Cache[] {
  const sql = `${select} WHERE kind IN ('replication-group', 'cache-cluster') AND replication_group_id IS NULL
    AND (json_array_length(desired, '$.logDelivery') > 0 OR json_array_length(observed, '$.logDelivery') > 0)
    ORDER BY kind, id LIMIT 1000`;
  return readRows(database, table, sql) as Cache[];
}

export function countResources(database: Database, scope: Scope & { readonly kind: ResourceKind }): number {
  return database.get<{ count: number }>(
    'SELECT count(*) AS count FROM resource WHERE account = ? AND region = ? AND kind = ?',
    scope.account,
    scope.region,
    scope.kind,
  )!.count;
}

export function readReferrers(database: Database, key: ResourceKey, limit: number): Resource[] {
  return readRows(
    database,
    table,
    `${select} JOIN resource_reference AS reference ON reference.referrer = resource.number
      WHERE reference.account = ? AND reference.region = ? AND reference.kind = ? AND reference.id = ?
      ORDER BY resource.kind, resource.id LIMIT ?`,
    ...keyValues(key),
    limit,
  );
}
