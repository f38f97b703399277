/**
 * What a tool that keeps a state (Terraform) would see as drift: members of a creation that a Describe afterwards answers
 * otherwise, compared as such tools compare them.
 */
import type { CacheCluster, ReplicationGroup } from '@aws-sdk/client-elasticache';

type Given = Readonly<Record<string, unknown>>;
/** Member of the request → what the answer says of it, in the request's form. Undefined: it does not say. */
type Shown = Readonly<Record<string, unknown>>;

/** Of the first member of a group too, where tools find what the group itself does not show. */
export function groupDrift(given: Given, group: ReplicationGroup, member: CacheCluster): string[] {
  const { NodeGroups = [], MemberClusters = [] } = group;
  return driftOf(given, {
    ...sharedWith(given, member),
    ReplicationGroupDescription: group.Description,
    CacheNodeType: group.CacheNodeType,
    AutomaticFailoverEnabled: group.AutomaticFailover === 'enabled',
    MultiAZEnabled: group.MultiAZ === 'enabled',
    NumCacheClusters: MemberClusters.length,
    NumNodeGroups: NodeGroups.length,
    ReplicasPerNodeGroup: (NodeGroups[0]?.NodeGroupMembers ?? []).length - 1,
    Port: (group.ConfigurationEndpoint ?? NodeGroups[0]?.PrimaryEndpoint)?.Port,
    AtRestEncryptionEnabled: group.AtRestEncryptionEnabled,
    TransitEncryptionEnabled: group.TransitEncryptionEnabled,
    TransitEncryptionMode: group.TransitEncryptionMode,
    KmsKeyId: group.KmsKeyId,
    ClusterMode: group.ClusterMode,
    SnapshotRetentionLimit: group.SnapshotRetentionLimit,
    SnapshotWindow: group.SnapshotWindow,
    AuthToken: group.AuthTokenEnabled ? given.AuthToken : undefined,
    UserGroupIds: group.UserGroupIds,
  });
}

export function clusterDrift(given: Given, cluster: CacheCluster): string[] {
  return driftOf(given, {
    ...sharedWith(given, cluster),
    CacheNodeType: cluster.CacheNodeType,
    NumCacheNodes: cluster.NumCacheNodes,
    PreferredAvailabilityZone: cluster.PreferredAvailabilityZone,
    Port: (cluster.ConfigurationEndpoint ?? cluster.CacheNodes?.[0]?.Endpoint)?.Port,
    SnapshotRetentionLimit: cluster.SnapshotRetentionLimit,
    SnapshotWindow: cluster.SnapshotWindow,
    TransitEncryptionEnabled: cluster.TransitEncryptionEnabled,
  });
}

function sharedWith(given: Given, cluster: CacheCluster): Shown {
  return {
    Engine: cluster.Engine,
    EngineVersion: comparableVersion(`${given.EngineVersion}`, cluster.EngineVersion ?? ''),
    CacheParameterGroupName: cluster.CacheParameterGroup?.CacheParameterGroupName,
    CacheSubnetGroupName: cluster.CacheSubnetGroupName,
    SecurityGroupIds: cluster.SecurityGroups?.map((group) => group.SecurityGroupId),
    PreferredMaintenanceWindow: cluster.PreferredMaintenanceWindow,
    AutoMinorVersionUpgrade: cluster.AutoMinorVersionUpgrade,
    NotificationTopicArn: cluster.NotificationConfiguration?.TopicArn,
  };
}

/** Two parts are compared from Redis 6 on, and `6.x` stands for any 6. */
function comparableVersion(given: string, shown: string): string {
  if (given === '6.x') return shown.startsWith('6.') ? given : shown;
  return shown.startsWith(`${given}.`) ? given : shown;
}

function driftOf(given: Given, shown: Shown): string[] {
  return Object.keys(shown)
    .filter((name) => given[name] !== undefined && textOf(given[name]) !== textOf(shown[name]))
    .map((name) => `${name} was ${JSON.stringify(given[name])} and is ${JSON.stringify(shown[name])}`);
}

/** Lower case, as ElastiCache keeps engines and windows; a list without regard to its order. */
function textOf(value: unknown): string {
  const plain = Array.isArray(value) ? value.map(String).sort() : value;
  return (JSON.stringify(plain) ?? 'undefined').toLowerCase();
}
