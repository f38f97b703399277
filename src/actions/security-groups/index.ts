import type { ActionDeps } from '../action.ts';
import {
  authorizeCacheSecurityGroupIngress,
  createCacheSecurityGroup,
  deleteCacheSecurityGroup,
  describeCacheSecurityGroups,
  revokeCacheSecurityGroupIngress,
} from './security-groups.ts';

export const securityGroupActions = (deps: ActionDeps) => ({
  AuthorizeCacheSecurityGroupIngress: authorizeCacheSecurityGroupIngress(deps),
  CreateCacheSecurityGroup: createCacheSecurityGroup(deps),
  DeleteCacheSecurityGroup: deleteCacheSecurityGroup(deps),
  DescribeCacheSecurityGroups: describeCacheSecurityGroups(deps),
  RevokeCacheSecurityGroupIngress: revokeCacheSecurityGroupIngress(deps),
});
