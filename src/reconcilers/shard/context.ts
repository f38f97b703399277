/** What the reconcilers of all shards share. */
import type { BindingMemory } from '../../fleet/bindings.ts';
import type { Fleet } from '../../fleet/fleet.ts';
import type { CacheNode, NodeHandle } from '../../model/node.ts';
import type { BusGuard } from '../cluster-bus/guard.ts';
import type { HealthMonitor } from '../health/monitor.ts';
import type { SeenHistories } from './observe/refilled.ts';

/** One shard of a replication group, a single node, or (null) the nodes of a Memcached cluster. */
export interface ShardKey {
  readonly cacheKind: 'replication-group' | 'cache-cluster';
  readonly cacheIncarnation: string;
  readonly nodeGroupId: string | null;
}

export const keyText = (key: Pick<ShardKey, 'cacheIncarnation' | 'nodeGroupId'>): string =>
  `${key.cacheIncarnation}/${key.nodeGroupId ?? '-'}`;

/** A node did not come up, or it died soon after its start or before it held its data. */
export interface StartFailure {
  /** In a row. */
  readonly attempts: number;
  /** The latest of them, in a row, after which the process ended by itself before it was seen with its data loaded. */
  readonly endings: number;
  /** The start is not tried again before this; monotonic milliseconds. */
  readonly notBefore: number;
  readonly error: Error;
}

interface LatestStart {
  /** Monotonic milliseconds. */
  readonly at: number;
  /** It came up to lead with what it has: once that is loaded, what was confirmed of the others holds no longer. */
  readonly isToLead: boolean;
  /** True when the process was seen with all of its data loaded. */
  hasServed: boolean;
}

interface SwitchoverFailures {
  readonly count: number;
  /** When the last one failed, monotonic milliseconds. */
  readonly at: number;
  /** The shard's row at the time: whoever is chosen to lead after that is tried anew. */
  readonly version: number;
}

export interface ShardContext {
  readonly fleet: Fleet;
  readonly monitor: HealthMonitor;
  readonly bindings: BindingMemory;
  readonly bus: BusGuard;
  /** Wakes the worker of another node's shard. */
  readonly wake: (node: Pick<CacheNode, 'cacheIncarnation' | 'nodeGroupId'>) => void;
  /** By node incarnation; cleared when a process that got further than that is followed by another. */
  readonly startFailures: Map<string, StartFailure>;
  /** The latest start of each node by this Limber. */
  readonly starts: Map<string, LatestStart>;
  /** By `keyText`: planned switchovers that failed in a row. */
  readonly switchoverFailures: Map<string, SwitchoverFailures>;
  /** By node: whether an event says that it was lost, and none yet that it recovered. Without an entry the recorded events are asked (recovery.ts). */
  readonly recovering: Map<string, boolean>;
  readonly histories: SeenHistories;
  /** By node incarnation: the process that was asked at least once in this life of Limber. */
  readonly asked: Map<string, NodeHandle>;
  /** By node: whether the run of its engine is known to let clients do what they usually may (`acts/calm-clients.ts`); monotonic milliseconds. */
  readonly disturbance: Map<
    string,
    { readonly runId: string; readonly since: number; readonly isAllowed: boolean }
  >;
}
