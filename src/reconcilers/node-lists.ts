/**
 * Keeps right what Memcached's configuration endpoints serve while no operation changes the nodes: names when `--dns` was
 * switched on or off, the form of discovery when its tag was set, a file that is missing.
 */
import { loadCacheView } from '../fleet/cache-view.ts';
import type { ConfigurationServer } from '../fleet/configuration-server.ts';
import type { Fleet } from '../fleet/fleet.ts';
import { correctedList } from '../fleet/node-list.ts';
import type { Cache } from '../model/resource.ts';
import { StaleWrite, type Store } from '../store/contract.ts';

/** Looks at every published list, and at those of `incarnations`, which may have lost theirs. */
export async function correctNodeLists(
  fleet: Pick<Fleet, 'store' | 'clock' | 'log' | 'dnsZone'>,
  server: Pick<ConfigurationServer, 'published' | 'read' | 'replace'>,
  incarnations: readonly string[] = [],
): Promise<void> {
  for (const incarnation of new Set([...server.published(), ...incarnations]))
    await correct(fleet, server, incarnation);
}

async function correct(
  { store, clock, log, dnsZone }: Pick<Fleet, 'store' | 'clock' | 'log' | 'dnsZone'>,
  server: Pick<ConfigurationServer, 'read' | 'replace'>,
  cacheIncarnation: string,
): Promise<void> {
  const view = await loadCacheView(store, { cacheKind: 'cache-cluster', cacheIncarnation });
  // Another status is an operation's, which publishes by itself.
  if (view?.cache.status !== 'available') return;
  const published = server.read(cacheIncarnation);
  const next = correctedList(view, published, dnsZone);
  if (!next) return;
  if (!(await record(store, view.cache, next.version, clock.now()))) return;
  if (await server.replace(cacheIncarnation, published, next))
    log.info('the node list of a Memcached cache is corrected', {
      cache: view.cache.id,
      version: next.version,
      form: next.form,
    });
}

/**
 * The version is recorded before it is served, so that no other list ever gets it. False when the cache has changed
 * meanwhile: the next look decides anew.
 */
async function record(
  store: Store,
  cache: Cache,
  configurationVersion: number,
  now: number,
): Promise<boolean> {
  if (configurationVersion <= cache.observed.configurationVersion) return true;
  const observed = { ...cache.observed, configurationVersion };
  const row = { ...cache, version: cache.version + 1, updatedAt: now, observed } as Cache;
  try {
    await store.commit([{ put: 'resource', row }]);
    return true;
  } catch (error) {
    if (error instanceof StaleWrite) return false;
    throw error;
  }
}
