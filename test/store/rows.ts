/** Rows for the tests of the store: complete, valid, and different where the caller says so. */

import type { Configuration } from '../../src/model/configuration.ts';
import type { CacheEvent } from '../../src/model/event.ts';
import type { CacheNode, Endpoint, NodeGroup, NodeTarget } from '../../src/model/node.ts';
import type { Operation } from '../../src/model/operation.ts';
import {
  type CacheCluster,
  nothingObserved,
  type ReplicationGroup,
  type SubnetGroup,
} from '../../src/model/resource.ts';
import type { Setting } from '../../src/model/setting.ts';

export const scope = { account: '000000000000', region: 'eu-central-1' } as const;
export const elsewhere = { account: '000000000000', region: 'us-east-1' } as const;
export const now = 1_790_000_000_000;

let made = 0;
/** 16 hex digits that no other row of this process has. */
export const incarnation = (): string => (++made).toString(16).padStart(16, '0');

/** Configuration 1 of every cache that is made here. */
export const configuration: Configuration = {
  version: 1,
  parameterGroupName: 'default.valkey8',
  family: 'valkey8',
  overrides: {},
};
export const target: NodeTarget = {
  engineVersion: '8.1.1',
  cacheNodeType: 'cache.t4g.small',
  configVersion: 1,
};
/** A node whose process runs with all of its target. */
export const onTarget = {
  target,
  started: target,
  applied: { cacheNodeType: target.cacheNodeType, configVersion: target.configVersion },
} as const satisfies Partial<CacheNode>;

const settings = {
  engineVersion: '8.1',
  cacheNodeType: 'cache.t4g.small',
  parameterGroupName: 'default.valkey8',
  configurations: [configuration],
  subnetGroupName: '',
  securityGroupNames: [],
  securityGroupIds: [],
  port: 6379,
  maintenanceWindow: 'sun:05:00-sun:06:00',
  snapshotWindow: '03:00-04:00',
  snapshotRetentionLimit: 0,
  autoMinorVersionUpgrade: true,
  notificationTopic: null,
  networkType: 'ipv4',
  ipDiscovery: 'ipv4',
  transitEncryption: 'off',
  dnsHash: 'ab12cd',
} as const;

export function replicationGroup(id: string, changes: Partial<ReplicationGroup> = {}): ReplicationGroup {
  return {
    ...scope,
    kind: 'replication-group',
    id,
    incarnation: incarnation(),
    version: 1,
    status: 'creating',
    tags: [{ key: 'team', value: 'Füße und 🧦' }],
    desired: {
      ...settings,
      engine: 'valkey',
      description: `group "${id}" with 'quotes'`,
      clusterMode: 'disabled',
      automaticFailover: true,
      multiAz: false,
      atRestEncryption: false,
      kmsKeyId: null,
      snapshottingClusterId: null,
      durability: 'async',
      pending: {},
    },
    observed: nothingObserved,
    createdAt: now,
    updatedAt: now,
    ...changes,
  };
}

export function cacheCluster(
  id: string,
  desired: Partial<CacheCluster['desired']> = {},
  changes: Partial<CacheCluster> = {},
): CacheCluster {
  return {
    ...scope,
    kind: 'cache-cluster',
    id,
    incarnation: incarnation(),
    version: 1,
    status: 'available',
    tags: [],
    desired: {
      ...settings,
      engine: 'valkey',
      replicationGroupId: null,
      nodeGroupId: null,
      preferredAvailabilityZone: 'eu-central-1a',
      numCacheNodes: 1,
      pending: {},
      ...desired,
    },
    observed: nothingObserved,
    createdAt: now,
    updatedAt: now,
    ...changes,
  };
}

export function subnetGroup(id: string): SubnetGroup {
  return {
    ...scope,
    kind: 'subnet-group',
    id,
    incarnation: incarnation(),
    version: 1,
    status: 'available',
    tags: [],
    desired: { description: id, vpcId: 'vpc-1', subnets: [] },
    observed: {},
    createdAt: now,
    updatedAt: now,
  };
}

export function cacheNode(changes: Partial<CacheNode> = {}): CacheNode {
  return {
    ...scope,
    incarnation: incarnation(),
    version: 1,
    cacheIncarnation: 'cache-1',
    cacheClusterId: 'orders-0001-001',
    cacheNodeId: '0001',
    replicationGroupId: 'orders',
    nodeGroupId: '0001',
    engine: 'valkey',
    ...onTarget,
    availabilityZone: 'eu-central-1a',
    host: 'here',
    address: '127.100.7.1',
    port: 6379,
    tls: false,
    status: 'available',
    intent: 'running',
    role: 'primary',
    handle: { bootId: 'b', pid: 4711, startTime: 123456 },
    synced: true,
    createdAt: now,
    ...changes,
  };
}

export function nodeGroup(changes: Partial<NodeGroup> = {}): NodeGroup {
  return {
    cacheIncarnation: 'cache-1',
    nodeGroupId: '0001',
    version: 1,
    status: 'available',
    isFormed: true,
    slots: '0-16383',
    currentPrimary: null,
    targetPrimary: null,
    ...changes,
  };
}

export const setting = (name: string, value: string, version = 1): Setting => ({ name, version, value });

export function endpoint(changes: Partial<Endpoint> = {}): Endpoint {
  return {
    address: '127.100.7.9',
    port: 6379,
    version: 1,
    cacheIncarnation: 'cache-1',
    purpose: 'primary',
    nodeGroupId: '0001',
    nodeIncarnation: null,
    dnsName: 'orders.ab12cd.ng.0001.euc1',
    holder: null,
    ...changes,
  };
}

export function operation(id: string, changes: Partial<Operation> = {}): Operation {
  return {
    ...scope,
    id,
    version: 1,
    kind: 'create-replication-group',
    lock: 'cache-1',
    input: { nodes: 2 },
    state: null,
    status: 'queued',
    attempts: 0,
    lastError: null,
    workedMs: 0,
    sentence: 'waits for its turn',
    createdAt: now,
    updatedAt: now,
    ...changes,
  };
}

export function event(message: string, changes: Partial<CacheEvent> = {}): CacheEvent {
  return {
    ...scope,
    sourceType: 'replication-group',
    sourceId: 'orders',
    message,
    eventId: 'ElastiCache:Test',
    date: now,
    ...changes,
  };
}
