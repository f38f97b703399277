/** Faults on real nodes, and the facts by which a test sees that a group is whole again. */

import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { ElastiCacheClient } from '@aws-sdk/client-elasticache';
import { type Address, connectResp, type RespClient } from '../../bench/lib/resp-client.ts';
import { endpointRoute } from '../../bench/lib/routes.ts';
import {
  startWriteChecker,
  type WriteChecker,
  type WriteCheckerOptions,
} from '../../bench/lib/write-checker.ts';
import type { CacheStatus } from '../../src/cli/admin-client.ts';
import { parseInfo } from '../../src/engines/valkey/info.ts';
import { nameOnNodes } from '../../src/engines/valkey/renamed-commands.ts';
import { isDead, readProcess } from '../../src/platform/proc.ts';
import { eventually } from '../support/eventually.ts';
import type { Limber } from '../support/limber.ts';
import { eventsOf } from './caches.ts';

/** A primary and a replica that takes its place by itself. */
export const pair = {
  NumCacheClusters: 2,
  AutomaticFailoverEnabled: true,
  CacheNodeType: 'cache.t4g.small',
};

export type Node = CacheStatus['members'][number] & { readonly pid: number };

export async function cacheOf(limber: Limber, id: string): Promise<CacheStatus> {
  const cache = (await limber.status()).caches.find((one) => one.id === id);
  if (!cache) throw new Error(`${id} is not known`);
  return cache;
}

/** In order of position. */
export async function nodesOf(limber: Limber, id: string): Promise<readonly Node[]> {
  return (await cacheOf(limber, id)).members.map((member) => ({ ...member, pid: member.pid ?? 0 }));
}

export const primaryOf = (nodes: readonly Node[], nodeGroupId = '0001'): Node =>
  nodes.find((node) => node.role === 'primary' && node.nodeGroupId === nodeGroupId)!;

export const replicasOf = (nodes: readonly Node[], nodeGroupId = '0001'): readonly Node[] =>
  nodes.filter((node) => node.role === 'replica' && node.nodeGroupId === nodeGroupId);

/** What its workers say, shard by shard. */
export async function sentencesOf(limber: Limber, id: string): Promise<string> {
  const { shards } = await limber.status();
  return shards
    .filter((shard) => shard.cache === id)
    .map((shard) => shard.sentence)
    .join(' | ');
}

/** Where its clients go; fails when it has no such endpoint. */
export async function endpointOf(limber: Limber, id: string, purpose = 'primary'): Promise<Address> {
  const endpoint = (await cacheOf(limber, id)).endpoints.find((one) => one.purpose === purpose);
  if (!endpoint) throw new Error(`${id} has no ${purpose} endpoint`);
  return endpoint;
}

export const kill = (...nodes: readonly Pick<Node, 'pid'>[]): void => {
  for (const { pid } of nodes) process.kill(pid, 'SIGKILL');
};
export const suspend = ({ pid }: Pick<Node, 'pid'>): boolean => process.kill(pid, 'SIGSTOP');
export const resume = ({ pid }: Pick<Node, 'pid'>): boolean => process.kill(pid, 'SIGCONT');

export function isAlive({ pid }: Pick<Node, 'pid'>): boolean {
  const stat = readProcess(pid);
  return stat !== null && !isDead(stat);
}

/** The engine's own account of itself, asked at the node's own address. Throws when it does not answer in time. */
export async function engineAt(node: Address, deadlineMs = 1_000) {
  const client = await connectResp(node, deadlineMs);
  const cut = setTimeout(() => client.close(), deadlineMs);
  try {
    return parseInfo(String(await client.ask('INFO', 'everything')));
  } finally {
    clearTimeout(cut);
    client.close();
  }
}

/**
 * Resolves when everything that was asked for is there: available, settled, and by the engines' own account one
 * primary in each shard and every other member in step with it. Gives its nodes.
 */
export async function wholeAgain(
  limber: Limber,
  id: string,
  { deadlineMs = 20_000 } = {},
): Promise<readonly Node[]> {
  return eventually(
    async (see) => {
      const { caches, shards } = await limber.status();
      const cache = caches.find((one) => one.id === id);
      const own = shards.filter((shard) => shard.cache === id);
      if (!cache || !see(own).every((shard) => shard.isSettled) || cache.status !== 'available') return null;
      const nodes = cache.members.map((member) => ({ ...member, pid: member.pid ?? 0 }));
      const wrongs = await Promise.all(nodes.map((node) => whatIsWrong(node, nodes)));
      return see(wrongs.filter((wrong) => wrong !== null)).length === 0 ? nodes : null;
    },
    { deadlineMs, intervalMs: 15 },
  );
}

async function whatIsWrong(node: Node, nodes: readonly Node[]): Promise<string | null> {
  const wrong = (what: string) => `${node.id}: ${what}`;
  if (!isAlive(node)) return wrong('its process is dead');
  const engine = await engineAt(node);
  if (engine.pid !== node.pid) return wrong(`process ${engine.pid} answers`);
  if (engine.role !== node.role) return wrong(`is a ${engine.role}, recorded as ${node.role}`);
  const leaders = nodes.filter((one) => one.nodeGroupId === node.nodeGroupId && one.role === 'primary');
  if (leaders.length !== 1) return wrong(`its shard has ${leaders.length} primaries`);
  if (engine.upstream === null) return engine.isLoading ? wrong('is loading') : null;
  if (engine.upstream.address !== leaders[0]!.address) return wrong(`follows ${engine.upstream.address}`);
  return engine.upstream.isUp && !engine.isSyncing ? null : wrong('is not in step');
}

/** Resolves when another node than `former` leads, as the API tells it. */
export async function anotherLeads(limber: Limber, id: string, former: Node): Promise<Node> {
  return eventually(async (see) => {
    const leader = see(await nodesOf(limber, id)).find(
      (node) => node.role === 'primary' && node.nodeGroupId === former.nodeGroupId,
    );
    return leader && leader.id !== former.id ? leader : null;
  });
}

/** Failovers that were told of, `from → to` by position, in order. */
export async function failoversOf(client: ElastiCacheClient, id: string): Promise<readonly string[]> {
  const pattern = /^Failover from primary node (\S+) to replica node (\S+) completed$/;
  return (await eventsOf(client, id)).toReversed().flatMap(({ Message = '' }) => {
    const [, from, to] = pattern.exec(Message) ?? [];
    return from ? [`${from.slice(id.length + 1)} → ${to?.slice(id.length + 1)}`] : [];
  });
}

/** Clients that write through the primary endpoint, from now until they are stopped. */
export async function writersOf(
  limber: Limber,
  id: string,
  options: Omit<WriteCheckerOptions, 'route'> = {},
): Promise<WriteChecker> {
  const route = endpointRoute(await endpointOf(limber, id));
  const writers = startWriteChecker({ route, connections: 4, ...options });
  try {
    await writers.progress(50, 5_000);
  } catch (error) {
    await writers.stop();
    throw error;
  }
  return writers;
}

/** A connection as Limber's own user has it, for what clients may not do. */
export async function asLimber(limber: Limber, id: string, node: Address) {
  const database = new DatabaseSync(join(limber.dataDirectory, 'state.db'), { readOnly: true });
  try {
    const sql = `SELECT s.value FROM secret s JOIN resource r ON r.incarnation = s.owner
      WHERE r.id = ? AND s.name = 'engine-limber'`;
    const { value } = database.prepare(sql).get(id) as { value: string };
    const client = await connectResp(node);
    await client.ask('AUTH', 'limber', value);
    return withNamesOfNodes(client);
  } finally {
    database.close();
  }
}

/** Takes commands by their usual names. */
function withNamesOfNodes(client: RespClient): RespClient {
  const named = ([name, ...args]: readonly (string | number)[]) => [nameOnNodes(String(name)), ...args];
  return {
    target: client.target,
    get isOpen() {
      return client.isOpen;
    },
    send: (...command) => client.send(...named(command)),
    ask: (...command) => client.ask(...named(command)),
    close: () => client.close(),
  };
}

/** The directory of a node, by its address. */
export function directoryOf(limber: Limber, node: Address): string {
  const database = new DatabaseSync(join(limber.dataDirectory, 'state.db'), { readOnly: true });
  try {
    const row = database.prepare('SELECT incarnation FROM node WHERE address = ?').get(node.address);
    return join(limber.dataDirectory, 'nodes', (row as { incarnation: string }).incarnation);
  } finally {
    database.close();
  }
}

/**
 * A living replica loses its primary for a moment, and misses more of its stream than it can be told afterwards: it has to
 * take all data anew, beside those that it holds.
 */
export async function takeAllDataAnew(limber: Limber, id: string, replica: Node): Promise<void> {
  const nodes = await nodesOf(limber, id);
  const [admin, leader] = await Promise.all([
    asLimber(limber, id, replica),
    asLimber(limber, id, primaryOf(nodes, replica.nodeGroupId ?? '0001')),
  ]);
  const [, password = ''] = (await admin.ask('CONFIG', 'GET', 'masterauth')) as string[];
  await admin.ask('CONFIG', 'SET', 'masterauth', 'not the password');
  await admin.ask('CLIENT', 'KILL', 'TYPE', 'primary');
  await leader.ask('CONFIG', 'SET', 'repl-backlog-size', 16_384);
  for (let count = 0; count < 20; count += 1) await leader.ask('SET', `{t}${count}`, 'x'.repeat(4_096));
  await admin.ask('CONFIG', 'SET', 'masterauth', password);
  admin.close();
  leader.close();
}

/** `wholeAgain`, once none of these processes is among its nodes. */
export async function wholeWithout(
  limber: Limber,
  id: string,
  dead: readonly Pick<Node, 'pid'>[],
  { deadlineMs = 30_000 } = {},
): Promise<readonly Node[]> {
  const gone = new Set(dead.map(({ pid }) => pid));
  return eventually(
    async () => {
      const nodes = await wholeAgain(limber, id, { deadlineMs });
      return nodes.every(({ pid }) => !gone.has(pid)) ? nodes : null;
    },
    { deadlineMs },
  );
}
