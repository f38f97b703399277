/** Caches as a user of the SDK makes them: ask, then wait with the SDK's own waiters. */
import assert from 'node:assert/strict';
import {
  type CacheCluster,
  CreateCacheClusterCommand,
  type CreateCacheClusterCommandInput,
  CreateReplicationGroupCommand,
  type CreateReplicationGroupCommandInput,
  DescribeCacheClustersCommand,
  DescribeEventsCommand,
  DescribeReplicationGroupsCommand,
  type ElastiCacheClient,
  type Event,
  type ReplicationGroup,
  waitUntilCacheClusterAvailable,
  waitUntilCacheClusterDeleted,
  waitUntilReplicationGroupAvailable,
  waitUntilReplicationGroupDeleted,
} from '@aws-sdk/client-elasticache';
import type { Limber } from '../support/limber.ts';

/** The smallest type that is offered with automatic failover. */
export const small = 'cache.t4g.micro';

/** Seconds. Nothing takes as long on an idle machine; a busy one must not fail tests. */
const maxWaitTime = 60;
/** As few seconds as the SDK allows between two looks: what a test measures is not the waiter. */
const often = { minDelay: 1, maxDelay: 1, maxWaitTime };

type GroupInput = Partial<CreateReplicationGroupCommandInput> & { readonly ReplicationGroupId: string };

/** Valkey without cluster mode unless said otherwise; resolves when it is available, to what Describe shows. */
export async function createGroup(client: ElastiCacheClient, input: GroupInput): Promise<ReplicationGroup> {
  const defaults = { ReplicationGroupDescription: 'e2e', Engine: 'valkey', CacheNodeType: small };
  await client.send(new CreateReplicationGroupCommand({ ...defaults, ...input }));
  return groupAvailable(client, input.ReplicationGroupId);
}

export async function groupAvailable(client: ElastiCacheClient, id: string): Promise<ReplicationGroup> {
  await waitUntilReplicationGroupAvailable({ client, ...often }, { ReplicationGroupId: id });
  return describeGroup(client, id);
}

export async function groupDeleted(client: ElastiCacheClient, id: string): Promise<void> {
  await waitUntilReplicationGroupDeleted({ client, ...often }, { ReplicationGroupId: id });
}

export async function describeGroup(client: ElastiCacheClient, id: string): Promise<ReplicationGroup> {
  const command = new DescribeReplicationGroupsCommand({ ReplicationGroupId: id });
  return only((await client.send(command)).ReplicationGroups);
}

type ClusterInput = Partial<CreateCacheClusterCommandInput> & {
  readonly CacheClusterId: string;
  readonly Engine: string;
};

/** One node unless said otherwise; resolves when it is available, to what Describe shows with its nodes. */
export async function createCluster(client: ElastiCacheClient, input: ClusterInput): Promise<CacheCluster> {
  const defaults = { CacheNodeType: small, NumCacheNodes: 1 };
  await client.send(new CreateCacheClusterCommand({ ...defaults, ...input }));
  return clusterAvailable(client, input.CacheClusterId);
}

export async function clusterAvailable(client: ElastiCacheClient, id: string): Promise<CacheCluster> {
  await waitUntilCacheClusterAvailable({ client, ...often }, { CacheClusterId: id });
  return describeCluster(client, id);
}

export async function clusterDeleted(client: ElastiCacheClient, id: string): Promise<void> {
  await waitUntilCacheClusterDeleted({ client, ...often }, { CacheClusterId: id });
}

export async function describeCluster(client: ElastiCacheClient, id: string): Promise<CacheCluster> {
  const command = new DescribeCacheClustersCommand({ CacheClusterId: id, ShowCacheNodeInfo: true });
  return only((await client.send(command)).CacheClusters);
}

export async function eventsOf(client: ElastiCacheClient, sourceId: string): Promise<readonly Event[]> {
  const { Events = [] } = await client.send(new DescribeEventsCommand({ Duration: 60 }));
  return Events.filter((event) => event.SourceIdentifier === sourceId);
}

export async function messagesOf(client: ElastiCacheClient, sourceId: string): Promise<readonly string[]> {
  return (await eventsOf(client, sourceId)).map((event) => event.Message ?? '');
}

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** An endpoint that the API shows; fails when it shows none. */
export function at(
  endpoint: { Address?: string | undefined; Port?: number | undefined } | undefined,
): HostPort {
  assert.ok(endpoint?.Address && endpoint.Port, 'the endpoint is shown');
  return { host: endpoint.Address, port: endpoint.Port };
}

/** Primary and reader endpoint of a group without cluster mode. */
export function endpointsOf(group: ReplicationGroup): { primary: HostPort; reader: HostPort } {
  const [shard] = group.NodeGroups ?? [];
  return { primary: at(shard?.PrimaryEndpoint), reader: at(shard?.ReaderEndpoint) };
}

/** Members of a cache by id (or `id/0001` for the nodes of Memcached), with what Limber knows of their processes. */
export async function membersOf(limber: Limber, id: string) {
  const cache = (await limber.status()).caches.find((one) => one.id === id);
  assert.ok(cache, `${id} is known`);
  return cache.members;
}

/** Ids of the member that leads a group without cluster mode, and of those that follow. */
export function rolesOf(group: ReplicationGroup): { primary: string; replicas: string[] } {
  const members = group.NodeGroups?.[0]?.NodeGroupMembers ?? [];
  const of = (role: string) =>
    members.filter((member) => member.CurrentRole === role).map((member) => member.CacheClusterId ?? '');
  const [primary, ...more] = of('primary');
  assert.ok(primary && more.length === 0, `exactly one primary: ${JSON.stringify(members)}`);
  return { primary, replicas: of('replica') };
}

function only<T>(list: readonly T[] | undefined): T {
  assert.equal(list?.length, 1);
  return list![0] as T;
}
