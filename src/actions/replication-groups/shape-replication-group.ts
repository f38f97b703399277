/** A replication group as the API shows it. Pure. Rules: spec/behaviour.md §4 (where endpoints are shown), §6. */
import type {
  NodeGroup as ApiNodeGroup,
  ReplicationGroup as ApiReplicationGroup,
  NodeGroupMember,
  ReplicationGroupPendingModifiedValues,
} from '@aws-sdk/client-elasticache';
import { buildArn } from '../../model/arns.ts';
import type { CacheNode, Endpoint, NodeGroup } from '../../model/node.ts';
import type { CacheCluster, ReplicationGroup, ReplicationGroupDesired } from '../../model/resource.ts';
import { shapeAuthToken, shapeAuthTokenStatus } from '../shared/shape-auth-token.ts';
import { shapeEndpoint } from '../shared/shape-endpoint.ts';
import { shapeLogDelivery, shapePendingLogDelivery } from '../shared/shape-log-delivery.ts';

/** The rows that belong to one group. */
export interface GroupRows {
  readonly group: ReplicationGroup;
  /** Empty when the group is available: then every member has its node. */
  readonly members: readonly CacheCluster[];
  readonly nodeGroups: readonly NodeGroup[];
  readonly nodes: readonly CacheNode[];
  readonly endpoints: readonly Endpoint[];
}

/** Endpoints are shown once the group has been provisioned: an address that nobody serves yet helps nobody. */
const isProvisioned = (group: ReplicationGroup): boolean =>
  group.status !== 'creating' && group.status !== 'create-failed';

/** False while somebody else holds the address of an endpoint that moves, so that no node of the group can serve it. */
const areServed = (endpoints: readonly Endpoint[]): boolean =>
  endpoints.every(({ purpose, holder }) => purpose === 'node' || holder !== null);

export function shapeReplicationGroup(recorded: GroupRows, dnsZone: string | null): ApiReplicationGroup {
  const { nodes, endpoints } = recorded;
  const isMending = recorded.group.status === 'available' && !areServed(endpoints);
  const group: ReplicationGroup = isMending ? { ...recorded.group, status: 'modifying' } : recorded.group;
  const rows = { ...recorded, group };
  const { desired } = group;
  const isCluster = desired.clusterMode === 'enabled';
  const find = (purpose: Endpoint['purpose']) => endpoints.find((endpoint) => endpoint.purpose === purpose);
  const shown = isProvisioned(group);
  const configuration = isCluster && shown ? shapeEndpoint(find('configuration'), dnsZone) : undefined;
  return {
    ReplicationGroupId: group.id,
    Description: desired.description,
    Status: group.status,
    PendingModifiedValues: {
      ...shapePending(desired),
      ...shapeAuthTokenStatus(desired, nodes),
      ...shapePendingLogDelivery(group),
    },
    MemberClusters: memberIds(rows),
    ...(shown && nodes.length > 0 ? { NodeGroups: shapeNodeGroups(rows, dnsZone) } : {}),
    ...(desired.snapshottingClusterId ? { SnapshottingClusterId: desired.snapshottingClusterId } : {}),
    AutomaticFailover: desired.automaticFailover ? 'enabled' : 'disabled',
    MultiAZ: desired.multiAz ? 'enabled' : 'disabled',
    ...(configuration ? { ConfigurationEndpoint: configuration } : {}),
    SnapshotRetentionLimit: desired.snapshotRetentionLimit,
    SnapshotWindow: desired.snapshotWindow,
    ClusterEnabled: isCluster,
    CacheNodeType: desired.cacheNodeType,
    ...shapeAuthToken(desired),
    ...shapeTransitEncryption(desired),
    AtRestEncryptionEnabled: desired.atRestEncryption,
    ...(desired.kmsKeyId ? { KmsKeyId: desired.kmsKeyId } : {}),
    ARN: buildArn('replicationgroup', group.id, group),
    ReplicationGroupCreateTime: new Date(group.createdAt),
    DataTiering: 'disabled',
    AutoMinorVersionUpgrade: desired.autoMinorVersionUpgrade,
    NetworkType: desired.networkType,
    IpDiscovery: desired.ipDiscovery,
    ClusterMode: desired.clusterMode,
    Engine: desired.engine,
    LogDeliveryConfigurations: shapeLogDelivery(group),
    UserGroupIds: [],
    Durability: desired.durability,
    EffectiveDurability: effectiveDurability(desired),
  };
}

function shapeTransitEncryption({ transitEncryption: mode }: ReplicationGroupDesired) {
  return mode === 'off'
    ? { TransitEncryptionEnabled: false }
    : { TransitEncryptionEnabled: true, TransitEncryptionMode: mode };
}

/** `default` keeps nothing on disk, as ElastiCache's nodes without durability do. */
function effectiveDurability(
  desired: Pick<ReplicationGroupDesired, 'durability'>,
): 'sync' | 'async' | 'disabled' {
  return desired.durability === 'default' ? 'disabled' : desired.durability;
}

function shapePending(desired: ReplicationGroupDesired): ReplicationGroupPendingModifiedValues {
  const { primaryClusterId } = desired.pending;
  return primaryClusterId === undefined ? {} : { PrimaryClusterId: primaryClusterId };
}

/** Ids of the members, in order. A member is shown before its node is placed, and until the node is marked for deletion. */
function memberIds({ group, members, nodes }: GroupRows): string[] {
  if (group.status === 'deleting') return members.map(({ id }) => id);
  const placed = new Set(nodes.map((node) => node.cacheClusterId));
  const coming = members.filter(({ id, status }) => !placed.has(id) && status !== 'deleting');
  const there = nodes.filter((node) => node.intent !== 'deleted');
  return [...there.map((node) => node.cacheClusterId), ...coming.map(({ id }) => id)].sort();
}

function shapeNodeGroups(rows: GroupRows, dnsZone: string | null): ApiNodeGroup[] {
  return rows.nodeGroups.map((nodeGroup) => {
    const members = rows.nodes.filter(
      (node) => node.nodeGroupId === nodeGroup.nodeGroupId && node.intent !== 'deleted',
    );
    const isCluster = rows.group.desired.clusterMode === 'enabled';
    return {
      NodeGroupId: nodeGroup.nodeGroupId,
      Status: nodeGroupStatus(rows.group, nodeGroup),
      ...(isCluster ? { Slots: nodeGroup.slots } : shapeShardEndpoints(rows, dnsZone)),
      // Terraform takes the first member as the template of all: the primary leads the list.
      NodeGroupMembers: primaryFirst(members, nodeGroup.currentPrimary).map((node) =>
        shapeMember(node, nodeGroup, rows, dnsZone),
      ),
    };
  });
}

/** A node group has the status of its group (§6); of several, only those are being modified whose members change. */
function nodeGroupStatus({ status, desired }: ReplicationGroup, nodeGroup: NodeGroup): string {
  if (status === 'snapshotting') return 'available';
  return status === 'modifying' && desired.clusterMode === 'enabled' ? nodeGroup.status : status;
}

function shapeShardEndpoints({ endpoints }: GroupRows, dnsZone: string | null) {
  const primary = shapeEndpoint(
    endpoints.find((endpoint) => endpoint.purpose === 'primary'),
    dnsZone,
  );
  const reader = shapeEndpoint(
    endpoints.find((endpoint) => endpoint.purpose === 'reader'),
    dnsZone,
  );
  return { ...(primary ? { PrimaryEndpoint: primary } : {}), ...(reader ? { ReaderEndpoint: reader } : {}) };
}

function primaryFirst(members: readonly CacheNode[], primary: string | null): readonly CacheNode[] {
  return [
    ...members.filter((node) => node.incarnation === primary),
    ...members.filter((node) => node.incarnation !== primary),
  ];
}

/** Cluster mode: roles and read endpoints are the cluster's own business, and not shown (§4). */
function shapeMember(
  node: CacheNode,
  nodeGroup: NodeGroup,
  rows: GroupRows,
  dnsZone: string | null,
): NodeGroupMember {
  const common = {
    CacheClusterId: node.cacheClusterId,
    CacheNodeId: node.cacheNodeId,
    PreferredAvailabilityZone: node.availabilityZone,
  };
  if (rows.group.desired.clusterMode === 'enabled') return common;
  const own = rows.endpoints.find((endpoint) => endpoint.nodeIncarnation === node.incarnation);
  const endpoint = shapeEndpoint(own, dnsZone);
  return {
    ...common,
    ...(endpoint ? { ReadEndpoint: endpoint } : {}),
    CurrentRole: node.incarnation === nodeGroup.currentPrimary ? 'primary' : 'replica',
  };
}
