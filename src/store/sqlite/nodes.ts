/** Cache nodes and node groups. */
import type { CacheNode, NodeGroup } from '../../model/node.ts';
import type { Scope } from '../../model/resource.ts';
import { type Page, StaleWrite } from '../contract.ts';
import type { Database } from './database.ts';
import { putVersion, readRow, readRows, selectFrom, type Table } from './table.ts';

const nodes: Table<CacheNode> = {
  name: 'node',
  columns: {
    incarnation: 'plain',
    version: 'plain',
    account: 'plain',
    region: 'plain',
    cacheIncarnation: 'plain',
    cacheClusterId: 'plain',
    cacheNodeId: 'plain',
    replicationGroupId: 'plain',
    nodeGroupId: 'plain',
    engine: 'plain',
    availabilityZone: 'plain',
    host: 'plain',
    address: 'plain',
    port: 'plain',
    tls: 'boolean',
    status: 'plain',
    intent: 'plain',
    role: 'plain',
    synced: 'boolean',
    handle: 'json',
    target: 'json',
    started: 'json',
    applied: 'json',
    createdAt: 'plain',
  },
  key: ['incarnation'],
};
const nodeGroups: Table<NodeGroup> = {
  name: 'node_group',
  columns: {
    cacheIncarnation: 'plain',
    nodeGroupId: 'plain',
    version: 'plain',
    status: 'plain',
    isFormed: 'boolean',
    slots: 'plain',
    currentPrimary: 'plain',
    targetPrimary: 'plain',
  },
  key: ['cacheIncarnation', 'nodeGroupId'],
};
const selectNode = selectFrom(nodes);
const selectNodeGroup = selectFrom(nodeGroups);
/** One parameter for a list of any length, so that one prepared statement serves all. */
export const ofTheseCaches = 'cache_incarnation IN (SELECT value FROM json_each(?))';

export function putNode(database: Database, row: CacheNode): void {
  if (!putVersion(database, nodes, row)) throw new StaleWrite(`node ${row.incarnation}`);
}

export function removeNode(database: Database, incarnation: string): void {
  database.run('DELETE FROM node WHERE incarnation = ?', incarnation);
}

export function requireNode(
  database: Database,
  { incarnation, version }: { readonly incarnation: string; readonly version: number },
): void {
  if (readNode(database, incarnation)?.version !== version) throw new StaleWrite(`node ${incarnation}`);
}

export function putNodeGroup(database: Database, row: NodeGroup): void {
  if (putVersion(database, nodeGroups, row)) return;
  throw new StaleWrite(`node group ${row.nodeGroupId} of ${row.cacheIncarnation}`);
}

export function removeNodeGroup(
  database: Database,
  { cacheIncarnation, nodeGroupId }: { cacheIncarnation: string; nodeGroupId: string },
): void {
  database.run(
    'DELETE FROM node_group WHERE cache_incarnation = ? AND node_group_id = ?',
    cacheIncarnation,
    nodeGroupId,
  );
}

export function readNode(database: Database, incarnation: string): CacheNode | null {
  return readRow(database, nodes, `${selectNode} WHERE incarnation = ?`, incarnation);
}

/** The nodes of these caches; of one shard only, when a node group is named. */
export function readNodesOf(
  database: Database,
  cacheIncarnations: readonly string[],
  nodeGroupId?: string,
): CacheNode[] {
  const ofShard = nodeGroupId === undefined ? '' : ' AND node_group_id = ?';
  return readRows(
    database,
    nodes,
    `${selectNode} WHERE ${ofTheseCaches}${ofShard} ORDER BY cache_cluster_id, cache_node_id, incarnation`,
    JSON.stringify(cacheIncarnations),
    ...(nodeGroupId === undefined ? [] : [nodeGroupId]),
  );
}

export function readNodesOnHost(database: Database, host: string, page: Page): CacheNode[] {
  return readRows(
    database,
    nodes,
    `${selectNode} WHERE host = ? AND incarnation > ? ORDER BY incarnation LIMIT ?`,
    host,
    page.after ?? '',
    page.limit,
  );
}

export function countNodes(database: Database, scope: Scope): number {
  return database.get<{ count: number }>(
    'SELECT count(*) AS count FROM node WHERE account = ? AND region = ?',
    scope.account,
    scope.region,
  )!.count;
}

export function readNodeGroup(
  database: Database,
  cacheIncarnation: string,
  nodeGroupId: string,
): NodeGroup | null {
  const sql = `${selectNodeGroup} WHERE cache_incarnation = ? AND node_group_id = ?`;
  return readRow(database, nodeGroups, sql, cacheIncarnation, nodeGroupId);
}

export function readNodeGroupsOf(database: Database, cacheIncarnations: readonly string[]): NodeGroup[] {
  const sql = `${selectNodeGroup} WHERE ${ofTheseCaches} ORDER BY node_group_id, cache_incarnation`;
  return readRows(database, nodeGroups, sql, JSON.stringify(cacheIncarnations));
}
