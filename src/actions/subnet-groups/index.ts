import type { ActionDeps } from '../action.ts';
import {
  createCacheSubnetGroup,
  deleteCacheSubnetGroup,
  describeCacheSubnetGroups,
  modifyCacheSubnetGroup,
} from './subnet-groups.ts';

export const subnetGroupActions = (deps: ActionDeps) => ({
  CreateCacheSubnetGroup: createCacheSubnetGroup(deps),
  DeleteCacheSubnetGroup: deleteCacheSubnetGroup(deps),
  DescribeCacheSubnetGroups: describeCacheSubnetGroups(deps),
  ModifyCacheSubnetGroup: modifyCacheSubnetGroup(deps),
});
