/** Every action that is built, by its name in the API. What is missing here answers InvalidAction. */
import type { ActionDeps } from './action.ts';
import { createCacheCluster } from './create-cache-cluster.ts';
import { createReplicationGroup } from './create-replication-group.ts';
import { decreaseReplicaCount } from './decrease-replica-count.ts';
import { deleteCacheCluster, deleteReplicationGroup } from './delete-caches.ts';
import { describeCacheClusters, describeReplicationGroups } from './describe-caches.ts';
import { describeCacheEngineVersions } from './engine-versions.ts';
import { describeEvents } from './events.ts';
import { increaseReplicaCount } from './increase-replica-count.ts';
import { modifyCacheCluster } from './modify-cache-cluster.ts';
import { modifyReplicationGroup } from './modify-replication-group.ts';
import { listAllowedNodeTypeModifications } from './node-type-modifications.ts';
import {
  createCacheParameterGroup,
  deleteCacheParameterGroup,
  describeCacheParameterGroups,
  modifyCacheParameterGroup,
  resetCacheParameterGroup,
} from './parameter-groups.ts';
import { describeCacheParameters, describeEngineDefaultParameters } from './parameters.ts';
import { rebootCacheCluster } from './reboot-cache-cluster.ts';
import {
  describeReservedCacheNodes,
  describeReservedCacheNodesOfferings,
  purchaseReservedCacheNodesOffering,
} from './reserved-nodes.ts';
import {
  authorizeCacheSecurityGroupIngress,
  createCacheSecurityGroup,
  deleteCacheSecurityGroup,
  describeCacheSecurityGroups,
  revokeCacheSecurityGroupIngress,
} from './security-groups.ts';
import {
  createCacheSubnetGroup,
  deleteCacheSubnetGroup,
  describeCacheSubnetGroups,
  modifyCacheSubnetGroup,
} from './subnet-groups.ts';
import { addTagsToResource, listTagsForResource, removeTagsFromResource } from './tags.ts';
import { testFailover } from './test-failover.ts';

export function createActions(deps: ActionDeps) {
  return {
    AddTagsToResource: addTagsToResource(deps),
    AuthorizeCacheSecurityGroupIngress: authorizeCacheSecurityGroupIngress(deps),
    CreateCacheCluster: createCacheCluster(deps),
    CreateCacheParameterGroup: createCacheParameterGroup(deps),
    CreateCacheSecurityGroup: createCacheSecurityGroup(deps),
    CreateCacheSubnetGroup: createCacheSubnetGroup(deps),
    CreateReplicationGroup: createReplicationGroup(deps),
    DecreaseReplicaCount: decreaseReplicaCount(deps),
    DeleteCacheCluster: deleteCacheCluster(deps),
    DeleteCacheParameterGroup: deleteCacheParameterGroup(deps),
    DeleteCacheSecurityGroup: deleteCacheSecurityGroup(deps),
    DeleteCacheSubnetGroup: deleteCacheSubnetGroup(deps),
    DeleteReplicationGroup: deleteReplicationGroup(deps),
    DescribeCacheClusters: describeCacheClusters(deps),
    DescribeCacheEngineVersions: describeCacheEngineVersions(deps),
    DescribeCacheParameterGroups: describeCacheParameterGroups(deps),
    DescribeCacheParameters: describeCacheParameters(deps),
    DescribeCacheSecurityGroups: describeCacheSecurityGroups(deps),
    DescribeCacheSubnetGroups: describeCacheSubnetGroups(deps),
    DescribeEngineDefaultParameters: describeEngineDefaultParameters(deps),
    DescribeEvents: describeEvents(deps),
    DescribeReplicationGroups: describeReplicationGroups(deps),
    DescribeReservedCacheNodes: describeReservedCacheNodes(deps),
    DescribeReservedCacheNodesOfferings: describeReservedCacheNodesOfferings(deps),
    IncreaseReplicaCount: increaseReplicaCount(deps),
    ListAllowedNodeTypeModifications: listAllowedNodeTypeModifications(deps),
    ListTagsForResource: listTagsForResource(deps),
    ModifyCacheCluster: modifyCacheCluster(deps),
    ModifyCacheParameterGroup: modifyCacheParameterGroup(deps),
    ModifyCacheSubnetGroup: modifyCacheSubnetGroup(deps),
    ModifyReplicationGroup: modifyReplicationGroup(deps),
    PurchaseReservedCacheNodesOffering: purchaseReservedCacheNodesOffering(deps),
    RebootCacheCluster: rebootCacheCluster(deps),
    RemoveTagsFromResource: removeTagsFromResource(deps),
    ResetCacheParameterGroup: resetCacheParameterGroup(deps),
    RevokeCacheSecurityGroupIngress: revokeCacheSecurityGroupIngress(deps),
    TestFailover: testFailover(deps),
  };
}
