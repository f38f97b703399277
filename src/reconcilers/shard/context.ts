/** What the reconcilers of all shards share. */
import type { BindingMemory } from '../../fleet/bindings.ts';
import type { Fleet } from '../../fleet/fleet.ts';
import type { HealthMonitor } from '../health/monitor.ts';

/** One shard of a replication group, a single node, or (null) the nodes of a Memcached cluster. */
export interface ShardKey {
  readonly cacheKind: 'replication-group' | 'cache-cluster';
  readonly cacheIncarnation: string;
  readonly nodeGroupId: string | null;
}

export const keyText = (key: Pick<ShardKey, 'cacheIncarnation' | 'nodeGroupId'>): string =>
  `${key.cacheIncarnation}/${key.nodeGroupId ?? '-'}`;

export interface StartFailure {
  readonly attempts: number;
  /** Monotonic milliseconds before which it is not tried again. */
  readonly notBefore: number;
  readonly error: Error;
}

export interface ShardContext {
  readonly fleet: Fleet;
  readonly monitor: HealthMonitor;
  readonly bindings: BindingMemory;
  /** By node incarnation; a start that succeeds clears it. */
  readonly startFailures: Map<string, StartFailure>;
}
