/**
 * Node types (`cache.t4g.small` …) and the limits that each gives a node. The numbers are AWS's published tables
 * (data/node-types.json). A type limits what an engine may use; it does not reserve anything of this machine.
 */
import type { Engine } from '../model/resource.ts';
import { ServiceError } from '../model/service-errors.ts';
import table from './data/node-types.json' with { type: 'json' };
import { isAtLeast } from './version-order.ts';

export interface NodeType {
  readonly name: string;
  readonly vcpu: number;
  /** As the pricing pages show it; more than an engine may use. */
  readonly memoryGiB: number;
  /** The documented `maxmemory` of Valkey and Redis, before the reserved part is taken off. */
  readonly redisMaxmemoryBytes: number;
  /** Hard and soft limit alike of `client-output-buffer-limit replica`. */
  readonly replicaOutputBufferLimitBytes: number;
  readonly maxclients: number;
  /** Null where Memcached is not offered. */
  readonly memcachedMaxCacheMemoryMB: number | null;
  readonly memcachedNumThreads: number | null;
  readonly dataTiering: boolean;
  /** Previous generations can still be created here: nothing runs out that AWS would have to keep for others. */
  readonly generation: 'current' | 'previous';
  /** First engine version that the type is offered with; null where it never is. */
  readonly minVersion: Readonly<Record<Engine, string | null>>;
}

/** All types, smallest memory first within a family as AWS lists them. */
export const nodeTypes: readonly NodeType[] = readTable();

const byName = new Map(nodeTypes.map((type) => [type.name, type]));

/** The type of that name (case does not matter), or undefined. */
export function findNodeType(name: string): NodeType | undefined {
  return byName.get(name.toLowerCase());
}

/** Throws `InvalidParameterValue` for an unknown name, with the sizes of the same family when there is one. */
export function nodeType(name: string, parameterName = 'CacheNodeType'): NodeType {
  const found = findNodeType(name);
  if (found) return found;
  const shown = name.length > 80 ? `${name.slice(0, 80)}…` : name;
  const family = name.toLowerCase().split('.').slice(0, 2).join('.');
  const relatives = nodeTypes.filter((type) => type.name.startsWith(`${family}.`)).map((type) => type.name);
  throw new ServiceError(
    'InvalidParameterValue',
    `The parameter ${parameterName} is not a valid node type: "${shown}". ` +
      (relatives.length > 0
        ? `The types of this family are ${relatives.join(', ')}.`
        : `Known families are ${families().join(', ')}.`),
  );
}

/** The type, if it is offered with this version of the engine; else `InvalidParameterCombination`. */
export function nodeTypeFor(name: string, engine: Engine, engineVersion: string): NodeType {
  const type = nodeType(name);
  if (isOffered(type, engine, engineVersion)) return type;
  const minimum = type.minVersion[engine];
  throw new ServiceError(
    'InvalidParameterCombination',
    minimum === null
      ? `The node type ${type.name} is not offered with ${engine}.`
      : `The node type ${type.name} needs ${engine} ${minimum} or newer; the version is ${engineVersion}.`,
  );
}

interface ReservedMemory {
  /** Percent that stays free for copies and buffers, 25 by default. */
  readonly reservedMemoryPercent?: number;
  /** Bytes; older families have this in place of the percentage. A family has only one of the two, so this one counts when it is given. */
  readonly reservedMemory?: number;
}

/** The engine's `maxmemory`: the table's value less the reserved part, in whole bytes; never less than 1 MiB. */
export function maxmemoryBytes(type: NodeType, reserved: ReservedMemory = {}): number {
  const { reservedMemoryPercent = 25, reservedMemory } = reserved;
  const left =
    reservedMemory === undefined
      ? Math.floor(type.redisMaxmemoryBytes * (1 - reservedMemoryPercent / 100))
      : type.redisMaxmemoryBytes - reservedMemory;
  // 0 would mean "no limit" to the engine: a cache that reserves everything must not get everything.
  return Math.max(left, 1024 * 1024);
}

/** Memcached's `-m` in MB and `-t`. `overheadMB` is memcached_connections_overhead. Never less than 8 MB. */
export function memcachedLimits(type: NodeType, overheadMB: number): { memoryMB: number; threads: number } {
  return {
    memoryMB: Math.max((type.memcachedMaxCacheMemoryMB ?? 0) - overheadMB, 8),
    threads: type.memcachedNumThreads ?? 1,
  };
}

/** t1 cannot fail over by itself, nor be backed up (spec: node-types.json, notes). */
export function supportsAutomaticFailover(type: NodeType): boolean {
  return !type.name.startsWith('cache.t1.');
}

interface AllowedModifications {
  readonly scaleUp: readonly string[];
  readonly scaleDown: readonly string[];
}

/**
 * What ListAllowedNodeTypeModifications answers: every type that is offered with this engine version and has data
 * tiering as the current one does (or does not), by memory. Another type with the same memory counts as a step up
 * (U: AWS lists `m6g.large` among the modifications of `m5.large`, its documentation does not say on which side).
 */
export function allowedModifications(
  current: NodeType,
  engine: Engine,
  engineVersion: string,
): AllowedModifications {
  const size = (type: NodeType) =>
    engine === 'memcached' ? (type.memcachedMaxCacheMemoryMB ?? 0) : type.redisMaxmemoryBytes;
  const others = nodeTypes
    .filter((type) => type !== current && type.dataTiering === current.dataTiering)
    .filter((type) => isOffered(type, engine, engineVersion))
    .toSorted((a, b) => size(a) - size(b) || (a.name < b.name ? -1 : 1));
  const names = (types: readonly NodeType[]) => types.map((type) => type.name);
  return {
    scaleUp: names(others.filter((type) => size(type) >= size(current))),
    scaleDown: names(others.filter((type) => size(type) < size(current))),
  };
}

function isOffered(type: NodeType, engine: Engine, engineVersion: string): boolean {
  const minimum = type.minVersion[engine];
  return minimum !== null && isAtLeast(engineVersion, minimum);
}

function families(): readonly string[] {
  return [...new Set(nodeTypes.map((type) => type.name.split('.').slice(0, 2).join('.')))];
}

function readTable(): readonly NodeType[] {
  const { _meta, ...types } = table;
  return Object.entries(types).map(([name, row]) => ({
    name,
    vcpu: row.vcpu,
    memoryGiB: row.memoryGiB,
    redisMaxmemoryBytes: row.redisMaxmemoryBytes,
    replicaOutputBufferLimitBytes: row.replicaOutputBufferLimitBytes,
    maxclients: row.maxclients,
    memcachedMaxCacheMemoryMB: row.memcachedMaxCacheMemoryMB,
    memcachedNumThreads: row.memcachedNumThreads,
    dataTiering: row.dataTiering,
    generation: row.generation === 'previous' ? 'previous' : 'current',
    minVersion: row.minVersion,
  }));
}
