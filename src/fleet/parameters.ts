/** What a cache's parameter group and node type mean for its engine. */

import { type EngineSettings, engineSettings } from '../catalog/engine-settings.ts';
import { nodeType } from '../catalog/node-types.ts';
import {
  effectiveParameters,
  findDefaultParameterGroup,
  type ParameterValues,
} from '../catalog/parameters.ts';
import { hardLimitOfOpenFiles } from '../engines/memcached/launch.ts';
import type { WriteCondition } from '../engines/valkey/switchover.ts';
import type { Cache } from '../model/resource.ts';
import type { Store } from '../store/contract.ts';

export interface CacheParameters {
  readonly family: string;
  /** The value of every parameter, with what the node type gives. */
  readonly effective: ParameterValues;
}

export async function cacheParameters(store: Store, cache: Cache): Promise<CacheParameters> {
  const { account, region } = cache;
  const id = cache.desired.parameterGroupName;
  const type = nodeType(cache.desired.cacheNodeType);
  const own = findDefaultParameterGroup(id);
  if (own) return { family: own.family, effective: effectiveParameters(own.family, own.overrides, type) };
  const group = await store.resource({ account, region, kind: 'parameter-group', id });
  // An attached group cannot be deleted.
  if (!group) throw new Error(`the parameter group ${id} of ${cache.id} does not exist`);
  const { family, overrides } = group.desired;
  return { family, effective: effectiveParameters(family, overrides, type) };
}

/** The directives of a Valkey or Redis node of this version. */
export async function cacheSettings(
  store: Store,
  cache: Cache,
  engineVersion: string,
): Promise<EngineSettings> {
  const { family, effective } = await cacheParameters(store, cache);
  return engineSettings({
    family,
    engineVersion,
    effective,
    nodeType: nodeType(cache.desired.cacheNodeType),
    openFilesMax: hardLimitOfOpenFiles(),
  });
}

/** What the parameter group says about writes without enough replicas. */
export async function writeCondition(store: Store, cache: Cache): Promise<WriteCondition> {
  const { effective } = await cacheParameters(store, cache);
  return {
    minReplicas: Number(effective['min-replicas-to-write'] ?? effective['min-slaves-to-write'] ?? 0),
    maxLagSeconds: Number(effective['min-replicas-max-lag'] ?? effective['min-slaves-max-lag'] ?? 10),
  };
}
