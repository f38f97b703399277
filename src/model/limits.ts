/**
 * Quotas per account and region, and sizes of things: AWS's defaults (spec/behaviour.md §8, §10, §24). They protect
 * a machine from a runaway template as much as they keep programs portable.
 */
import { ServiceError, type ServiceErrorCode } from './service-errors.ts';

interface Quota {
  readonly limit: number;
  readonly code: ServiceErrorCode;
  /** What is counted, in the plural. */
  readonly counted: string;
}

/** Replicas of one node group. */
export const replicasPerNodeGroupMax = 5;
/** Members of a group with cluster mode disabled: a primary and five replicas. */
export const cacheClustersPerGroupMax = 6;
export const memcachedNodesMax = 40;
/** ElastiCache's hard limit. */
export const nodeGroupsMax = 500;
/** ParameterNameValues of one ModifyCacheParameterGroup or ResetCacheParameterGroup. */
export const parametersPerRequestMax = 20;
/** Days. */
export const snapshotRetentionMax = 35;
const subnetsPerGroupMax = 20;

export const quotas = {
  // AWS's own default is 300, raised on request; nobody can be asked here, and one large cluster may have 500.
  nodesPerRegion: {
    limit: 5_000,
    code: 'NodeQuotaForCustomerExceeded',
    counted: 'cache nodes in this region',
  },
  memcachedNodesPerCluster: {
    limit: memcachedNodesMax,
    code: 'NodeQuotaForClusterExceeded',
    counted: 'cache nodes in this cluster',
  },
  nodesPerShard: { limit: 6, code: 'NodeQuotaForClusterExceeded', counted: 'cache nodes in this node group' },
  // AWS's own default is 90 nodes, raised to 500 on request; nobody can be asked here, so it is 500 from the start.
  nodesPerReplicationGroup: {
    limit: 500,
    code: 'NodeQuotaForClusterExceeded',
    counted: 'cache nodes in this replication group',
  },
  nodeGroupsPerReplicationGroup: {
    limit: nodeGroupsMax,
    code: 'NodeGroupsPerReplicationGroupQuotaExceeded',
    counted: 'node groups in this replication group',
  },
  parameterGroups: {
    limit: 300,
    code: 'CacheParameterGroupQuotaExceeded',
    counted: 'cache parameter groups in this region',
  },
  subnetGroups: {
    limit: 300,
    code: 'CacheSubnetGroupQuotaExceeded',
    counted: 'cache subnet groups in this region',
  },
  subnetsPerGroup: {
    limit: subnetsPerGroupMax,
    code: 'CacheSubnetQuotaExceededFault',
    counted: 'subnets in this cache subnet group',
  },
  securityGroups: {
    limit: 50,
    code: 'QuotaExceeded.CacheSecurityGroup',
    counted: 'cache security groups in this region',
  },
  reservedNodes: {
    limit: 300,
    code: 'ReservedCacheNodeQuotaExceeded',
    counted: 'reserved cache nodes in this region',
  },
  users: { limit: 1000, code: 'UserQuotaExceeded', counted: 'users in this region' },
  userGroups: { limit: 100, code: 'UserGroupQuotaExceeded', counted: 'user groups in this region' },
} as const satisfies Readonly<Record<string, Quota>>;

/** Throws the quota's own error when `existing + added` is more than the quota allows. */
export function checkQuota(quota: Quota, existing: number, added: number): void {
  if (existing + added > quota.limit)
    throw new ServiceError(
      quota.code,
      `The request would make ${existing + added} ${quota.counted}; the quota is ${quota.limit}.`,
    );
}

/** Throws `InvalidParameterValue` unless `value` is a whole number from `min` to `max`. */
export function checkRange(parameterName: string, value: number, min: number, max: number): void {
  if (!Number.isInteger(value) || value < min || value > max)
    throw new ServiceError(
      'InvalidParameterValue',
      `The parameter ${parameterName} has the value ${value}; it must be a number from ${min} to ${max}.`,
    );
}
