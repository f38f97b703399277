/** The Memcached cluster of this example, made and resized through the ElastiCache API. */
import {
  type CacheCluster,
  CacheClusterAlreadyExistsFault,
  CacheClusterNotFoundFault,
  CreateCacheClusterCommand,
  DeleteCacheClusterCommand,
  DescribeCacheClustersCommand,
  type ElastiCacheClient,
  ModifyCacheClusterCommand,
  waitUntilCacheClusterAvailable,
  waitUntilCacheClusterDeleted,
} from '@aws-sdk/client-elasticache';
import { openElastiCache, patience } from '../shared/elasticache.ts';

export interface MemcachedCluster {
  /** The configuration endpoint as `host:port`. */
  readonly endpoint: string;
  /** Takes effect at once. A node that goes takes its keys with it; the youngest go first. */
  resize(nodes: number): Promise<void>;
}

/** Creates the cluster unless it exists, and brings it to that many nodes. */
export async function ensureCluster(id: string, nodes: number): Promise<MemcachedCluster> {
  const client = await openElastiCache();
  try {
    await client.send(
      new CreateCacheClusterCommand({
        CacheClusterId: id,
        Engine: 'memcached',
        CacheNodeType: 'cache.t4g.micro',
        NumCacheNodes: nodes,
      }),
    );
  } catch (error) {
    if (!(error instanceof CacheClusterAlreadyExistsFault)) throw error;
  }
  await waitUntilCacheClusterAvailable({ client, ...patience }, { CacheClusterId: id });
  await resize(client, id, nodes);
  const { ConfigurationEndpoint: endpoint } = await describe(client, id);
  return {
    endpoint: `${endpoint?.Address}:${endpoint?.Port}`,
    resize: (count) => resize(client, id, count),
  };
}

async function resize(client: ElastiCacheClient, id: string, nodes: number): Promise<void> {
  const { CacheNodes = [] } = await describe(client, id);
  const nodeIds = CacheNodes.flatMap((node) => node.CacheNodeId ?? []).sort();
  if (nodeIds.length === nodes) return;
  const removed = nodeIds.slice(nodes);
  await client.send(
    new ModifyCacheClusterCommand({
      CacheClusterId: id,
      NumCacheNodes: nodes,
      ...(removed.length > 0 && { CacheNodeIdsToRemove: removed }),
      ApplyImmediately: true,
    }),
  );
  await waitUntilCacheClusterAvailable({ client, ...patience }, { CacheClusterId: id });
}

async function describe(client: ElastiCacheClient, id: string): Promise<CacheCluster> {
  const { CacheClusters: clusters = [] } = await client.send(
    new DescribeCacheClustersCommand({ CacheClusterId: id, ShowCacheNodeInfo: true }),
  );
  if (!clusters[0]) throw new Error(`cache cluster ${id} is gone`);
  return clusters[0];
}

/** Deletes the cluster and waits until it is gone; does nothing when it does not exist. */
export async function removeCluster(id: string): Promise<void> {
  const client = await openElastiCache();
  try {
    await client.send(new DeleteCacheClusterCommand({ CacheClusterId: id }));
  } catch (error) {
    if (!(error instanceof CacheClusterNotFoundFault)) throw error;
    return console.log(`${id} does not exist: nothing to delete`);
  }
  await waitUntilCacheClusterDeleted({ client, ...patience }, { CacheClusterId: id });
  console.log(`deleted ${id}`);
}
