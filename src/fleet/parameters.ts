/** What the configuration and the node type of a node mean for its engine. Pure. */
import { valuesOf } from '../catalog/configuration-changes.ts';
import { type EngineSettings, engineSettings } from '../catalog/engine-settings.ts';
import { nodeType } from '../catalog/node-types.ts';
import type { ParameterValues } from '../catalog/parameters.ts';
import type { ClientAuth } from '../engines/valkey/access-control.ts';
import type { WriteCondition } from '../engines/valkey/switchover.ts';
import { type Configuration, configurationOf, newestConfiguration } from '../model/configuration.ts';
import type { CacheNode, NodeSettings, NodeTarget } from '../model/node.ts';
import type { Cache } from '../model/resource.ts';
import { hardLimitOfOpenFiles } from '../platform/open-files.ts';

/** Thrown when the row of a cache lacks the configuration of its node, since it was read before that of the node: read both again. */
class UnknownConfiguration extends Error {
  override readonly name = 'UnknownConfiguration';
}

function requireConfiguration(cache: Cache, version: number): Configuration {
  const found = configurationOf(cache.desired, version);
  if (found) return found;
  throw new UnknownConfiguration(`${cache.id} has no configuration ${version}`);
}

/** The value of every parameter of a node, with what its node type gives. Throws `UnknownConfiguration`. */
export const nodeParameters = (cache: Cache, node: NodeSettings): ParameterValues =>
  valuesOf(requireConfiguration(cache, node.configVersion), node.cacheNodeType);

/** The directives of a Valkey or Redis node. Throws `UnknownConfiguration`. */
export function nodeSettings(
  cache: Cache,
  { engineVersion, cacheNodeType, configVersion }: NodeTarget,
): EngineSettings {
  const configuration = requireConfiguration(cache, configVersion);
  return engineSettings({
    family: configuration.family,
    engineVersion,
    effective: valuesOf(configuration, cacheNodeType),
    nodeType: nodeType(cacheNodeType),
    openFilesMax: hardLimitOfOpenFiles(),
  });
}

/** Whom the node lets in as `default`. Throws `UnknownConfiguration`. */
export const clientAuth = (cache: Cache, { configVersion }: NodeSettings): ClientAuth =>
  requireConfiguration(cache, configVersion).auth ?? null;

/** True when it is certain that the node's process lets in whom its target says, and nobody else. */
export function hasItsAuth({ desired }: Cache, { applied, target }: CacheNode): boolean {
  if (applied?.configVersion === target.configVersion) return true;
  const [has, wants] = [applied, target].map((one) => one && configurationOf(desired, one.configVersion));
  return has != null && wants != null && JSON.stringify(has.auth) === JSON.stringify(wants.auth);
}

/** On which terms this node takes writes when it leads. A failover waits for it, so it never throws. */
export function writeCondition({ desired }: Cache, { target }: Pick<CacheNode, 'target'>): WriteCondition {
  const configuration = configurationOf(desired, target.configVersion) ?? newestConfiguration(desired);
  const values = valuesOf(configuration, target.cacheNodeType);
  return {
    minReplicas: Number(values['min-replicas-to-write'] ?? values['min-slaves-to-write'] ?? 0),
    maxLagSeconds: Number(values['min-replicas-max-lag'] ?? values['min-slaves-max-lag'] ?? 10),
  };
}
