import type { ActionDeps } from '../action.ts';
import {
  describeReservedCacheNodes,
  describeReservedCacheNodesOfferings,
  purchaseReservedCacheNodesOffering,
} from './reserved-nodes.ts';

export const reservedNodeActions = (deps: ActionDeps) => ({
  DescribeReservedCacheNodes: describeReservedCacheNodes(deps),
  DescribeReservedCacheNodesOfferings: describeReservedCacheNodesOfferings(deps),
  PurchaseReservedCacheNodesOffering: purchaseReservedCacheNodesOffering(deps),
});
