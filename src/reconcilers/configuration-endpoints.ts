/**
 * Whether Memcached's configuration endpoints are served. The server tries again by itself, four times a second; who holds
 * an address instead is told here: in an event, when it begins and when it ends, and in the status.
 */
import { endpointOccupied, endpointServedAgain } from '../catalog/events.ts';
import type { EndpointStatus } from '../endpoints/memcached-configuration/control.ts';
import { announce } from '../fleet/announce.ts';
import type { ConfigurationServer } from '../fleet/configuration-server.ts';
import type { Fleet } from '../fleet/fleet.ts';

interface ConfigurationEndpoints {
  /** To be called every few seconds. */
  look(): Promise<void>;
  /** For people. */
  findings(): readonly string[];
}

export function createConfigurationEndpoints(
  { store, clock, probeAddress }: Pick<Fleet, 'store' | 'clock' | 'probeAddress'>,
  server: Pick<ConfigurationServer, 'unserved'>,
): ConfigurationEndpoints {
  /** By cache: what was told of it. This Limber's memory only: the next one says once more what still holds. */
  const told = new Map<string, string>();

  async function begin({ name, address, port }: EndpointStatus): Promise<void> {
    const cache = await store.resourceByIncarnation('cache-cluster', name);
    const probe = await probeAddress(address, port);
    if (cache?.status !== 'available' || probe === 'free') return;
    const why = 'inUse' in probe ? probe.inUse : probe.unusable;
    const event = endpointOccupied('cache-cluster', 'configuration', why);
    await store.commit([announce(cache, cache.id, event, clock.now())]);
    told.set(name, `the configuration endpoint of ${cache.id} is not served: ${why}`);
  }

  async function end(name: string): Promise<void> {
    told.delete(name);
    const cache = await store.resourceByIncarnation('cache-cluster', name);
    const [endpoint] = (await store.endpointsOf([name])).filter(({ purpose }) => purpose === 'configuration');
    if (!cache || !endpoint) return;
    const event = endpointServedAgain(
      'cache-cluster',
      'configuration',
      `${endpoint.address}:${endpoint.port}`,
    );
    await store.commit([announce(cache, cache.id, event, clock.now())]);
  }

  return {
    async look() {
      const unserved = await server.unserved();
      for (const endpoint of unserved) if (!told.has(endpoint.name)) await begin(endpoint);
      for (const name of told.keys())
        if (!unserved.some((endpoint) => endpoint.name === name)) await end(name);
    },
    findings: () => [...told.values()],
  };
}
