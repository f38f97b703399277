/** The rows of addresses: which cache has them, and which rest after they were given back. */
import type { Endpoint } from '../../model/node.ts';
import { StaleWrite } from '../contract.ts';
import type { Database } from './database.ts';
import { ofTheseCaches } from './nodes.ts';
import { readRows, selectFrom, type Table } from './table.ts';

const table: Table<Endpoint> = {
  name: 'endpoint',
  columns: {
    address: 'plain',
    port: 'plain',
    cacheIncarnation: 'plain',
    purpose: 'plain',
    nodeGroupId: 'plain',
    nodeIncarnation: 'plain',
    dnsName: 'plain',
    holder: 'plain',
  },
  key: ['address', 'port'],
};
const select = selectFrom(table);

export function putEndpoint(database: Database, row: Endpoint): void {
  const written = database.run(
    `INSERT INTO endpoint
      (address, port, cache_incarnation, purpose, node_group_id, node_incarnation, dns_name, holder)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT (address, port) DO UPDATE SET
        purpose = excluded.purpose, node_group_id = excluded.node_group_id,
        node_incarnation = excluded.node_incarnation, dns_name = excluded.dns_name, holder = excluded.holder
      WHERE endpoint.cache_incarnation = excluded.cache_incarnation`,
    ...[row.address, row.port, row.cacheIncarnation, row.purpose],
    ...[row.nodeGroupId, row.nodeIncarnation, row.dnsName, row.holder],
  );
  if (written !== 1) throw new StaleWrite(`owner of ${row.address}:${row.port}`);
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
