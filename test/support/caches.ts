/** Caches for tests, made through the API as users make them. */
import {
  CreateCacheClusterCommand,
  type CreateCacheClusterCommandInput,
  CreateReplicationGroupCommand,
  type CreateReplicationGroupCommandInput,
  DescribeCacheClustersCommand,
  DescribeReplicationGroupsCommand,
} from '@aws-sdk/client-elasticache';
import type { CacheStatus } from '../../src/cli/admin-client.ts';
import { eventually } from './eventually.ts';
import type { Limber } from './limber.ts';

const availableWithinMs = 30_000;

/** Valkey, one node, unless said otherwise; resolves when it is available. */
export async function createGroup(
  limber: Limber,
  id: string,
  input: Partial<CreateReplicationGroupCommandInput> = {},
): Promise<CacheStatus> {
  const client = limber.client();
  await client.send(
    new CreateReplicationGroupCommand({
      ReplicationGroupId: id,
      ReplicationGroupDescription: 'made by a test',
      Engine: 'valkey',
      CacheNodeType: 'cache.t4g.micro',
      ...input,
    }),
  );
  await untilAvailable(limber, async (see) => {
    const command = new DescribeReplicationGroupsCommand({ ReplicationGroupId: id });
    const { ReplicationGroups } = await client.send(command);
    return see(ReplicationGroups?.[0]?.Status) === 'available';
  });
  return await cacheStatus(limber, id);
}

/** Memcached, one node, unless said otherwise; resolves when it is available. */
export async function createCluster(
  limber: Limber,
  id: string,
  input: Partial<CreateCacheClusterCommandInput> = {},
): Promise<CacheStatus> {
  const client = limber.client();
  await client.send(
    new CreateCacheClusterCommand({
      CacheClusterId: id,
      Engine: 'memcached',
      CacheNodeType: 'cache.t4g.micro',
      NumCacheNodes: 1,
      ...input,
    }),
  );
  await untilAvailable(limber, async (see) => {
    const { CacheClusters } = await client.send(new DescribeCacheClustersCommand({ CacheClusterId: id }));
    return see(CacheClusters?.[0]?.CacheClusterStatus) === 'available';
  });
  return await cacheStatus(limber, id);
}

/** Until it is available. One that does not become so says what Limber waits for. */
async function untilAvailable(
  limber: Limber,
  isAvailable: Parameters<typeof eventually<boolean>>[0],
): Promise<void> {
  try {
    await eventually(isAvailable, { deadlineMs: availableWithinMs });
  } catch (error) {
    const { operations } = await limber.status();
    throw new Error(`${(error as Error).message}; under way: ${JSON.stringify(operations)}`, {
      cause: error,
    });
  }
}

/** What Limber knows of it: members with pids and addresses, endpoints. Throws when there is none. */
export async function cacheStatus(limber: Limber, id: string): Promise<CacheStatus> {
  const { caches } = await limber.status();
  const found = caches.find((cache) => cache.id === id);
  if (!found) throw new Error(`there is no cache ${id}, only: ${caches.map((cache) => cache.id).join(', ')}`);
  return found;
}

/** The pids of its nodes. */
export async function nodePids(limber: Limber, id: string): Promise<number[]> {
  return (await cacheStatus(limber, id)).members.map(({ pid }) => pid ?? 0);
}
