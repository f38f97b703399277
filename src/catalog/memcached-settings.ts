/**
 * What a Memcached node gets from its node type and parameter group together. The other parameters become arguments
 * one by one, which is the engine's own business: engines/memcached/parameters.ts.
 */
import { memcachedLimits, type NodeType } from './node-types.ts';
import type { ParameterValues } from './parameters.ts';

interface MemcachedSettings {
  /** `-m`: max_cache_memory less memcached_connections_overhead. */
  readonly memoryMb: number;
  /** `-t` */
  readonly threads: number;
  /** `-c`; the engine does not start with more than it may open files. */
  readonly maxConnections: number;
}

export function memcachedSettings(effective: ParameterValues, type: NodeType): MemcachedSettings {
  const { memoryMB, threads } = memcachedLimits(
    type,
    Number(effective.memcached_connections_overhead ?? 100),
  );
  return {
    memoryMb: memoryMB,
    threads,
    maxConnections: Number(effective.max_simultaneous_connections ?? 65000),
  };
}
