/**
 * What to run for a node: command, arguments and files. Engine version, node type and configuration are those of the
 * node's own target; the cache only says what all of its nodes have in common for good.
 */
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
import { nodeTls, type TlsParts } from './node-tls.ts';
import { clientAuth, nodeParameters, nodeSettings } from './parameters.ts';

/** The gossip port of a cluster node: 10000 above its port, or below where that is beyond the last one. */
export const busPortOf = (port: number): number => (port + 10_000 <= 65_535 ? port + 10_000 : port - 10_000);

/** A node as the planning of a cluster sees it. */
export const plannedNode = ({ address, port }: Pick<CacheNode, 'address' | 'port'>): PlannedNode => ({
  address,
  port,
  busPort: busPortOf(port),
});

/** The engine that a node is to run: the version that its row names, or a newer patch of it where that is gone. */
export async function engineOf(
  { engineStore }: Pick<Fleet, 'engineStore'>,
  { engine, target }: Pick<CacheNode, 'engine' | 'target'>,
): Promise<InstalledEngine> {
  return (await engineStore.resolve({ engine, version: target.engineVersion })).engine;
}

/** In the node's directory. */
const configName = 'engine.conf';

type LaunchParts = TlsParts & Pick<Fleet, 'fingerprintOf'>;

/** `follow`: the node comes up as a replica of that one; null: it may lead. */
export async function nodeSpec(
  fleet: LaunchParts,
  cache: Cache,
  node: CacheNode,
  follow: CacheNode | null,
  engine: InstalledEngine,
): Promise<NodeSpec> {
  const server = engine.program('server');
  if (!server) throw new Error(`${engine.engine} ${engine.version} has no server program`);
  const common = { incarnation: node.incarnation, command: server.command, env: server.env ?? {} };
  if (node.engine === 'memcached')
    return { ...common, args: [...server.args, ...memcachedSpec(cache, node, engine)], files: {} };
  const secured = node.tls ? await nodeTls(fleet, cache, node) : null;
  const config = renderConfig({
    ...(await configSpec(fleet, cache, node, follow, engine)),
    ...(secured ? { tls: secured.tls } : {}),
  });
  // Read from the standard input: INFO would tell every client the path of the file.
  return {
    ...common,
    args: [...server.args, '-'],
    files: { ...secured?.files, [configName]: config },
    input: configName,
  };
}

function memcachedSpec(
  cache: Cache,
  { address, port, target }: CacheNode,
  { version: engineVersion }: InstalledEngine,
): string[] {
  const values = nodeParameters(cache, target);
  return memcachedArguments({
    address,
    port,
    ...memcachedSettings(values, nodeType(target.cacheNodeType)),
    parameters: parameterArguments(values, { engineVersion }),
  });
}

async function configSpec(
  fleet: LaunchParts,
  cache: Cache,
  node: CacheNode,
  follow: CacheNode | null,
  engine: InstalledEngine,
): Promise<ConfigSpec> {
  const fingerprint = await fleet.fingerprintOf(engine);
  const { settings } = nodeSettings(cache, { ...node.target, engineVersion: engine.version });
  const shard = await fleet.store.nodeGroup(cache.incarnation, node.nodeGroupId ?? '');
  return {
    fingerprint,
    address: node.address,
    port: node.port,
    directory: fleet.runtime.directoryOf(node.incarnation),
    secrets: await engineSecrets(fleet.store, cache.incarnation),
    auth: clientAuth(cache, node.target),
    durability: durabilityOf(cache),
    mode: isClusterMode(cache)
      ? { kind: 'cluster', busPort: busPortOf(node.port), isForming: shard?.isFormed !== true }
      : { kind: 'standalone', ...(follow ? { replicaOf: follow } : {}) },
    // Nothing was ever in a node group that is still being made: the quick way to a first sync is safe.
    isFirstSync: shard?.status === 'creating',
    availabilityZone: node.availabilityZone,
    // An engine does not start with a directive that it does not know: what a build lacks is left out.
    parameters: settings
      .filter(({ directive }) => fingerprint.directives.includes(directive))
      .map(({ directive, value }) => [directive, value] as const),
  };
}

async function engineSecrets(store: Store, cacheIncarnation: string): Promise<EngineSecrets> {
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
