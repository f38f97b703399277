/** Every name and address by which clients may come to a node. Pure. */
import {
  clusterNodeHost,
  configurationHost,
  memberHost,
  memcachedConfigurationHost,
  primaryHost,
  readerHost,
} from '../model/naming.ts';
import type { CacheNode, Endpoint } from '../model/node.ts';
import type { Cache } from '../model/resource.ts';
import type { ServerNames } from '../security/certificates/certificates.ts';
import { hasReplication } from './cache-view.ts';

/**
 * The node's own, and those of every endpoint that may move to it. Names in both forms of ElastiCache's (with and without
 * TLS), and with a wildcard for the members: where names are not served, people put them into files of their own.
 * `zone`: null without names.
 */
export function serverNames(
  cache: Cache,
  node: Pick<CacheNode, 'address' | 'cacheClusterId' | 'cacheNodeId'>,
  endpoints: readonly Endpoint[],
  zone: string | null,
): ServerNames {
  const moving = endpoints.filter(({ purpose }) => purpose !== 'node').map(({ address }) => address);
  const dnsNames = zone === null ? [] : hostsOf(cache, node).map((host) => `${host}.${zone}`);
  return {
    commonName: node.cacheClusterId,
    dnsNames,
    addresses: [...new Set([node.address, ...moving])],
  };
}

function hostsOf(cache: Cache, node: Pick<CacheNode, 'cacheClusterId' | 'cacheNodeId'>): string[] {
  const label = { cacheId: cache.id, hash: cache.desired.dnsHash, region: cache.region };
  const [plain, encrypted] = [
    { ...label, tls: false },
    { ...label, tls: true },
  ];
  // `*.orders.ab12cd.use1`: whatever the first label is.
  const members = `*.${memberHost(encrypted, '').slice(1)}`;
  if (!hasReplication(cache))
    return [members, memcachedConfigurationHost(plain), clusterNodeHost(plain, node.cacheNodeId)];
  return [
    members,
    ...[primaryHost, readerHost, configurationHost].map((host) => host(plain)),
    memberHost(plain, node.cacheClusterId),
  ];
}
