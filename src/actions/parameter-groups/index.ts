import type { ActionDeps } from '../action.ts';
import {
  createCacheParameterGroup,
  deleteCacheParameterGroup,
  describeCacheParameterGroups,
  modifyCacheParameterGroup,
  resetCacheParameterGroup,
} from './parameter-groups.ts';
import { describeCacheParameters, describeEngineDefaultParameters } from './parameters.ts';

export const parameterGroupActions = (deps: ActionDeps) => ({
  CreateCacheParameterGroup: createCacheParameterGroup(deps),
  DeleteCacheParameterGroup: deleteCacheParameterGroup(deps),
  DescribeCacheParameterGroups: describeCacheParameterGroups(deps),
  DescribeCacheParameters: describeCacheParameters(deps),
  DescribeEngineDefaultParameters: describeEngineDefaultParameters(deps),
  ModifyCacheParameterGroup: modifyCacheParameterGroup(deps),
  ResetCacheParameterGroup: resetCacheParameterGroup(deps),
});
