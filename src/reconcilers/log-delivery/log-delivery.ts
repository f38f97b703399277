/**
 * Delivers the logs of nodes whose caches ask for it. One round a second looks which logs there are, and nudges the worker of each: a
 * node that hangs and a destination that does not answer keep no other one waiting. Everything is found again in the rows and beside
 * the nodes' files.
 */
import { logDeliveryFailed, logDeliveryWorks } from '../../catalog/events.ts';
import { announce } from '../../fleet/announce.ts';
import type { Fleet } from '../../fleet/fleet.ts';
import type { LogDelivery, LogDestinationType, LogType } from '../../model/log-delivery.ts';
import type { CacheNode } from '../../model/node.ts';
import type { Cache } from '../../model/resource.ts';
import { type Change, StaleWrite } from '../../store/contract.ts';
import type { LogDestination } from './destination.ts';
import { engineLogSource } from './engine-log-source.ts';
import { createPositions } from './positions.ts';
import { slowLogSource } from './slow-log-source.ts';
import type { ReadLog } from './source.ts';
import { observedDeliveries, turns } from './statuses.ts';
import { createStreamWorker, type StreamWorker } from './stream.ts';

interface LogDeliveries {
  /** One round. May be repeated; throws what the store throws. */
  look(): Promise<void>;
  stop(): Promise<void>;
}

export type LogDestinations = Readonly<Record<LogDestinationType, LogDestination>>;

export function createLogDelivery(fleet: Fleet, destinations: LogDestinations): LogDeliveries {
  const { store, clock, log } = fleet;
  const positions = createPositions(fleet.runtime);
  const sources: Readonly<Record<LogType, ReadLog>> = {
    'slow-log': slowLogSource(fleet.connections),
    'engine-log': engineLogSource(fleet),
  };
  const workers = new Map<string, StreamWorker>();
  const incarnationIn = (key: string) => key.split(' ', 1)[0] as string;

  const keyOf = (node: CacheNode, { logType, destinationType, since }: LogDelivery) =>
    [node.incarnation, logType, destinationType, since].join(' ');

  function workerOf(key: string, { logType, destinationType }: LogDelivery): StreamWorker {
    const known = workers.get(key);
    if (known) return known;
    const course = { read: sources[logType], destination: destinations[destinationType] };
    const worker = createStreamWorker({ ...course, positions, clock, log });
    workers.set(key, worker);
    return worker;
  }

  /** Nobody delivers any more what is in none of these. Resolves when the last part of them has arrived. */
  async function dropOthers(wanted: ReadonlySet<string>): Promise<void> {
    const others = [...workers].filter(([key]) => !wanted.has(key));
    for (const [key] of others) workers.delete(key);
    await Promise.all(others.map(([, worker]) => worker.stop()));
    for (const [key] of others) positions.forget(incarnationIn(key));
  }

  async function record(cache: Cache, nodes: readonly CacheNode[]): Promise<void> {
    const { logDelivery: desired = [] } = cache.desired;
    const { logDelivery: before = [] } = cache.observed;
    const outcomes = (logType: LogType) =>
      desired
        .filter((delivery) => delivery.logType === logType)
        .flatMap((delivery) => nodes.map((node) => workers.get(keyOf(node, delivery))?.outcome ?? null));
    const after = observedDeliveries(desired, before, outcomes);
    if (JSON.stringify(after) === JSON.stringify(before)) return;
    const ended = before.filter(({ logType }) => !desired.some((one) => one.logType === logType));
    // Whoever turns it on again gets what happens from then on.
    for (const { logType } of ended)
      for (const node of nodes) await positions.write(node.incarnation, logType, null);
    const observed = { ...cache.observed, logDelivery: after };
    const now = clock.now();
    const row = { ...cache, version: cache.version + 1, updatedAt: now, observed } as Cache;
    await store.commit([{ put: 'resource', row }, ...eventsOf(cache, before, after, now)]);
  }

  return {
    async look() {
      const caches = await store.cachesWithLogDelivery();
      if (caches.length === 0 && workers.size === 0) return;
      const all = await store.nodesOf(caches.map(({ incarnation }) => incarnation));
      const living = Map.groupBy(
        all.filter(({ intent }) => intent !== 'deleted'),
        ({ cacheIncarnation }) => cacheIncarnation,
      );
      const nodesOf = ({ incarnation }: Cache) => living.get(incarnation) ?? [];
      const wanted = new Set<string>();
      for (const cache of caches) {
        for (const delivery of cache.desired.logDelivery ?? []) {
          for (const node of nodesOf(cache)) {
            const key = keyOf(node, delivery);
            wanted.add(key);
            workerOf(key, delivery).nudge({ node, delivery, stream: { ...delivery, ...node } });
          }
        }
      }
      void dropOthers(wanted); // not waited for: a destination may not answer
      for (const cache of caches)
        await record(cache, nodesOf(cache)).catch((error: unknown) => {
          // Somebody changed the cache a moment ago: the next round sees what they wanted.
          if (!(error instanceof StaleWrite)) throw error;
        });
    },
    stop: () => dropOthers(new Set()),
  };
}

function eventsOf(
  cache: Cache,
  before: Parameters<typeof turns>[0],
  after: Parameters<typeof turns>[1],
  date: number,
): Change[] {
  const { failed, works } = turns(before, after);
  return [
    ...failed.map(({ logType, message }) => logDeliveryFailed(cache.kind, logType, message ?? '')),
    ...works.map(({ logType }) => logDeliveryWorks(cache.kind, logType)),
  ].map((text) => announce(cache, cache.id, text, date));
}
