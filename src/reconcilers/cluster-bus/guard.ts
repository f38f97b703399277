/**
 * Keeps strangers off the bus of every cluster: a loop for each node, woken when its engine writes nodes.conf, which it
 * does as soon as anybody introduces himself. The loop looks at whom the node knows, and makes it forget who is in no
 * record before anything that he says counts (`engines/valkey/strangers.ts`). What a stranger did while nobody was
 * looking is the shard workers' to mend: they are told who is there.
 */
import { strangerOnBus } from '../../catalog/events.ts';
import type { EngineConnection } from '../../engines/valkey/client.ts';
import { keyOf } from '../../engines/valkey/cluster-plan.ts';
import { type ClusterMember, readMembers } from '../../engines/valkey/cluster-view.ts';
import { EngineUnreachable } from '../../engines/valkey/engine-errors.ts';
import { forgetAll, isLeftover, slotsOf, strangersAmong } from '../../engines/valkey/strangers.ts';
import { announce } from '../../fleet/announce.ts';
import { nodesFilePath } from '../../fleet/data-files.ts';
import type { Fleet } from '../../fleet/fleet.ts';
import { isUnrecordedNode } from '../../fleet/unrecorded.ts';
import { type CacheNode, isSameProcess } from '../../model/node.ts';
import { formatSlots } from '../../model/slots.ts';
import type { Timer } from '../../platform/clock.ts';
import { faultPoint } from '../../platform/fault-points.ts';
import { ghostOf } from '../shard/view.ts';
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

export function createBusGuard(
  fleet: Fleet,
  wakeShardOf: (node: Pick<CacheNode, 'cacheIncarnation' | 'nodeGroupId'>) => void,
): BusGuard {
  const { clock, log } = fleet;
  const watched = new Map<string, Watched>();
  const strangers = createStrangerLog(clock);
  /** By cache, monotonic milliseconds. */
  const alertUntil = new Map<string, number>();

  const isAlert = ({ cacheIncarnation }: CacheNode) =>
    (alertUntil.get(cacheIncarnation) ?? 0) > clock.monotonic();

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
    if (isWatched(entry) && isAlert(entry.node))
      entry.alert = clock.after(alertPauseMs(entry.nodes), () => lookSoon(entry));
  }

  async function look(entry: Watched): Promise<void> {
    const { node } = entry;
    const connection = await fleet.connections.of(node);
    const members = await readMembers(connection);
    // The rows after the engine: whoever is introduced by Limber has a row before.
    const rows = await fleet.store.nodesOf([node.cacheIncarnation]);
    entry.nodes = rows.length;
    const isGhost = (one: ClusterMember) => rows.some((row) => ghostOf(row) === keyOf(one));
    const found =
      rows.length === 0
        ? []
        : strangersAmong(members, new Set(rows.map(keyOf))).filter((one) => !isGhost(one));
    await forgetGhosts(node, connection, members.filter(isGhost));
    const own: ClusterMember[] = [];
    // One that is just being introduced is no member yet, whoever it is; and there is no time to lose with it.
    for (const one of found)
      if (one.health !== 'joining' && (await isUnrecordedNode(fleet, one))) own.push(one);
    const foreign = found.filter((one) => !own.includes(one));
    const kept = foreign.length === 0 ? [] : await forgetAll(connection, foreign);
    if (foreign.length > 0) faultPoint('bus-guard:forgotten');
    const news = strangers.note(node, [
      ...own.map((one) => ({ where: keyOf(one), isInside: true, isOurs: true })),
      ...foreign
        .filter((one) => !isLeftover(one))
        .map((one) => ({ where: keyOf(one), isInside: kept.includes(one), isOurs: false })),
    ]);
    const self = describeSelf(members);
    const hasChanged = entry.self !== null && entry.self !== self;
    entry.self = self;
    const isKnown = found.some(({ health }) => health !== 'joining');
    if (foreign.some((one) => !isLeftover(one))) raiseAlert(node);
    // One that knocks again and again wakes nobody but this loop.
    if (hasChanged || isKnown || news.length > 0) wakeShardOf(node);
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

  /** One that a primary was started as a replica of has no part in the cluster once the primary leads. */
  async function forgetGhosts(
    node: CacheNode,
    connection: EngineConnection,
    ghosts: readonly ClusterMember[],
  ): Promise<void> {
    if (ghosts.length === 0) return;
    // Its own primary keeps it until it has taken over.
    await forgetAll(connection, ghosts);
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

function describeSelf(members: readonly ClusterMember[]): string {
  const self = members.find(({ isMyself }) => isMyself);
  return `${self?.role} ${self?.primaryId} ${formatSlots(slotsOf(self ? [self] : []))}`;
}
