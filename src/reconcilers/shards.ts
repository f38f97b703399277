/** The workers of all shards of this machine: made for each cache, woken by health, by the clock and by operations. */
import { BindingMemory } from '../fleet/bindings.ts';
import { type CacheView, hasReplication } from '../fleet/cache-view.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { CacheNode } from '../model/node.ts';
import { createBusGuard } from './cluster-bus/guard.ts';
import type { HealthMonitor } from './health/monitor.ts';
import { keyText, type ShardContext, type ShardKey, type StartFailure } from './shard/context.ts';
import { observeShard, type ShardFacts } from './shard/observe/observe-shard.ts';
import { createShardWorker, type ShardReport, type ShardWorker } from './shard/worker.ts';

export interface CacheHealth {
  /** Every shard of the cache has what it should have. */
  readonly isSettled: boolean;
  /** The sentence of the first shard that has not; else of the last one looked at. */
  readonly sentence: string;
  /** The worst failure to come up among these nodes, deaths before they held their data among them. */
  readonly failure: StartFailure | null;
}

export interface Shards {
  /** Looks after these shards from now on, and now. */
  ensure(keys: readonly ShardKey[]): void;
  /** To be called when something was changed for this cache: its shards are not settled before they have looked again. */
  recheck(cacheIncarnation: string): void;
  health(cacheIncarnation: string, nodes: readonly CacheNode[]): CacheHealth;
  /** Fresh facts of one shard, as its worker sees them; null when the cache is gone. */
  look(key: ShardKey): Promise<ShardFacts | null>;
  /** Stops looking after a cache; resolves when the present steps have ended. */
  forget(cacheIncarnation: string): Promise<void>;
  /** Stops watching one node that is to go; the others of its shard are looked after as before. */
  forgetNode(incarnation: string): void;
  reports(): readonly (ShardReport & { readonly key: ShardKey })[];
  /** For people: what is not as it should be, and nobody can mend but they. */
  findings(): readonly string[];
  stop(): Promise<void>;
}

/** The keys of all shards of a cache. */
export function shardKeysOf({ cache, nodeGroups }: Pick<CacheView, 'cache' | 'nodeGroups'>): ShardKey[] {
  const of = { cacheKind: cache.kind, cacheIncarnation: cache.incarnation };
  if (!hasReplication(cache)) return [{ ...of, nodeGroupId: null }];
  return nodeGroups.map(({ nodeGroupId }) => ({ ...of, nodeGroupId }));
}

export function createShards(fleet: Fleet, monitor: HealthMonitor, onReport: () => void): Shards {
  const workers = new Map<string, Map<string, ShardWorker>>();
  /** By cache: resolves when the last steps of workers that are to stop have ended. */
  const stopping = new Map<string, Promise<void>>();
  /** By cache: what is to be looked after when they have. Never two workers of one shard. */
  const deferred = new Map<string, readonly ShardKey[]>();
  const startFailures = new Map<string, StartFailure>();
  const bus = createBusGuard(fleet, wakeShardOf);
  const context: ShardContext = {
    fleet,
    monitor,
    bindings: new BindingMemory(),
    bus,
    wake: wakeShardOf,
    startFailures,
    starts: new Map(),
    switchoverFailures: new Map(),
    recovering: new Map(),
    histories: new Map(),
    asked: new Map(),
    disturbance: new Map(),
  };
  const unsettled: ShardReport = { isSettled: false, sentence: 'not looked at yet', concern: null };

  function wakeShardOf(node: Pick<CacheNode, 'cacheIncarnation' | 'nodeGroupId'>): void {
    workers.get(node.cacheIncarnation)?.get(keyText(node))?.wake();
  }

  monitor.onChange(wakeShardOf);
  fleet.connections.onLost((incarnation) => monitor.lost(incarnation));

  function ensure(keys: readonly ShardKey[]): void {
    for (const key of keys) {
      if (stopping.has(key.cacheIncarnation)) {
        deferred.set(key.cacheIncarnation, [...(deferred.get(key.cacheIncarnation) ?? []), key]);
        continue;
      }
      const ofCache = workers.get(key.cacheIncarnation) ?? new Map<string, ShardWorker>();
      workers.set(key.cacheIncarnation, ofCache);
      const worker = ofCache.get(keyText(key)) ?? createShardWorker(context, key, onReport);
      ofCache.set(keyText(key), worker);
      worker.recheck();
    }
  }

  async function end(cacheIncarnation: string): Promise<void> {
    const ending = [...(workers.get(cacheIncarnation)?.values() ?? [])];
    workers.delete(cacheIncarnation);
    await Promise.all(ending.map((worker) => worker.stop()));
    bus.forgetCache(cacheIncarnation);
    stopping.delete(cacheIncarnation);
    const keys = deferred.get(cacheIncarnation) ?? [];
    deferred.delete(cacheIncarnation);
    ensure(keys);
  }

  return {
    ensure,
    recheck(cacheIncarnation) {
      for (const worker of workers.get(cacheIncarnation)?.values() ?? []) worker.recheck();
    },
    health(cacheIncarnation, nodes) {
      const reports = [...(workers.get(cacheIncarnation)?.values() ?? [])].map((worker) => worker.report());
      const open = reports.length === 0 ? unsettled : reports.find((report) => !report.isSettled);
      // One that holds its data has come up, whatever it died of before.
      const failures = nodes
        .filter((node) => !node.synced)
        .flatMap((node) => startFailures.get(node.incarnation) ?? []);
      const failure = failures.reduce<StartFailure | null>(
        (worst, one) => (worst === null || one.attempts > worst.attempts ? one : worst),
        null,
      );
      return { isSettled: !open, sentence: (open ?? reports.at(-1) ?? unsettled).sentence, failure };
    },
    look: (key) => observeShard(context, key),
    forget(cacheIncarnation) {
      deferred.delete(cacheIncarnation);
      // Whoever did not wait for the end may ask again, and must not get the answer that it has come before it has.
      const ending = stopping.get(cacheIncarnation);
      if (ending) return ending;
      const ended = end(cacheIncarnation);
      stopping.set(cacheIncarnation, ended);
      return ended;
    },
    forgetNode(incarnation) {
      monitor.forget(incarnation);
      bus.forget(incarnation);
      startFailures.delete(incarnation);
      context.starts.delete(incarnation);
      context.recovering.delete(incarnation);
      context.histories.delete(incarnation);
      context.asked.delete(incarnation);
      context.disturbance.delete(incarnation);
      context.bindings.forget(incarnation);
      fleet.connections.drop(incarnation);
    },
    reports: () =>
      [...workers.values()].flatMap((ofCache) =>
        [...ofCache.values()].map((worker) => ({ ...worker.report(), key: worker.key })),
      ),
    findings: bus.findings,
    async stop() {
      const all = [...workers.values()].flatMap((ofCache) => [...ofCache.values()]);
      await Promise.all(all.map((worker) => worker.stop()));
      bus.close();
    },
  };
}
