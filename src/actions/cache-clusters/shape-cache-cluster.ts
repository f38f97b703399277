/** A cache cluster as the API shows it: a Memcached cluster, a single node, or a member of a group. Pure. */
import type {
  CacheCluster as ApiCacheCluster,
  CacheNode as ApiCacheNode,
  PendingModifiedValues,
} from '@aws-sdk/client-elasticache';
import { reportedVersion } from '../../catalog/engine-versions.ts';
import { buildArn } from '../../model/arns.ts';
import type { CacheNode, Endpoint } from '../../model/node.ts';
import type { CacheCluster, CacheObserved, CacheSettings, ReplicationGroup } from '../../model/resource.ts';
import { shapeAuthToken, shapeAuthTokenStatus } from '../shared/shape-auth-token.ts';
import { shapeEndpoint } from '../shared/shape-endpoint.ts';
import { shapeLogDelivery, shapePendingLogDelivery } from '../shared/shape-log-delivery.ts';
import { parameterStatusOf, worstStatus } from './parameter-status.ts';

export interface ClusterRows {
  readonly cluster: CacheCluster;
  /** The group that it is a member of, or null. */
  readonly group: ReplicationGroup | null;
  /** This cluster's own nodes. */
  readonly nodes: readonly CacheNode[];
  /** Of the cache: of this cluster, or of its group. */
  readonly endpoints: readonly Endpoint[];
}

interface ClusterShapeOptions {
  readonly dnsZone: string | null;
  /** ShowCacheNodeInfo. */
  readonly withNodes: boolean;
}

export function shapeCacheCluster(rows: ClusterRows, options: ClusterShapeOptions): ApiCacheCluster {
  const { cluster, group } = rows;
  // A member shows its group's settings, which may have changed since it joined.
  const settings: CacheSettings = group?.desired ?? cluster.desired;
  const observed: CacheObserved = group?.observed ?? cluster.observed;
  const isMemcached = settings.engine === 'memcached';
  const isCreated = cluster.status !== 'creating';
  const configuration = rows.endpoints.find((endpoint) => endpoint.purpose === 'configuration');
  const configurationEndpoint =
    isMemcached && isCreated ? shapeEndpoint(configuration, options.dnsZone) : undefined;
  const topic = settings.notificationTopic;
  const nodes = livingNodes(rows);
  return {
    CacheClusterId: cluster.id,
    ...(configurationEndpoint ? { ConfigurationEndpoint: configurationEndpoint } : {}),
    ClientDownloadLandingPage: '',
    CacheNodeType: settings.cacheNodeType,
    Engine: settings.engine,
    EngineVersion: reportedVersion(settings.engine, settings.engineVersion, observed.runningVersion),
    CacheClusterStatus: cluster.status,
    NumCacheNodes: cluster.desired.numCacheNodes,
    PreferredAvailabilityZone: cluster.desired.preferredAvailabilityZone,
    ...(isCreated ? { CacheClusterCreateTime: new Date(cluster.createdAt) } : {}),
    PreferredMaintenanceWindow: settings.maintenanceWindow,
    PendingModifiedValues: {
      ...shapePending(cluster),
      ...shapeAuthTokenStatus(settings, rows.nodes),
      ...(group ? {} : shapePendingLogDelivery(cluster)),
    },
    ...(topic ? { NotificationConfiguration: { TopicArn: topic.arn, TopicStatus: topic.status } } : {}),
    CacheSecurityGroups: settings.securityGroupNames.map((name) => ({
      CacheSecurityGroupName: name,
      Status: 'active',
    })),
    CacheParameterGroup: {
      CacheParameterGroupName: settings.parameterGroupName,
      ParameterApplyStatus: worstStatus(nodes.map(({ parameters }) => parameters)),
      CacheNodeIdsToReboot: nodes
        .filter(({ parameters }) => parameters === 'pending-reboot')
        .map(({ node }) => node.cacheNodeId),
    },
    CacheSubnetGroupName: settings.subnetGroupName,
    ...(options.withNodes && isCreated ? { CacheNodes: shapeNodes(rows, options.dnsZone) } : {}),
    AutoMinorVersionUpgrade: settings.autoMinorVersionUpgrade,
    SecurityGroups: settings.securityGroupIds.map((id) => ({ SecurityGroupId: id, Status: 'active' })),
    ...(group
      ? {
          ReplicationGroupId: group.id,
          ReplicationGroupLogDeliveryEnabled: (group.desired.logDelivery ?? []).length > 0,
        }
      : {}),
    ...(isMemcached
      ? {}
      : { SnapshotRetentionLimit: settings.snapshotRetentionLimit, SnapshotWindow: settings.snapshotWindow }),
    ...shapeAuthToken(settings),
    TransitEncryptionEnabled: settings.transitEncryption !== 'off',
    ...(settings.transitEncryption === 'off' ? {} : { TransitEncryptionMode: settings.transitEncryption }),
    AtRestEncryptionEnabled: group?.desired.atRestEncryption ?? false,
    ARN: buildArn('cluster', cluster.id, cluster),
    NetworkType: settings.networkType,
    IpDiscovery: settings.ipDiscovery,
    LogDeliveryConfigurations: group ? [] : shapeLogDelivery(cluster),
  };
}

/** The nodes that are not being removed, each with whether it runs with its parameter group's values. */
function livingNodes({ cluster, group, nodes }: ClusterRows) {
  const { desired } = group ?? cluster;
  return nodes
    .filter((node) => node.intent !== 'deleted')
    .map((node) => ({ node, parameters: parameterStatusOf(desired, node) }));
}

function shapePending(cluster: CacheCluster): PendingModifiedValues {
  const { pending } = cluster.desired;
  return {
    ...(pending.numCacheNodes === undefined ? {} : { NumCacheNodes: pending.numCacheNodes }),
    ...(pending.cacheNodeIdsToRemove === undefined
      ? {}
      : { CacheNodeIdsToRemove: [...pending.cacheNodeIdsToRemove] }),
    ...(pending.engineVersion === undefined ? {} : { EngineVersion: pending.engineVersion }),
    ...(pending.cacheNodeType === undefined ? {} : { CacheNodeType: pending.cacheNodeType }),
  };
}

/** Nodes that are being made are shown without endpoint: nobody serves there yet. */
function shapeNodes(rows: ClusterRows, dnsZone: string | null): ApiCacheNode[] {
  return livingNodes(rows).map(({ node, parameters }) => {
    const own = rows.endpoints.find((endpoint) => endpoint.nodeIncarnation === node.incarnation);
    const endpoint = node.status === 'creating' ? undefined : shapeEndpoint(own, dnsZone);
    return {
      CacheNodeId: node.cacheNodeId,
      CacheNodeStatus: node.status,
      CacheNodeCreateTime: new Date(node.createdAt),
      ...(endpoint ? { Endpoint: endpoint } : {}),
      ParameterGroupStatus: parameters,
      CustomerAvailabilityZone: node.availabilityZone,
    };
  });
}
