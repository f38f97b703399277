/** What to run for a node: command, arguments and files, from the cache's rows and the engine at hand. */
import { memcachedSettings } from '../catalog/memcached-settings.ts';
import { nodeType } from '../catalog/node-types.ts';
import type { InstalledEngine } from '../engine-store/contract.ts';
import { memcachedArguments } from '../engines/memcached/launch.ts';
import { parameterArguments } from '../engines/memcached/parameters.ts';
import type { EngineSecrets } from '../engines/valkey/access-control.ts';
import type { PlannedNode } from '../engines/valkey/cluster-plan.ts';
import { type ConfigSpec, renderConfig } from '../engines/valkey/config-file.ts';
import type { CacheNode } from '../model/node.ts';
import type { Cache, Durability } from '../model/resource.ts';
import type { NodeSpec } from '../runtime/contract.ts';
import type { Store } from '../store/contract.ts';
import { isClusterMode } from './cache-view.ts';
import { secretNames } from './connections.ts';
import type { Fleet } from './fleet.ts';
import { cacheParameters, cacheSettings } from './parameters.ts';

/** The gossip port of a cluster node: 10000 above its port, or below where that is beyond the last one. */
export const busPortOf = (port: number): number => (port + 10_000 <= 65_535 ? port + 10_000 : port - 10_000);

/** A node as the planning of a cluster sees it. */
export const plannedNode = ({ address, port }: Pick<CacheNode, 'address' | 'port'>): PlannedNode => ({
  address,
  port,
  busPort: busPortOf(port),
});

/** The engine that a node is to run: the exact version that its row names. */
export async function engineOf(fleet: Fleet, node: CacheNode): Promise<InstalledEngine> {
  const { engine } = await fleet.engineStore.resolve({ engine: node.engine, version: node.engineVersion });
  return engine;
}

/** `follow`: the node comes up as a replica of that one; null: it may lead. */
export async function nodeSpec(
  fleet: Fleet,
  cache: Cache,
  node: CacheNode,
  follow: CacheNode | null,
): Promise<NodeSpec> {
  const engine = await engineOf(fleet, node);
  const server = engine.program('server');
  if (!server) throw new Error(`${engine.engine} ${engine.version} has no server program`);
  const common = { incarnation: node.incarnation, command: server.command, env: server.env ?? {} };
  if (node.engine === 'memcached')
    return { ...common, args: [...server.args, ...(await memcachedSpec(fleet, cache, node))], files: {} };
  const config = renderConfig(await configSpec(fleet, cache, node, follow, engine));
  const path = `${fleet.runtime.directoryOf(node.incarnation)}/engine.conf`;
  return { ...common, args: [...server.args, path], files: { 'engine.conf': config } };
}

async function memcachedSpec(fleet: Fleet, cache: Cache, node: CacheNode): Promise<string[]> {
  const { effective } = await cacheParameters(fleet.store, cache);
  return memcachedArguments({
    address: node.address,
    port: node.port,
    ...memcachedSettings(effective, nodeType(cache.desired.cacheNodeType)),
    parameters: parameterArguments(effective, { engineVersion: node.engineVersion }),
  });
}

async function configSpec(
  fleet: Fleet,
  cache: Cache,
  node: CacheNode,
  follow: CacheNode | null,
  engine: InstalledEngine,
): Promise<ConfigSpec> {
  const fingerprint = await fleet.fingerprintOf(engine);
  const { settings } = await cacheSettings(fleet.store, cache, engine.version);
  // Nothing was ever in a group that is still being made: the quick way to a first sync is safe.
  const isFirst = cache.status === 'creating';
  return {
    fingerprint,
    address: node.address,
    port: node.port,
    directory: fleet.runtime.directoryOf(node.incarnation),
    secrets: await engineSecrets(fleet.store, cache.incarnation),
    durability: durabilityOf(cache),
    mode: isClusterMode(cache)
      ? { kind: 'cluster', busPort: busPortOf(node.port), isForming: !cache.observed.isFormed }
      : { kind: 'standalone', ...(follow ? { replicaOf: follow } : {}) },
    isFirstSync: isFirst,
    availabilityZone: node.availabilityZone,
    // An engine does not start with a directive that it does not know: what a build lacks is left out.
    parameters: settings
      .filter(({ directive }) => fingerprint.directives.includes(directive))
      .map(({ directive, value }) => [directive, value] as const),
  };
}

export async function engineSecrets(store: Store, cacheIncarnation: string): Promise<EngineSecrets> {
  const [limber, replication] = await Promise.all([
    store.secret(cacheIncarnation, secretNames.limber),
    store.secret(cacheIncarnation, secretNames.replication),
  ]);
  if (!limber || !replication) throw new Error(`no engine secrets are stored for cache ${cacheIncarnation}`);
  return { limber, replication };
}

/** `default` keeps nothing on disk, as ElastiCache's nodes do without the durability setting. */
export function durabilityOf(cache: Cache): Durability {
  if (!('durability' in cache.desired) || cache.desired.durability === 'default') return 'disabled';
  return cache.desired.durability;
}
