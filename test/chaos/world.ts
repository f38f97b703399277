/** A Limber with one cache of each kind, clients that write to all of them, and what is known of their deaths. */
import { join } from 'node:path';
import {
  CreateCacheParameterGroupCommand,
  type CreateReplicationGroupCommandInput,
  type ElastiCacheClient,
} from '@aws-sdk/client-elasticache';
import { probeConfigurationServer } from '../../src/endpoints/memcached-configuration/control.ts';
import { endpointOf, engineAt, isAlive, wholeAgain } from '../e2e/faults.ts';
import { createCluster, createGroup } from '../support/caches.ts';
import { type Limber, startLimber } from '../support/limber.ts';
import type { Random } from '../support/random.ts';
import { keepLedger, type Ledger } from './ledger.ts';
import { type NodeRow, readRows } from './leftovers.ts';

export const parameterGroup = 'chaos';
export const groups = {
  /** One primary, two replicas, no persistence. */
  replicated: 'repl',
  /** One primary, one replica, no persistence: the same node leads again, automatic failover is off. */
  manual: 'manu',
  /** Three shards of two. */
  clustered: 'clus',
  /** Two nodes, Durability=sync. */
  durable: 'sync',
} as const;
export const memcachedCluster = 'mem';

/** A process of a shard's primary ended, or was made to hang, without anybody having planned it. */
export interface Death {
  readonly group: string;
  readonly shard: string;
  /** `performance.now()` */
  readonly at: number;
}

export interface World {
  readonly limber: Limber;
  readonly client: ElastiCacheClient;
  readonly random: Random;
  readonly ledgers: readonly (Ledger & { readonly group: string; readonly shard: string })[];
  readonly deaths: Death[];
  /** Goes on beside the steps, and ends by itself within some seconds. */
  readonly beside: Promise<unknown>[];
  say(what: string): void;
}

export type LiveNode = NodeRow & { readonly pid: number };

interface Scope {
  after(end: () => Promise<void>): void;
}

export async function createWorld(scope: Scope, random: Random, say: World['say']): Promise<World> {
  const limber = await startLimber(scope, { settings: { testFailoversPerDay: 10_000 } });
  const client = limber.client();
  await client.send(
    new CreateCacheParameterGroupCommand({
      CacheParameterGroupName: parameterGroup,
      CacheParameterGroupFamily: 'valkey9',
      Description: 'chaos',
    }),
  );
  const more: Partial<CreateReplicationGroupCommandInput> = {
    CacheNodeType: 'cache.t4g.small',
    AutomaticFailoverEnabled: true,
  };
  await Promise.all([
    createGroup(limber, groups.replicated, {
      ...more,
      NumCacheClusters: 3,
      CacheParameterGroupName: parameterGroup,
    }),
    createGroup(limber, groups.manual, { ...more, NumCacheClusters: 2, AutomaticFailoverEnabled: false }),
    createGroup(limber, groups.clustered, { ...more, NumNodeGroups: 3, ReplicasPerNodeGroup: 1 }),
    createGroup(limber, groups.durable, { ...more, NumCacheClusters: 2, Durability: 'sync' }),
    createCluster(limber, memcachedCluster, { NumCacheNodes: 2 }),
  ]);
  await Promise.all(Object.values(groups).map((id) => wholeAgain(limber, id)));
  return { limber, client, random, ledgers: await startLedgers(limber), deaths: [], beside: [], say };
}

async function startLedgers(limber: Limber): Promise<World['ledgers']> {
  const plain = [groups.replicated, groups.manual, groups.durable].map(async (group) => {
    const endpoint = await endpointOf(limber, group);
    return Object.assign(
      keepLedger(group, group, () => [endpoint]),
      { group, shard: '0001' },
    );
  });
  const clusterNodes = () =>
    readRows(limber).nodes.filter((node) => node.id.startsWith(`${groups.clustered}-`));
  const shards = [...new Set(clusterNodes().map((node) => node.shard!))].sort();
  const nodesNow = seldom(clusterNodes);
  // Found by trying: the slots of one shard each, as three equal parts have them.
  const tags = ['b', 'c', 'a'];
  const clustered = shards.map((shard, index) =>
    Object.assign(keepLedger(`${groups.clustered}/${shard}`, tags[index]!, nodesNow), {
      group: groups.clustered,
      shard,
    }),
  );
  return [...(await Promise.all(plain)), ...clustered];
}

/** Members come and go; a client that finds nobody asks again and again, and must not keep Limber from its own file. */
function seldom<T>(read: () => T): () => T {
  let [latest, readAt] = [read(), performance.now()];
  return () => {
    if (performance.now() - readAt < 1_000) return latest;
    readAt = performance.now();
    try {
      latest = read();
    } catch {
      // Limber starts just now, or the run is over.
    }
    return latest;
  };
}

/** Nodes whose process lives, of one cache. */
export function livingNodes({ limber }: Pick<World, 'limber'>, id: string): LiveNode[] {
  const { nodes, caches } = readRows(limber);
  return nodes
    .filter((node) => caches.get(node.cache) === id)
    .map((node) => ({ ...node, pid: node.handle?.pid ?? 0 }))
    .filter((node) => node.pid > 0 && isAlive(node));
}

export interface Shard {
  readonly group: string;
  readonly shard: string;
  readonly primary: LiveNode;
  /** Known to hold all that the primary had, and following it at this moment; without those that were asked to go or restart. */
  readonly copies: readonly LiveNode[];
  readonly others: readonly LiveNode[];
  /** One of its processes was asked to end, and may do so at any time: it does not count, and nor may its last companion be hit. */
  readonly isBusy: boolean;
}

/** Shards with exactly one living primary, by the engines' own account. */
export async function ledShards(world: World, group: string): Promise<Shard[]> {
  const nodes = livingNodes(world, group);
  const { statuses } = readRows(world.limber);
  const engines = await Promise.all(
    nodes.map(async (node) => ({ node, engine: await engineAt(node, 200).catch(() => null) })),
  );
  const shards = [...new Set(nodes.map((node) => node.shard ?? ''))].sort();
  return shards.flatMap((shard) => {
    const members = engines.filter(({ node }) => node.shard === shard);
    const leaders = members.filter(({ engine }) => engine?.role === 'primary');
    const [leader] = leaders;
    if (leaders.length !== 1 || !leader?.engine) return [];
    const followers = members.filter((member) => member !== leader);
    const copies = followers.filter(
      ({ node, engine }) =>
        node.synced &&
        statuses.get(node.id) === 'available' &&
        engine?.upstream?.isUp &&
        !engine.isSyncing &&
        engine.upstream.address === leader.node.address &&
        engine.replicationId === leader.engine!.replicationId,
    );
    return [
      {
        group,
        shard,
        primary: leader.node,
        copies: copies.map(({ node }) => node),
        others: followers.map(({ node }) => node),
        isBusy: members.some(({ node }) => isAskedToEnd(statuses.get(node.id))),
      },
    ];
  });
}

const isAskedToEnd = (status: string | undefined): boolean =>
  status === 'deleting' || status === 'rebooting cluster nodes';

export const configurationServerOf = ({ limber }: Pick<World, 'limber'>) =>
  probeConfigurationServer(join(limber.dataDirectory, 'endpoints', 'memcached'));
