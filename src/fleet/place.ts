/**
 * Gives the nodes of a cache their identity: incarnation, zone, address, and the cache its endpoints. Pure but for
 * the ids and addresses that it is handed: the caller commits the rows, and when an address was taken meanwhile,
 * plans anew.
 */

import { newestConfiguration } from '../model/configuration.ts';
import {
  type CacheLabel,
  clusterNodeHost,
  configurationHost,
  memberHost,
  memcachedConfigurationHost,
  primaryHost,
  readerHost,
} from '../model/naming.ts';
import type { CacheNode, Endpoint, EndpointPurpose } from '../model/node.ts';
import type { Cache, CacheCluster } from '../model/resource.ts';
import { hasReplication, isClusterMode } from './cache-view.ts';

export interface PlaceOptions {
  /** A free address of that zone's pool; null: of the pool for endpoints that move between nodes. */
  readonly nextAddress: (zone: string | null) => string;
  readonly nextIncarnation: () => string;
  readonly host: string;
  readonly engineVersion: string;
  readonly now: number;
}

/** A node that the cache is to have and has not yet. */
export interface NodeSlot {
  readonly cluster: CacheCluster;
  readonly cacheNodeId: string;
  readonly availabilityZone: string;
}

function labelOf(cache: Cache): CacheLabel {
  return {
    cacheId: cache.id,
    hash: cache.desired.dnsHash,
    region: cache.region,
    tls: cache.desired.transitEncryption !== 'off',
  };
}

/** The row of a new node, not started yet. */
export function placeNode(cache: Cache, slot: NodeSlot, options: PlaceOptions): CacheNode {
  const { cluster } = slot;
  return {
    account: cache.account,
    region: cache.region,
    incarnation: options.nextIncarnation(),
    version: 1,
    cacheIncarnation: cache.incarnation,
    cacheClusterId: cluster.id,
    cacheNodeId: slot.cacheNodeId,
    replicationGroupId: cluster.desired.replicationGroupId,
    nodeGroupId: hasReplication(cache) ? (cluster.desired.nodeGroupId ?? '0001') : null,
    engine: cache.desired.engine,
    target: {
      engineVersion: options.engineVersion,
      cacheNodeType: cache.desired.cacheNodeType,
      configVersion: newestConfiguration(cache.desired).version,
    },
    started: null,
    applied: null,
    availabilityZone: slot.availabilityZone,
    host: options.host,
    address: options.nextAddress(slot.availabilityZone),
    port: cache.desired.port,
    tls: cache.desired.transitEncryption !== 'off',
    status: 'creating',
    intent: 'running',
    role: null,
    handle: null,
    synced: false,
    createdAt: options.now,
  };
}

/** The node's own address as an endpoint: what clients of Memcached, of single nodes and of replicas connect to. */
export function nodeEndpoint(cache: Cache, node: CacheNode): Endpoint {
  const label = labelOf(cache);
  return {
    address: node.address,
    port: node.port,
    version: 1,
    cacheIncarnation: cache.incarnation,
    purpose: 'node',
    nodeGroupId: node.nodeGroupId,
    nodeIncarnation: node.incarnation,
    dnsName:
      cache.kind === 'replication-group'
        ? memberHost(label, node.cacheClusterId)
        : clusterNodeHost(label, node.cacheNodeId),
    holder: node.incarnation,
  };
}

/** Endpoints that move from node to node: which ones a cache has depends on its kind. */
export function movingEndpoints(cache: Cache, options: PlaceOptions): Endpoint[] {
  const label = labelOf(cache);
  const endpoint = (purpose: EndpointPurpose, dnsName: string, nodeGroupId: string | null): Endpoint => ({
    address: options.nextAddress(null),
    port: cache.desired.port,
    version: 1,
    cacheIncarnation: cache.incarnation,
    purpose,
    nodeGroupId,
    nodeIncarnation: null,
    dnsName,
    holder: null,
  });
  if (!hasReplication(cache)) return [endpoint('configuration', memcachedConfigurationHost(label), null)];
  if (cache.kind === 'cache-cluster') return [];
  if (isClusterMode(cache)) return [endpoint('configuration', configurationHost(label), null)];
  return [endpoint('primary', primaryHost(label), '0001'), endpoint('reader', readerHost(label), '0001')];
}
