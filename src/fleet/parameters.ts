/** What a cache's parameter group and node type mean for its engine. */
import { maxmemoryBytes, memcachedLimits, type NodeType, nodeType } from '../catalog/node-types.ts';
import {
  effectiveParameters,
  findDefaultParameterGroup,
  type ParameterValues,
} from '../catalog/parameters.ts';
import type { Directive } from '../engines/valkey/directives.ts';
import type { EngineFingerprint } from '../engines/valkey/fingerprint.ts';
import { parameterDirectives } from '../engines/valkey/parameters.ts';
import type { WriteCondition } from '../engines/valkey/switchover.ts';
import type { Cache } from '../model/resource.ts';
import type { Store } from '../store/contract.ts';

/** The value of every parameter of the cache's group, with what its node type gives. */
export async function parameterValues(store: Store, cache: Cache): Promise<ParameterValues> {
  const { account, region } = cache;
  const id = cache.desired.parameterGroupName;
  const type = nodeType(cache.desired.cacheNodeType);
  const own = findDefaultParameterGroup(id);
  if (own) return effectiveParameters(own.family, own.overrides, type);
  const group = await store.resource({ account, region, kind: 'parameter-group', id });
  // An attached group cannot be deleted.
  if (!group) throw new Error(`the parameter group ${id} of ${cache.id} does not exist`);
  return effectiveParameters(group.desired.family, group.desired.overrides, type);
}

/** The directives of valkey.conf that the values stand for. `maxmemory` is the node type's, less the reserved part. */
export function engineDirectives(
  values: ParameterValues,
  type: NodeType,
  fingerprint: EngineFingerprint,
): Directive[] {
  const { maxmemory: _table, ...rest } = values;
  const percent = values['reserved-memory-percent'];
  const bytes = values['reserved-memory'];
  const limit = maxmemoryBytes(type, {
    ...(percent === undefined ? {} : { reservedMemoryPercent: Number(percent) }),
    ...(bytes === undefined || bytes === '0' ? {} : { reservedMemory: Number(bytes) }),
  });
  return [...parameterDirectives(rest, fingerprint), ['maxmemory', String(limit)]];
}

/** Memcached's own limits of a node type (`-m`, `-t`, `-c`). */
export function memcachedSizes(values: ParameterValues, type: NodeType) {
  const { memoryMB, threads } = memcachedLimits(type, Number(values.memcached_connections_overhead ?? 100));
  return {
    memoryMb: memoryMB,
    threads,
    maxConnections: Number(values.max_simultaneous_connections ?? type.maxclients),
  };
}

/** What the parameter group says about writes without enough replicas. */
export async function writeCondition(store: Store, cache: Cache): Promise<WriteCondition> {
  const values = await parameterValues(store, cache);
  return {
    minReplicas: Number(values['min-replicas-to-write'] ?? values['min-slaves-to-write'] ?? 0),
    maxLagSeconds: Number(values['min-replicas-max-lag'] ?? values['min-slaves-max-lag'] ?? 10),
  };
}
