/**
 * The cache of an example: an existing one that `CACHE_URL` names, or a small replication group made through the
 * ElastiCache API.
 */
import {
  CreateReplicationGroupCommand,
  DeleteReplicationGroupCommand,
  DescribeReplicationGroupsCommand,
  type ElastiCacheClient,
  ReplicationGroupAlreadyExistsFault,
  ReplicationGroupNotFoundFault,
  waitUntilReplicationGroupAvailable,
  waitUntilReplicationGroupDeleted,
} from '@aws-sdk/client-elasticache';
import { openElastiCache, patience } from './elasticache.ts';

/**
 * URL of the cache to use: `CACHE_URL` when it is set, else the primary endpoint of the replication group, which is
 * created unless it exists. May be called again at any time.
 */
export async function ensureCache(replicationGroupId: string): Promise<string> {
  if (process.env.CACHE_URL) return process.env.CACHE_URL;
  const client = await openElastiCache();
  try {
    await client.send(
      new CreateReplicationGroupCommand({
        ReplicationGroupId: replicationGroupId,
        ReplicationGroupDescription: 'made by an example program',
        Engine: 'valkey',
        CacheNodeType: 'cache.t4g.micro',
        NumCacheClusters: 2, // a primary and a replica, so that a failover has somewhere to go
        AutomaticFailoverEnabled: true,
      }),
    );
  } catch (error) {
    if (!(error instanceof ReplicationGroupAlreadyExistsFault)) throw error;
  }
  await waitUntilReplicationGroupAvailable(
    { client, ...patience },
    { ReplicationGroupId: replicationGroupId },
  );
  return primaryEndpoint(client, replicationGroupId);
}

async function primaryEndpoint(client: ElastiCacheClient, replicationGroupId: string): Promise<string> {
  const { ReplicationGroups: groups = [] } = await client.send(
    new DescribeReplicationGroupsCommand({ ReplicationGroupId: replicationGroupId }),
  );
  const endpoint = groups[0]?.NodeGroups?.[0]?.PrimaryEndpoint;
  if (!endpoint?.Address) throw new Error(`replication group ${replicationGroupId} has no primary endpoint`);
  const scheme = groups[0]?.TransitEncryptionEnabled ? 'rediss' : 'redis';
  return `${scheme}://${endpoint.Address}:${endpoint.Port}`;
}

/** Deletes what `ensureCache` made and waits until it is gone; leaves a cache given by `CACHE_URL` alone. */
export async function removeCache(replicationGroupId: string): Promise<void> {
  if (process.env.CACHE_URL) return console.log('CACHE_URL is set: no cache was made here, none is deleted');
  const client = await openElastiCache();
  try {
    await client.send(new DeleteReplicationGroupCommand({ ReplicationGroupId: replicationGroupId }));
  } catch (error) {
    if (!(error instanceof ReplicationGroupNotFoundFault)) throw error;
    return console.log(`${replicationGroupId} does not exist: nothing to delete`);
  }
  await waitUntilReplicationGroupDeleted({ client, ...patience }, { ReplicationGroupId: replicationGroupId });
  console.log(`deleted ${replicationGroupId}`);
}
