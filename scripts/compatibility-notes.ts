/**
 * What docs/compatibility.md says beyond what the code can tell. Parameters that an action refuses are not listed
 * here: the generator takes them from the action's own file.
 */
import type { ActionName } from '../src/protocol/query/index.ts';

/** A part of the API and the state of it in a sentence. */
export interface Family {
  readonly title: string;
  readonly sentence: string;
  readonly actions: readonly ActionName[];
}

/** Every action stands in exactly one family. */
export const families: readonly Family[] = [
  {
    title: 'Caches',
    sentence: 'Real engines behind every one of them.',
    actions: [
      'CreateCacheCluster',
      'CreateReplicationGroup',
      'DeleteCacheCluster',
      'DeleteReplicationGroup',
      'DescribeCacheClusters',
      'DescribeReplicationGroups',
      'ModifyCacheCluster',
      'ModifyReplicationGroup',
      'RebootCacheCluster',
    ],
  },
  {
    title: 'Scaling and failover on request',
    sentence: 'Failover after a failure needs no action: it is always on where the group asks for it.',
    actions: [
      'DecreaseReplicaCount',
      'IncreaseReplicaCount',
      'ListAllowedNodeTypeModifications',
      'ModifyReplicationGroupShardConfiguration',
      'TestFailover',
    ],
  },
  {
    title: 'Parameter groups and engine versions',
    sentence:
      'Values reach the running engines; see [differences](differences.md#parameters) for those that cannot.',
    actions: [
      'CreateCacheParameterGroup',
      'DeleteCacheParameterGroup',
      'DescribeCacheEngineVersions',
      'DescribeCacheParameterGroups',
      'DescribeCacheParameters',
      'DescribeEngineDefaultParameters',
      'ModifyCacheParameterGroup',
      'ResetCacheParameterGroup',
    ],
  },
  {
    title: 'Subnet and security groups',
    sentence: 'Kept and checked as on AWS; they filter nothing ([differences](differences.md#network)).',
    actions: [
      'AuthorizeCacheSecurityGroupIngress',
      'CreateCacheSecurityGroup',
      'CreateCacheSubnetGroup',
      'DeleteCacheSecurityGroup',
      'DeleteCacheSubnetGroup',
      'DescribeCacheSecurityGroups',
      'DescribeCacheSubnetGroups',
      'ModifyCacheSubnetGroup',
      'RevokeCacheSecurityGroupIngress',
    ],
  },
  {
    title: 'Events and tags',
    sentence: 'Events are kept for 14 days.',
    actions: ['AddTagsToResource', 'DescribeEvents', 'ListTagsForResource', 'RemoveTagsFromResource'],
  },
  {
    title: 'Reserved nodes',
    sentence: 'Bookkeeping only: nothing is paid, and a purchase is active at once.',
    actions: [
      'DescribeReservedCacheNodes',
      'DescribeReservedCacheNodesOfferings',
      'PurchaseReservedCacheNodesOffering',
    ],
  },
  {
    title: 'Snapshots',
    sentence: 'Retention and windows are stored with a cache.',
    actions: ['CopySnapshot', 'CreateSnapshot', 'DeleteSnapshot', 'DescribeSnapshots'],
  },
  {
    title: 'Users and user groups',
    sentence: 'What clients may do inside an engine: [access control](access-control.md).',
    actions: [
      'CreateUser',
      'CreateUserGroup',
      'DeleteUser',
      'DeleteUserGroup',
      'DescribeUserGroups',
      'DescribeUsers',
      'ModifyUser',
      'ModifyUserGroup',
    ],
  },
  {
    title: 'Service updates',
    sentence: '',
    actions: [
      'BatchApplyUpdateAction',
      'BatchStopUpdateAction',
      'DescribeServiceUpdates',
      'DescribeUpdateActions',
    ],
  },
  {
    title: 'Serverless caches',
    sentence: '',
    actions: [
      'CopyServerlessCacheSnapshot',
      'CreateServerlessCache',
      'CreateServerlessCacheSnapshot',
      'DeleteServerlessCache',
      'DeleteServerlessCacheSnapshot',
      'DescribeServerlessCacheSnapshots',
      'DescribeServerlessCaches',
      'ExportServerlessCacheSnapshot',
      'ModifyServerlessCache',
    ],
  },
  {
    title: 'Online migration',
    sentence: '',
    actions: ['CompleteMigration', 'StartMigration', 'TestMigration'],
  },
  {
    title: 'Global datastores',
    sentence: '',
    actions: [
      'CreateGlobalReplicationGroup',
      'DecreaseNodeGroupsInGlobalReplicationGroup',
      'DeleteGlobalReplicationGroup',
      'DescribeGlobalReplicationGroups',
      'DisassociateGlobalReplicationGroup',
      'FailoverGlobalReplicationGroup',
      'IncreaseNodeGroupsInGlobalReplicationGroup',
      'ModifyGlobalReplicationGroup',
      'RebalanceSlotsInGlobalReplicationGroup',
    ],
  },
];

/** What lists things that cannot be made yet: always empty, and NotFound by id. */
export const listsNothing: readonly ActionName[] = [
  'DescribeGlobalReplicationGroups',
  'DescribeServerlessCacheSnapshots',
  'DescribeServerlessCaches',
  'DescribeServiceUpdates',
  'DescribeSnapshots',
  'DescribeUpdateActions',
  'DescribeUserGroups',
  'DescribeUsers',
];

/** Limits of an action that is built: what it does otherwise than ElastiCache, or not at all. */
export const limits: Readonly<Partial<Record<ActionName, string>>> = {
  AuthorizeCacheSecurityGroupIngress: 'recorded; nothing is filtered',
  CreateCacheCluster: 'NetworkType and IpDiscovery: `ipv4` only',
  CreateCacheSecurityGroup: 'recorded; nothing is filtered',
  CreateCacheSubnetGroup: 'any well-formed subnet id is taken; its zone follows from the id',
  CreateReplicationGroup:
    'TransitEncryptionMode: `required` only ([TLS](tls.md)); NetworkType and IpDiscovery: `ipv4` only; ClusterMode `compatible` is refused; encryption at rest is recorded only',
  DescribeCacheClusters:
    'of one cluster that is changing: [held](differences.md#describe-is-held) for a moment',
  DescribeCacheEngineVersions: 'what this machine can run, not what AWS lists',
  DescribeReplicationGroups:
    'of one group that is changing: [held](differences.md#describe-is-held) for a moment',
  ListAllowedNodeTypeModifications: 'lists the types; changing to one is refused until it is built',
  ModifyCacheCluster: 'CacheNodeType, Engine and EngineVersion can only be given as they are',
  ModifyCacheParameterGroup: '`rename-commands` is refused',
  ModifyReplicationGroup:
    'CacheNodeType, Engine, EngineVersion, ClusterMode, TransitEncryptionEnabled and Durability can only be given as they are',
  PurchaseReservedCacheNodesOffering: 'nothing is paid',
  RevokeCacheSecurityGroupIngress: 'recorded; nothing is filtered',
};
