/**
 * Plays public configurations, as the API calls that a tool makes of them, through the official SDK. Each call waits until
 * the cache that it makes or changes is available, as such tools do, and everything is deleted afterwards.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import * as elasticache from '@aws-sdk/client-elasticache';
import { clusterDrift, groupDrift } from './drift.ts';

interface Call {
  readonly Action: string;
  readonly params: Readonly<Record<string, unknown>>;
}

export interface Configuration {
  readonly n: number;
  /** The kind of tool that it was written for. */
  readonly kind: string;
  readonly region?: string;
  /** What was there before. */
  readonly before?: readonly Call[];
  readonly calls: readonly Call[];
  /** Why ElastiCache refuses it. */
  readonly aws_refuses_too?: string;
}

/**
 * Collected from public repositories; names, ids, tags and passwords were replaced. What a configuration takes to be there
 * already (`before`) is not in its repository, and made up such that its calls make sense.
 */
export const configurations: readonly Configuration[] = readFileSync(
  new URL('configurations.jsonl', import.meta.url),
  'utf8',
)
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Configuration);

export interface Outcome {
  readonly configuration: Configuration;
  /** What was answered to the call that was refused, or what the cache came to; null when all of it is served. */
  readonly refusal: { readonly action: string; readonly reason: string } | null;
}

/** How long a cache may take to become available, or to go. A machine that does other things beside is slow. */
const settleMs = 120_000;

/** `clientOf` gives a client of a region. */
export async function replay(
  configuration: Configuration,
  clientOf: (region: string) => elasticache.ElastiCacheClient,
): Promise<Outcome> {
  const client = clientOf(configuration.region ?? 'us-east-1');
  const made: Call[] = [];
  try {
    for (const call of [...(configuration.before ?? []), ...configuration.calls]) {
      const refusal = await play(client, call, made);
      if (refusal !== null) return { configuration, refusal: { action: call.Action, reason: refusal } };
    }
    return { configuration, refusal: null };
  } finally {
    for (const call of made.reverse()) await remove(client, call);
  }
}

async function play(
  client: elasticache.ElastiCacheClient,
  { Action, params }: Call,
  made: Call[],
): Promise<string | null> {
  try {
    await send(client, Action, params);
  } catch (error) {
    const { name, message } = error as Error;
    return `${name.replace(/Exception$/, '')}: ${message}`;
  }
  if (Action.startsWith('Create')) made.push({ Action, params });
  const status = await settled(client, params);
  if (status !== 'available') return status === null ? null : `it is ${status}`;
  const drift = Action.startsWith('Create') ? await driftAfter(client, params) : [];
  return drift.length === 0 ? null : `drift: ${drift.join('; ')}`;
}

async function driftAfter(client: elasticache.ElastiCacheClient, params: Call['params']): Promise<string[]> {
  const cluster = async (CacheClusterId: unknown) =>
    (await send(client, 'DescribeCacheClusters', { CacheClusterId, ShowCacheNodeInfo: true }))
      .CacheClusters[0];
  if (params.CacheClusterId !== undefined) return clusterDrift(params, await cluster(params.CacheClusterId));
  const { ReplicationGroupId } = params;
  const { ReplicationGroups } = await send(client, 'DescribeReplicationGroups', { ReplicationGroupId });
  return groupDrift(params, ReplicationGroups[0], await cluster(ReplicationGroups[0].MemberClusters[0]));
}

/** The status that the cache of a call comes to; null for what has none, or is gone. */
async function settled(
  client: elasticache.ElastiCacheClient,
  { ReplicationGroupId, CacheClusterId }: Call['params'],
): Promise<string | null> {
  const read = async () => {
    if (CacheClusterId !== undefined) {
      const { CacheClusters } = await send(client, 'DescribeCacheClusters', { CacheClusterId });
      return CacheClusters[0].CacheClusterStatus as string;
    }
    if (ReplicationGroupId === undefined) return null;
    const { ReplicationGroups } = await send(client, 'DescribeReplicationGroups', { ReplicationGroupId });
    return ReplicationGroups[0].Status as string;
  };
  const deadline = performance.now() + settleMs;
  for (;;) {
    const status = await read().catch((error: Error) => {
      if (/NotFound/.test(error.name)) return null;
      throw error;
    });
    if (status === null || !/ing$/.test(status)) return status;
    if (performance.now() > deadline) return `${status} for ${settleMs / 1_000} s`;
    await delay(20); // Describe is held until something changes: this only bounds its rate
  }
}

/** A thing's deletion, by the action that made it, and what names it. */
const deletions: Readonly<Record<string, readonly [action: string, name: string]>> = {
  CreateCacheCluster: ['DeleteCacheCluster', 'CacheClusterId'],
  CreateCacheParameterGroup: ['DeleteCacheParameterGroup', 'CacheParameterGroupName'],
  CreateCacheSubnetGroup: ['DeleteCacheSubnetGroup', 'CacheSubnetGroupName'],
  CreateReplicationGroup: ['DeleteReplicationGroup', 'ReplicationGroupId'],
  CreateServerlessCache: ['DeleteServerlessCache', 'ServerlessCacheName'],
  CreateSnapshot: ['DeleteSnapshot', 'SnapshotName'],
  CreateUser: ['DeleteUser', 'UserId'],
  CreateUserGroup: ['DeleteUserGroup', 'UserGroupId'],
};

/** Members go with their group, and what was deleted by the configuration itself is gone. */
async function remove(client: elasticache.ElastiCacheClient, { Action, params }: Call): Promise<void> {
  const [action, name] = deletions[Action] ?? [];
  if (!action || !name) return;
  const isMember = Action === 'CreateCacheCluster' && params.ReplicationGroupId !== undefined;
  if (isMember) return;
  try {
    await send(client, action, { [name]: params[name] });
  } catch (error) {
    if (/NotFound/.test((error as Error).name)) return;
    throw error;
  }
  await settled(client, { [name]: params[name] });
}

// biome-ignore lint/suspicious/noExplicitAny: the answers of any action
async function send(client: elasticache.ElastiCacheClient, action: string, input: object): Promise<any> {
  const Command = Reflect.get(elasticache, `${action}Command`);
  if (!Command) throw new Error(`the SDK has no ${action}`);
  return await client.send(new Command(input));
}
