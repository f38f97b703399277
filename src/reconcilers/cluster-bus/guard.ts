/**
 * Keeps strangers off the bus of every cluster: a loop for each node, woken when its engine writes nodes.conf, which it
 * does as soon as anybody introduces himself. The loop looks at whom the node knows, and makes it forget who is in no
 * record before anything that he says counts (`engines/valkey/strangers.ts`). What a stranger did while nobody was
 * looking is the shard workers' to mend: they are told who is there.
 */
import { strangerOnBus } from '../../catalog/events.ts';
import { keyOf } from '../../engines/valkey/cluster-plan.ts';
import type { ClusterMember } from '../../engines/valkey/cluster-view.ts';
import { EngineUnreachable } from '../../engines/valkey/engine-errors.ts';
import { slotsOf } from '../../engines/valkey/strangers.ts';
import { announce } from '../../fleet/announce.ts';
import { nodesFilePath } from '../../fleet/data-files.ts';
import type { Fleet } from '../../fleet/fleet.ts';
import { type CacheNode, isSameProcess } from '../../model/node.ts';
import { formatSlots } from '../../model/slots.ts';
import type { Timer } from '../../platform/clock.ts';
import { introduceAgain } from './introduce-again.ts';
import { lookAtBus } from './look.ts';
import { createStrangerLog, type Stranger } from './stranger-log.ts';

export interface BusGuard {
  /** Keeps an eye on a node of a formed cluster from now on. May be repeated; with a new process, anew. */
  watch(node: CacheNode): void;
  /** Something has changed on its bus: look soon. */
  look(incarnation: string): void;
  /** Who is on the bus of this cache and in no record, or was a moment ago. */
  strangersOf(cacheIncarnation: string): readonly Stranger[];
  /** The same of all caches, for people. */
  findings(): readonly string[];
  forget(incarnation: string): void;
  forgetCache(cacheIncarnation: string): void;
  close(): void;
}

interface Watched {
  node: CacheNode;
  stopWatching: () => void;
  isLooking: boolean;
  looksAgain: boolean;
  /** The node's own role and slots as it said last. */
  self: string | null;
  /** How many its cache has. */
  nodes: number;
  /** By incarnation: members that it does not know, and since when. */
  missing: ReadonlyMap<string, number>;
  /** Looks again without being woken. */
  alert: Timer | null;
}

/** Between two looks at one node, whatever happens on its bus. */
const pauseMs = 10;
/** After one that did not answer in time. */
const retryMs = 250;
/**
 * While somebody knocks, and so long after: a member that was introduced for a moment has told others of him, and of that
 * no engine writes a file. Each look costs 0.1 ms, and 0.01 ms more for each node that the cluster has.
 */
const alertMs = 2_000;
const alertPauseMs = (nodes: number) => 50 + 2 * nodes;
/** A member that is unknown for so long is not on its way in. */
const missingMs = 2_000;

export function createBusGuard(
  fleet: Fleet,
  wakeShardOf: (node: Pick<CacheNode, 'cacheIncarnation' | 'nodeGroupId'>) => void,
): BusGuard {
  const { clock, log } = fleet;
  const watched = new Map<string, Watched>();
  const strangers = createStrangerLog(clock);
  /** By cache, monotonic milliseconds. */
  const alertUntil = new Map<string, number>();

  function lookSoon(entry: Watched): void {
    entry.looksAgain = true;
    if (!entry.isLooking) void run(entry);
  }

  const isWatched = (entry: Watched) => watched.get(entry.node.incarnation) === entry;

  async function run(entry: Watched): Promise<void> {
    entry.isLooking = true;
    while (entry.looksAgain && isWatched(entry)) {
      entry.looksAgain = false;
      try {
        await look(entry);
      } catch (error) {
        log.debug('the cluster bus of a node could not be looked at', {
          node: entry.node.incarnation,
          error,
        });
        // One that is gone is its shard's worker's business, which has it watched anew when it is back.
        entry.looksAgain = !(error instanceof EngineUnreachable);
        await clock.delay(retryMs);
      }
      await clock.delay(pauseMs);
    }
    entry.isLooking = false;
    entry.alert?.stop();
    const nextMs = nextLookMs(entry);
    if (nextMs !== null && isWatched(entry)) entry.alert = clock.after(nextMs, () => lookSoon(entry));
  }

  /** Null when it is woken. */
  function nextLookMs({ node, nodes, missing }: Watched): number | null {
    if ((alertUntil.get(node.cacheIncarnation) ?? 0) > clock.monotonic()) return alertPauseMs(nodes);
    return missing.size > 0 ? missingMs / 2 : null;
  }

  async function look(entry: Watched): Promise<void> {
    const { node } = entry;
    const connection = await fleet.connections.of(node);
    const { foreign, kept, ours, hadGhosts, missing, self, nodes } = await lookAtBus(fleet, node, connection);
    entry.nodes = nodes;
    const news = strangers.note(node, [
      ...ours.map((one) => ({ where: keyOf(one), isInside: true, isOurs: true })),
      ...foreign.map((one) => ({ where: keyOf(one), isInside: kept.includes(one), isOurs: false })),
    ]);
    const hasChanged = entry.self !== null && entry.self !== self;
    entry.self = self;
    if (foreign.length > 0) raiseAlert(node);
    else if (hadGhosts) lookEverywhere(node);
    const isKnown = [...ours, ...foreign].some(({ health }) => health !== 'joining');
    // One that knocks again and again wakes nobody but this loop.
    if (hasChanged || isKnown || news.length > 0) wakeShardOf(node);
    const { missing: before } = entry;
    entry.missing = new Map(
      missing.map((one) => [one.incarnation, before.get(one.incarnation) ?? clock.monotonic()]),
    );
    const lost = missing.filter(
      ({ incarnation }) => clock.monotonic() - entry.missing.get(incarnation)! >= missingMs,
    );
    await introduceAgain(fleet, node, connection, lost);
    // Beside the loop, which must not wait for a disk.
    tell(
      node,
      foreign.filter((one) => news.includes(keyOf(one))),
    ).catch((error: unknown) => log.error('an event about a stranger could not be recorded', { error }));
  }

  function raiseAlert(node: CacheNode): void {
    alertUntil.set(node.cacheIncarnation, clock.monotonic() + alertMs);
    lookEverywhere(node);
  }

  /** Who is known to one is known to others, or soon will be. */
  function lookEverywhere({ cacheIncarnation, incarnation }: CacheNode): void {
    for (const other of watched.values())
      if (other.node.cacheIncarnation === cacheIncarnation && other.node.incarnation !== incarnation)
        lookSoon(other);
  }

  async function tell(node: CacheNode, members: readonly ClusterMember[]): Promise<void> {
    for (const member of members) {
      const slots = formatSlots(slotsOf([member]));
      const text = strangerOnBus(keyOf(member), node.cacheClusterId, slots);
      log.warn(text.message, { node: node.incarnation });
      await fleet.store.commit([announce(node, node.replicationGroupId ?? '', text, clock.now())]);
    }
  }

  function stop(entry: Watched): void {
    entry.stopWatching();
    entry.alert?.stop();
    watched.delete(entry.node.incarnation);
    strangers.forgetNode(entry.node);
  }

  return {
    watch(node) {
      const known = watched.get(node.incarnation);
      if (known && isSameProcess(known.node.handle, node.handle)) {
        known.node = node;
        if (strangers.isInside(node)) lookSoon(known);
        return;
      }
      // Its directory may be another one since then.
      known?.stopWatching();
      if (!node.handle) return;
      const entry: Watched = {
        node,
        stopWatching: fleet.runtime.files.watch(nodesFilePath(fleet, node), () => lookSoon(entry)),
        isLooking: false,
        looksAgain: false,
        self: null,
        nodes: 0,
        missing: new Map(),
        alert: null,
      };
      watched.set(node.incarnation, entry);
      lookSoon(entry);
    },
    look(incarnation) {
      const entry = watched.get(incarnation);
      if (entry) lookSoon(entry);
    },
    strangersOf: strangers.of,
    findings: strangers.findings,
    forget(incarnation) {
      const entry = watched.get(incarnation);
      if (entry) stop(entry);
    },
    forgetCache(cacheIncarnation) {
      for (const entry of [...watched.values()])
        if (entry.node.cacheIncarnation === cacheIncarnation) stop(entry);
      strangers.forgetCache(cacheIncarnation);
      alertUntil.delete(cacheIncarnation);
    },
    close() {
      for (const entry of [...watched.values()]) stop(entry);
    },
  };
}
