/**
 * What must hold whenever Limber has come to rest, looked at from outside: rows of the state file, processes by their
 * marks, directories, and who listens where.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { LimberStatus } from '../../src/cli/admin-client.ts';
import type { NodeHandle } from '../../src/model/node.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { createProcessRuntime } from '../../src/runtime/process/process-runtime.ts';
import { engineAt } from '../e2e/faults.ts';
import { eventually } from '../support/eventually.ts';
import type { Limber } from '../support/limber.ts';

export interface NodeRow {
  readonly incarnation: string;
  readonly cache: string;
  readonly id: string;
  readonly shard: string | null;
  readonly engine: string;
  readonly address: string;
  readonly port: number;
  readonly intent: string;
  readonly role: string | null;
  readonly synced: boolean;
  readonly handle: NodeHandle | null;
}

export interface EndpointRow {
  readonly address: string;
  readonly port: number;
  readonly cache: string;
  readonly purpose: string;
  readonly node: string | null;
  readonly holder: string | null;
}

export interface Rows {
  /** Incarnation → id of whatever owns nodes or belongs to one that does. */
  readonly caches: ReadonlyMap<string, string>;
  /** Cache cluster id → its status. */
  readonly statuses: ReadonlyMap<string, string>;
  readonly nodes: readonly NodeRow[];
  readonly endpoints: readonly EndpointRow[];
  /** Kind and sentence of what is queued or running. */
  readonly openOperations: readonly string[];
}

/** Read beside Limber, or without one. */
export function readRows({ dataDirectory }: Pick<Limber, 'dataDirectory'>): Rows {
  const database = new DatabaseSync(join(dataDirectory, 'state.db'), { readOnly: true, timeout: 2_000 });
  try {
    const all = <T>(sql: string) => database.prepare(sql).all() as unknown as T[];
    const nodes = all<Omit<NodeRow, 'synced' | 'handle'> & { synced: number; handle: string }>(
      `SELECT incarnation, cache_incarnation AS cache, cache_cluster_id AS id, node_group_id AS shard, engine, address,
        port, intent, role, synced, handle FROM node`,
    );
    return {
      caches: new Map(
        all<{ incarnation: string; id: string }>(
          `SELECT incarnation, id FROM resource WHERE kind IN ('replication-group', 'cache-cluster')`,
        ).map(({ incarnation, id }) => [incarnation, id]),
      ),
      statuses: new Map(
        all<{ id: string; status: string }>(
          `SELECT id, status FROM resource WHERE kind = 'cache-cluster'`,
        ).map(({ id, status }) => [id, status]),
      ),
      nodes: nodes.map((row) => ({
        ...row,
        synced: row.synced === 1,
        handle: JSON.parse(row.handle) as NodeHandle | null,
      })),
      endpoints: all<EndpointRow>(
        'SELECT address, port, cache_incarnation AS cache, purpose, node_incarnation AS node, holder FROM endpoint',
      ),
      openOperations: all<{ kind: string; sentence: string }>(
        `SELECT kind, sentence FROM operation WHERE status IN ('queued', 'running')`,
      ).map(({ kind, sentence }) => `${kind}: ${sentence}`),
    };
  } finally {
    database.close();
  }
}

export const runtimeOf = ({ dataDirectory }: Pick<Limber, 'dataDirectory'>) =>
  createProcessRuntime({ dataDirectory, clock: systemClock, log: silentLog });

/** Resolves when no operation is open, and every shard and cache is as it should be (deleted, failed or available). */
export function atRest(limber: Limber, deadlineMs = 30_000): Promise<LimberStatus> {
  return eventually(
    async (see) => {
      const { openOperations } = readRows(limber);
      if (see(openOperations).length > 0) return null;
      const status = await limber.status();
      const busy = status.caches.filter((cache) => !['available', 'create-failed'].includes(cache.status));
      if (see(busy.map(({ id, status: word, sentence }) => ({ id, word, sentence }))).length > 0) return null;
      return see(status.shards.filter((shard) => !shard.isSettled)).length === 0 ? status : null;
    },
    { deadlineMs, intervalMs: 20 },
  );
}

/** Everything that is there and belongs to nobody, or is missing; empty when all is well. */
export async function leftovers(limber: Limber): Promise<readonly string[]> {
  const rows = readRows(limber);
  const runtime = runtimeOf(limber);
  const [processes, directories] = await Promise.all([runtime.findProcesses(), runtime.findDirectories()]);
  const nodes = new Map(rows.nodes.map((node) => [node.incarnation, node]));
  const problems = (await limber.status()).findings
    // A stranger on a cluster bus is spoken of for a minute after it has gone.
    .filter((finding) => !finding.endsWith('is kept out'))
    .map((finding) => `a finding: ${finding}`);
  for (const [incarnation, handles] of processes) {
    const node = nodes.get(incarnation);
    const pids = handles.map(({ pid }) => pid);
    if (!node) problems.push(`process ${pids} of node ${incarnation} belongs to no recorded node`);
    else if (node.intent !== 'running')
      problems.push(`process ${pids} of ${node.id}, which is ${node.intent}`);
    else if (pids.length !== 1 || pids[0] !== node.handle?.pid)
      problems.push(`${node.id} has the processes ${pids}, recorded is ${node.handle?.pid}`);
  }
  for (const { incarnation, id, intent, cache } of rows.nodes) {
    if (intent === 'running' && !processes.has(incarnation)) problems.push(`${id} has no process`);
    if (intent !== 'running' && intent !== 'stopped') problems.push(`${id} is still ${intent}`);
    if (!rows.caches.has(cache)) problems.push(`node ${id} belongs to no cache`);
  }
  for (const directory of directories)
    if (!nodes.has(directory)) problems.push(`directory ${directory} belongs to no recorded node`);
  return [...problems, ...(await endpointProblems(rows, limber.pool))];
}

async function endpointProblems(rows: Rows, pool: string): Promise<string[]> {
  const problems: string[] = [];
  const listening = listeners(pool);
  const nodes = new Map(rows.nodes.map((node) => [node.incarnation, node]));
  const known = new Set(rows.endpoints.map(({ address }) => address));
  for (const [address, count] of listening) {
    if (!known.has(address.split(':')[0] ?? ''))
      problems.push(`${address} is listened on and belongs to nobody`);
    if (count !== 1) problems.push(`${address} is listened on ${count} times`);
  }
  for (const endpoint of rows.endpoints) {
    const where = `${endpoint.address}:${endpoint.port}`;
    if (!rows.caches.has(endpoint.cache)) problems.push(`the endpoint ${where} belongs to no cache`);
    if (endpoint.purpose === 'node') {
      if (!endpoint.node || !nodes.has(endpoint.node))
        problems.push(`the endpoint ${where} belongs to no node`);
      continue;
    }
    const own = rows.nodes.filter((node) => node.cache === endpoint.cache);
    if (own.length === 0 || own.every((node) => node.intent === 'stopped')) continue;
    if (!listening.has(where)) problems.push(`nobody listens on the ${endpoint.purpose} endpoint ${where}`);
    else if (own[0]!.engine !== 'memcached') problems.push(...(await holderProblems(endpoint, nodes)));
  }
  return problems;
}

/** The engine behind a moving endpoint is the recorded holder, and leads when it must. */
async function holderProblems(endpoint: EndpointRow, nodes: ReadonlyMap<string, NodeRow>): Promise<string[]> {
  const engine = await engineAt(endpoint);
  const holder = nodes.get(endpoint.holder ?? '');
  const what = `the ${endpoint.purpose} endpoint ${endpoint.address}:${endpoint.port}`;
  if (engine.pid !== holder?.handle?.pid)
    return [`${what} leads to ${engine.pid}, recorded is ${holder?.id}`];
  if (endpoint.purpose === 'primary' && engine.role !== 'primary')
    return [`${what} leads to a ${engine.role}`];
  return [];
}

/** Listening sockets on addresses of the pool, `address:port` → how many. Bus ports of cluster nodes are among them. */
function listeners(pool: string): Map<string, number> {
  const [base = '', bits = '32'] = pool.split('/');
  const numberOf = (address: string) => address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  const [first, size] = [numberOf(base), 2 ** (32 - Number(bits))];
  const found = new Map<string, number>();
  for (const line of readFileSync('/proc/net/tcp', 'latin1').split('\n').slice(1)) {
    const [, local, , state] = line.trim().split(/\s+/);
    if (state !== '0A' || !local) continue;
    const [hex = '', port = ''] = local.split(':');
    const address = (hex.match(/../g) ?? [])
      .reverse()
      .map((byte) => Number.parseInt(byte, 16))
      .join('.');
    if (numberOf(address) < first || numberOf(address) >= first + size) continue;
    const key = `${address}:${Number.parseInt(port, 16)}`;
    found.set(key, (found.get(key) ?? 0) + 1);
  }
  return found;
}
