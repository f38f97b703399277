/** The workers of all shards of this machine: made for each cache, woken by health, by the clock and by operations. */
import { BindingMemory } from '../fleet/bindings.ts';
import { type CacheView, hasReplication } from '../fleet/cache-view.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { CacheNode } from '../model/node.ts';
import type { HealthMonitor } from './health/monitor.ts';
import { keyText, type ShardContext, type ShardKey, type StartFailure } from './shard/context.ts';
import { createShardActor, type ShardActor, type ShardReport } from './shard/worker.ts';

export interface CacheHealth {
  /** Every shard of the cache has what it should have. */
  readonly isSettled: boolean;
  /** Of the first shard that has not; else of the last one looked at. */
  readonly sentence: string;
  /** The worst start failure among its nodes, if any. */
  readonly failure: StartFailure | null;
}

export interface Shards {
  /** Looks after these shards from now on, and now. */
  ensure(keys: readonly ShardKey[]): void;
  /** Something was changed for this cache: its shards are not settled before they have looked again. */
  recheck(cacheIncarnation: string): void;
  health(cacheIncarnation: string, nodes: readonly CacheNode[]): CacheHealth;
  /** Stops looking after a cache; resolves when the present steps have ended. */
  forget(cacheIncarnation: string): Promise<void>;
  /** Stops watching one node that is to go; the others of its shard are looked after as before. */
  forgetNode(incarnation: string): void;
  reports(): readonly (ShardReport & { readonly key: ShardKey })[];
  stop(): Promise<void>;
}

/** The keys of all shards of a cache. */
export function shardKeysOf({ cache, nodeGroups }: Pick<CacheView, 'cache' | 'nodeGroups'>): ShardKey[] {
  const of = { cacheKind: cache.kind, cacheIncarnation: cache.incarnation };
  if (!hasReplication(cache)) return [{ ...of, nodeGroupId: null }];
  return nodeGroups.map(({ nodeGroupId }) => ({ ...of, nodeGroupId }));
}

export function createShards(fleet: Fleet, monitor: HealthMonitor, onReport: () => void): Shards {
  const actors = new Map<string, Map<string, ShardActor>>();
  /** By cache: until the last steps of workers that were told to stop have ended. */
  const stopping = new Map<string, Promise<void>>();
  /** By cache: what is to be looked after when they have. Never two workers of one shard. */
  const deferred = new Map<string, readonly ShardKey[]>();
  const startFailures = new Map<string, StartFailure>();
  const context: ShardContext = {
    fleet,
    monitor,
    bindings: new BindingMemory(),
    wake: wakeShardOf,
    startFailures,
    starts: new Map(),
    handOverFailures: new Map(),
    recovering: new Map(),
    histories: new Map(),
  };
  const unsettled: ShardReport = { isSettled: false, sentence: 'not looked at yet' };

  function wakeShardOf(node: Pick<CacheNode, 'cacheIncarnation' | 'nodeGroupId'>): void {
    actors.get(node.cacheIncarnation)?.get(keyText(node))?.wake();
  }

  monitor.onChange(wakeShardOf);
  fleet.connections.onLost((incarnation) => monitor.lost(incarnation));

  function ensure(keys: readonly ShardKey[]): void {
    for (const key of keys) {
      if (stopping.has(key.cacheIncarnation)) {
        deferred.set(key.cacheIncarnation, [...(deferred.get(key.cacheIncarnation) ?? []), key]);
        continue;
      }
      const ofCache = actors.get(key.cacheIncarnation) ?? new Map<string, ShardActor>();
      actors.set(key.cacheIncarnation, ofCache);
      const actor = ofCache.get(keyText(key)) ?? createShardActor(context, key, onReport);
      ofCache.set(keyText(key), actor);
      actor.recheck();
    }
  }

  async function end(cacheIncarnation: string): Promise<void> {
    const workers = [...(actors.get(cacheIncarnation)?.values() ?? [])];
    actors.delete(cacheIncarnation);
    await Promise.all(workers.map((actor) => actor.stop()));
    stopping.delete(cacheIncarnation);
    const keys = deferred.get(cacheIncarnation) ?? [];
    deferred.delete(cacheIncarnation);
    ensure(keys);
  }

  return {
    ensure,
    recheck(cacheIncarnation) {
      for (const actor of actors.get(cacheIncarnation)?.values() ?? []) actor.recheck();
    },
    health(cacheIncarnation, nodes) {
      const reports = [...(actors.get(cacheIncarnation)?.values() ?? [])].map((actor) => actor.report());
      const open = reports.length === 0 ? unsettled : reports.find((report) => !report.isSettled);
      const failures = nodes
        .flatMap((node) => startFailures.get(node.incarnation) ?? [])
        .filter((failure) => failure.kind === 'start');
      const failure = failures.reduce<StartFailure | null>(
        (worst, one) => (worst === null || one.attempts > worst.attempts ? one : worst),
        null,
      );
      return { isSettled: !open, sentence: (open ?? reports.at(-1) ?? unsettled).sentence, failure };
    },
    forget(cacheIncarnation) {
      deferred.delete(cacheIncarnation);
      // Whoever did not wait for the end asks again, and must not be told that it has come before it has.
      const ending = stopping.get(cacheIncarnation);
      if (ending) return ending;
      const ended = end(cacheIncarnation);
      stopping.set(cacheIncarnation, ended);
      return ended;
    },
    forgetNode(incarnation) {
      monitor.forget(incarnation);
      startFailures.delete(incarnation);
      context.starts.delete(incarnation);
      context.recovering.delete(incarnation);
      context.histories.delete(incarnation);
      context.bindings.forget(incarnation);
      fleet.connections.drop(incarnation);
    },
    reports: () =>
      [...actors.values()].flatMap((ofCache) =>
        [...ofCache.values()].map((actor) => ({ ...actor.report(), key: actor.key })),
      ),
    async stop() {
      const all = [...actors.values()].flatMap((ofCache) => [...ofCache.values()]);
      await Promise.all(all.map((actor) => actor.stop()));
    },
  };
}
