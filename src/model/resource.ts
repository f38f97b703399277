/**
 * Resources: the things that the ElastiCache API names. A resource row says what was asked for (`desired`,
 * which only API actions and operations write) and what was last seen (`observed`, which only operations and
 * reconcilers write). `version` counts the writes: a writer states the version it read, and loses the race
 * when somebody was faster.
 */
import type { Configuration } from './configuration.ts';
import type { LogDelivery, ObservedLogDelivery } from './log-delivery.ts';
import type { Tag } from './tags.ts';

const resourceKinds = [
  'replication-group',
  'cache-cluster',
  'parameter-group',
  'subnet-group',
  'security-group',
  'reserved-node',
] as const;
export type ResourceKind = (typeof resourceKinds)[number];

export type Engine = 'valkey' | 'redis' | 'memcached';

/** A topic is stored and echoed; nothing is delivered to it. */
export interface NotificationTopic {
  readonly arn: string;
  readonly status: 'active' | 'inactive';
}

/** What a replication group and a cache cluster have in common. */
export interface CacheSettings {
  readonly engine: Engine;
  /** As ElastiCache writes it: `8.1`, `7.0`, `1.6.38`. */
  readonly engineVersion: string;
  /**
   * The newer version that all nodes of this cache run, since `engineVersion` was not to be had and a stand-in was allowed
   * when it was made. It stays when that is allowed no longer: data that a newer engine wrote cannot go back.
   */
  readonly standIn?: string;
  readonly cacheNodeType: string;
  readonly parameterGroupName: string;
  /** The cache's configurations, oldest first. Empty for a member of a group: its node runs with one of the group's. */
  readonly configurations: readonly Configuration[];
  readonly subnetGroupName: string;
  readonly securityGroupNames: readonly string[];
  readonly securityGroupIds: readonly string[];
  readonly port: number;
  readonly maintenanceWindow: string;
  readonly snapshotWindow: string;
  /** Days, 0–35; 0 = no automatic snapshots. */
  readonly snapshotRetentionLimit: number;
  readonly autoMinorVersionUpgrade: boolean;
  readonly notificationTopic: NotificationTopic | null;
  readonly networkType: 'ipv4';
  readonly ipDiscovery: 'ipv4';
  readonly transitEncryption: TransitEncryption;
  /** Absent: none was ever asked for. */
  readonly logDelivery?: readonly LogDelivery[];
  /** Six lower-case alphanumerics in the DNS names of this cache (spec/behaviour.md §4). */
  readonly dnsHash: string;
}

/** `required`: every port of the cache speaks TLS and nothing else. `off`: none does. */
export type TransitEncryption = 'off' | 'required';

export interface ReplicationGroupDesired extends CacheSettings {
  readonly engine: 'valkey' | 'redis';
  readonly description: string;
  readonly clusterMode: 'enabled' | 'disabled';
  readonly automaticFailover: boolean;
  readonly multiAz: boolean;
  readonly atRestEncryption: boolean;
  readonly kmsKeyId: string | null;
  readonly snapshottingClusterId: string | null;
  readonly durability: RequestedDurability;
  /** What DescribeReplicationGroups shows as PendingModifiedValues and the next window applies. */
  readonly pending: PendingReplicationGroupValues;
}

/** `sync`: every acknowledged write survives the loss of any one node's process (see ARCHITECTURE). */
export type Durability = 'sync' | 'async' | 'disabled';
/** The durability that a request asked for; `default` leaves the choice to the service. */
type RequestedDurability = Durability | 'default';

export interface PendingReplicationGroupValues {
  readonly cacheNodeType?: string;
  readonly engineVersion?: string;
  readonly primaryClusterId?: string;
}

export interface CacheClusterDesired extends CacheSettings {
  /** The group that this cluster is a member of; its settings are copies of the group's. */
  readonly replicationGroupId: string | null;
  readonly nodeGroupId: string | null;
  /** `Multiple` for a Memcached cluster over several zones. */
  readonly preferredAvailabilityZone: string;
  readonly numCacheNodes: number;
  readonly pending: PendingCacheClusterValues;
}

export interface PendingCacheClusterValues {
  readonly numCacheNodes?: number;
  readonly cacheNodeIdsToRemove?: readonly string[];
  readonly newAvailabilityZones?: readonly string[];
  readonly engineVersion?: string;
  readonly cacheNodeType?: string;
}

interface ParameterGroupDesired {
  readonly family: string;
  readonly description: string;
  /** Parameter name → value, only what the user set. */
  readonly overrides: Readonly<Record<string, string>>;
}

export interface Subnet {
  readonly subnetId: string;
  readonly availabilityZone: string;
}

interface SubnetGroupDesired {
  readonly description: string;
  readonly vpcId: string;
  readonly subnets: readonly Subnet[];
}

interface SecurityGroupDesired {
  readonly description: string;
  readonly ownerId: string;
  readonly ingress: readonly { readonly name: string; readonly ownerId: string; readonly status: string }[];
}

interface ReservedNodeDesired {
  readonly offeringId: string;
  readonly cacheNodeType: string;
  readonly durationSeconds: number;
  readonly fixedPrice: number;
  readonly usagePrice: number;
  readonly cacheNodeCount: number;
  readonly productDescription: string;
  readonly offeringType: string;
  readonly recurringCharges: readonly { readonly amount: number; readonly frequency: string }[];
}

export interface CacheObserved {
  /**
   * The full version of the running engine, e.g. `8.1.1`. Until the first node has answered it is that of the engine that is
   * to run, so that the answer to a creation shows what Describe shows afterwards.
   */
  readonly runningVersion: string | null;
  /** The last sentence of an operation on this resource, for people. */
  readonly sentence: string | null;
  /** Memcached: the version of the node list that the configuration endpoint serves. */
  readonly configurationVersion: number;
  readonly logDelivery?: readonly ObservedLogDelivery[];
}

export const nothingObserved: CacheObserved = {
  runningVersion: null,
  sentence: null,
  configurationVersion: 0,
};

export interface DesiredByKind {
  'replication-group': ReplicationGroupDesired;
  'cache-cluster': CacheClusterDesired;
  'parameter-group': ParameterGroupDesired;
  'subnet-group': SubnetGroupDesired;
  'security-group': SecurityGroupDesired;
  'reserved-node': ReservedNodeDesired;
}

interface ObservedByKind {
  'replication-group': CacheObserved;
  'cache-cluster': CacheObserved;
  'parameter-group': Record<string, never>;
  'subnet-group': Record<string, never>;
  'security-group': Record<string, never>;
  'reserved-node': Record<string, never>;
}

/** Where a resource lives: ids are unique within account, region and kind. */
export interface Scope {
  readonly account: string;
  readonly region: string;
}

export interface ResourceKey<K extends ResourceKind = ResourceKind> extends Scope {
  readonly kind: K;
  /** Lower-case, as the API shows it. */
  readonly id: string;
}

export interface Resource<K extends ResourceKind = ResourceKind> extends ResourceKey<K> {
  /**
   * 16 hex digits, new for every creation: a deleted and recreated `orders` shares no node directory,
   * process or address with the first one.
   */
  readonly incarnation: string;
  /** Starts at 1, +1 with each write. */
  readonly version: number;
  /** The API's status word, e.g. `creating`, `available`, `rebooting cluster nodes`. */
  readonly status: string;
  readonly tags: readonly Tag[];
  readonly desired: DesiredByKind[K];
  readonly observed: ObservedByKind[K];
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly updatedAt: number;
}

export type ReplicationGroup = Resource<'replication-group'>;
export type CacheCluster = Resource<'cache-cluster'>;
export type ParameterGroup = Resource<'parameter-group'>;
export type SubnetGroup = Resource<'subnet-group'>;
/** A resource that owns nodes: a replication group, or a cache cluster outside of any group. */
export type Cache = ReplicationGroup | CacheCluster;

/** Another resource that must not be deleted while this one exists. The store keeps references up to date with each write. */
interface Reference {
  readonly kind: ResourceKind;
  readonly id: string;
}

/** The groups that a resource uses; a replication group's members refer to the group too. */
export function referencesOf(resource: Pick<Resource, 'kind' | 'desired'>): readonly Reference[] {
  switch (resource.kind) {
    case 'replication-group':
    case 'cache-cluster': {
      const desired = resource.desired as ReplicationGroupDesired | CacheClusterDesired;
      const references: Reference[] = [{ kind: 'parameter-group', id: desired.parameterGroupName }];
      if (desired.subnetGroupName) references.push({ kind: 'subnet-group', id: desired.subnetGroupName });
      for (const id of desired.securityGroupNames) references.push({ kind: 'security-group', id });
      if ('replicationGroupId' in desired && desired.replicationGroupId)
        references.push({ kind: 'replication-group', id: desired.replicationGroupId });
      return references;
    }
    default:
      return [];
  }
}
