import type { ActionDeps } from '../action.ts';
import { createCacheCluster } from './create-cache-cluster.ts';
import { deleteCacheCluster } from './delete-cache-cluster.ts';
import { describeCacheClusters } from './describe-cache-clusters.ts';
import { modifyCacheCluster } from './modify-cache-cluster.ts';
import { rebootCacheCluster } from './reboot-cache-cluster.ts';

export const cacheClusterActions = (deps: ActionDeps) => ({
  CreateCacheCluster: createCacheCluster(deps),
  DeleteCacheCluster: deleteCacheCluster(deps),
  DescribeCacheClusters: describeCacheClusters(deps),
  ModifyCacheCluster: modifyCacheCluster(deps),
  RebootCacheCluster: rebootCacheCluster(deps),
});
