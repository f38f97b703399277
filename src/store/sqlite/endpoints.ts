/** The rows of addresses: which cache has them, and which rest after they were given back. */
import type { Endpoint } from '../../model/node.ts';
import { StaleWrite } from '../contract.ts';
import type { Database } from './database.ts';
import { ofTheseCaches } from './nodes.ts';
import { putVersion, readRows, selectFrom, type Table } from './table.ts';

const table: Table<Endpoint> = {
  name: 'endpoint',
  columns: {
    address: 'plain',
    port: 'plain',
    version: 'plain',
    cacheIncarnation: 'plain',
    purpose: 'plain',
    nodeGroupId: 'plain',
    nodeIncarnation: 'plain',
    dnsName: 'plain',
    holder: 'plain',
  },
  key: ['address', 'port'],
  identity: ['cacheIncarnation'],
};
const select = selectFrom(table);

export function putEndpoint(database: Database, row: Endpoint): void {
  if (!putVersion(database, table, row)) throw new StaleWrite(`endpoint ${row.address}:${row.port}`);
}

/** Gives an address back. Nothing happens when that was done before, also if another cache has the address by now. */
export function removeEndpoint(
  database: Database,
  change: { address: string; port: number; restUntil: number; cacheIncarnation?: string },
): void {
  const removed = database.run(
    'DELETE FROM endpoint WHERE address = ? AND port = ? AND cache_incarnation = coalesce(?, cache_incarnation)',
    change.address,
    change.port,
    change.cacheIncarnation ?? null,
  );
  if (removed === 0) return;
  database.run(
    `INSERT INTO resting_address (address, rest_until) VALUES (?, ?)
      ON CONFLICT (address) DO UPDATE SET rest_until = max(rest_until, excluded.rest_until)`,
    change.address,
    change.restUntil,
  );
}

export function readEndpointsOf(database: Database, cacheIncarnations: readonly string[]): Endpoint[] {
  const sql = `${select} WHERE ${ofTheseCaches} ORDER BY address, port`;
  return readRows(database, table, sql, JSON.stringify(cacheIncarnations));
}

export function readEndpointsByName(database: Database, dnsName: string): Endpoint[] {
  return readRows(database, table, `${select} WHERE dns_name = ? ORDER BY address, port`, dnsName);
}

/** Addresses of endpoints and of nodes: a node whose endpoints are gone may still hold its listening socket. */
export function readTakenAddresses(database: Database, now: number): Set<string> {
  const rows = database.all<{ address: string }>(
    `SELECT address FROM endpoint UNION SELECT address FROM node
      UNION SELECT address FROM resting_address WHERE rest_until > ?`,
    now,
  );
  return new Set(rows.map((row) => row.address));
}

export function forgetRests(database: Database, time: number): void {
  database.run('DELETE FROM resting_address WHERE rest_until < ?', time);
}
