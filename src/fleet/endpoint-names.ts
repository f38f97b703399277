/** The addresses that the DNS names of endpoints stand for at this moment. */
import type { CacheNode, Endpoint } from '../model/node.ts';
import type { Store } from '../store/contract.ts';

interface EndpointAddresses {
  readonly addresses: readonly string[];
  readonly ttlSeconds: number;
}

/**
 * An endpoint keeps its address as long as its cache lives, whoever binds it: a failover changes nothing that was
 * looked up before. ElastiCache's own names have TTLs of this size.
 */
const steadyTtlSeconds = 5;
/** The replicas of a reader endpoint's name come and go, and a client should soon ask another one. */
const readerTtlSeconds = 1;

/**
 * Looks names up, lower-case and without their zone; null for one that no endpoint has. A reader endpoint's name
 * leads to every replica that serves, so that clients spread over them by themselves; without any, to the address
 * that the primary binds for readers then.
 */
export function createNameLookup(options: {
  readonly store: Pick<Store, 'endpointsByName' | 'nodesOf'>;
  /** Its process answers at present. */
  readonly isServing: (node: CacheNode) => boolean;
}): (dnsName: string) => Promise<EndpointAddresses | null> {
  const { store, isServing } = options;
  return async (dnsName) => {
    const endpoints = await store.endpointsByName(dnsName);
    const reader = endpoints.find((endpoint) => endpoint.purpose === 'reader');
    if (!reader) return endpoints.length === 0 ? null : steady(endpoints);
    const nodes = await store.nodesOf([reader.cacheIncarnation], reader.nodeGroupId ?? undefined);
    const replicas = nodes.filter(
      (node) => node.intent === 'running' && node.role === 'replica' && node.synced && isServing(node),
    );
    const addresses = (replicas.length > 0 ? replicas : [reader]).map(({ address }) => address);
    return { addresses, ttlSeconds: readerTtlSeconds };
  };
}

const steady = (endpoints: readonly Endpoint[]): EndpointAddresses => ({
  addresses: [...new Set(endpoints.map(({ address }) => address))],
  ttlSeconds: steadyTtlSeconds,
});
