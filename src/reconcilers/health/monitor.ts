/**
 * Watches every node: processor time that advances, and one PING at a time. A closed connection or a missed PING only
 * triggers a closer look, because a client may cut our connection (CLIENT KILL) or delay our PING (CLIENT PAUSE, a long script); what
 * counts then is in `diagnosis.ts`. The monitor never acts: it wakes the workers of the shards.
 */
import { EngineReplyError } from '../../engines/valkey/engine-errors.ts';
import { type CacheNode, isSameProcess, type NodeHandle } from '../../model/node.ts';
import type { Clock, Timer } from '../../platform/clock.ts';
import type { Log } from '../../platform/log.ts';
import type { NodeRuntime, ProcessState } from '../../runtime/contract.ts';
import type { Verdict } from '../shard/view.ts';
import {
  answered,
  diagnose,
  forgive,
  type Limits,
  looked,
  newTrack,
  silent,
  type Track,
} from './diagnosis.ts';
import { createLeadHistory, type Lag, type LeadHistory } from './lead-history.ts';
import { reasonOfSilence } from './silence.ts';

export interface SignOfLife {
  /** The answer says something that the worker of the shard should see now. */
  readonly wantsLook: boolean;
  /** The bytes of the replication stream so far, of a node that leads. */
  readonly offset: number | null;
}

/** Asks the node's engine for a sign of life; rejects when the connection cannot be had or ends. */
export type Ping = (node: CacheNode) => Promise<SignOfLife>;

export interface HealthMonitor {
  /** Starts watching the process of this handle; with a new handle, anew. */
  watch(node: CacheNode): void;
  forget(incarnation: string): void;
  /** The node's connection has just ended: look at once. */
  lost(incarnation: string): void;
  /** The verdict on a node, after a fresh look at /proc. `absent` for a node without a handle. */
  verdict(node: CacheNode): Verdict;
  /** Why a node does not answer, for people; null while it does, and while that is not known. */
  silence(node: CacheNode): string | null;
  /** For how long a node has not answered, milliseconds; 0 while it does, and for one that is not watched. */
  silentMs(node: CacheNode): number;
  /** What a replica that has come to `offset` lacks of this primary's stream, as far as that was seen; null when that is not known. */
  lagBehind(primary: CacheNode, offset: number): Lag | null;
  onChange(listener: (node: CacheNode, verdict: Verdict) => void): void;
  close(): void;
}

interface MonitorOptions {
  readonly runtime: NodeRuntime;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: Limits;
  readonly ping: Ping;
}

interface Watched {
  node: CacheNode;
  handle: NodeHandle;
  track: Track;
  readonly history: LeadHistory;
  lastVerdict: Verdict;
  /** The code of the refusal that its last PING was answered with, if it was. */
  refusal: string | null;
  isPinging: boolean;
  /** When the last PING was sent; monotonic milliseconds. */
  pingedAt: number;
  isLooking: boolean;
  /** Its own, while it does not answer; else the common beat is when it is looked at. */
  timer: Timer | null;
  dueAt: number;
  stopListening: () => void;
}

/** Bytes from which on the kernel takes long to free a process: its death shows in /proc before its sockets close. */
const largeBytes = 256 * 2 ** 20;
const largeIntervalMs = 10;
/** For so long, processor time that advances is a sufficient sign of life: reading it costs a tenth of a PING. */
const silentProofMs = 900;
/** A tick that comes this late says that the observer slept, not the observed. */
const lateMs = 200;
/** After a lost connection /proc is looked at every millisecond for this long. */
const closeLookMs = 100;

export function createHealthMonitor(options: MonitorOptions): HealthMonitor {
  const { runtime, clock, limits, log } = options;
  const watched = new Map<string, Watched>();
  const listeners: ((node: CacheNode, verdict: Verdict) => void)[] = [];
  const large = new Set<Watched>();
  let largeTimer: Timer | null = null;
  /** Of all nodes that answer: a wake-up for each costs more than all looks together. */
  let beat: Timer | null = null;
  let beatDueAt = 0;

  /** Looks at /proc, and calls the listeners when the verdict is another than before. */
  function look(entry: Watched): Verdict {
    const now = clock.monotonic();
    const state = inspect(entry);
    if (!state) return 'unresponsive';
    entry.track = looked(entry.track, state, now);
    const verdict = diagnose(entry.track, state, now, limits);
    watchSize(entry, state.rssBytes);
    if (verdict !== entry.lastVerdict) {
      log.info(`${entry.node.cacheClusterId} is ${verdict}`, {
        node: entry.node.incarnation,
        was: entry.lastVerdict,
      });
      entry.lastVerdict = verdict;
      for (const listener of listeners) listener(entry.node, verdict);
    }
    return verdict;
  }

  /** The state of a process; null when /proc cannot be read (too many open files): that proves nothing, and must not end the watch. */
  function inspect(entry: Watched): ProcessState | null {
    try {
      return runtime.inspect(entry.handle);
    } catch (error) {
      log.warn(`${entry.node.cacheClusterId} cannot be looked at`, { node: entry.node.incarnation, error });
      return null;
    }
  }

  function watchSize(entry: Watched, rssBytes: number): void {
    if (rssBytes < largeBytes) large.delete(entry);
    else large.add(entry);
    if (large.size > 0 && !largeTimer) {
      largeTimer = clock.after(largeIntervalMs, lookAtLarge);
    }
    if (large.size === 0 && largeTimer) {
      largeTimer.stop();
      largeTimer = null;
    }
  }

  function lookAtLarge(): void {
    largeTimer = clock.after(largeIntervalMs, lookAtLarge);
    for (const one of large) if (inspect(one)?.kind === 'zombie') look(one);
  }

  function ping(entry: Watched): void {
    entry.isPinging = true;
    entry.pingedAt = clock.monotonic();
    entry.track = silent(entry.track, entry.pingedAt);
    options.ping(entry.node).then(
      ({ wantsLook, offset }) => {
        entry.isPinging = false;
        entry.refusal = null;
        if (watched.get(entry.node.incarnation) !== entry) return;
        entry.track = answered(entry.track, clock.monotonic());
        if (offset !== null) entry.history.note(clock.monotonic(), offset);
        if (entry.lastVerdict !== 'answering') look(entry);
        else if (wantsLook) for (const listener of listeners) listener(entry.node, 'answering');
      },
      (error: unknown) => {
        entry.isPinging = false;
        entry.refusal = error instanceof EngineReplyError ? error.code : null;
      },
    );
  }

  /**
   * True when it has answered a PING a moment ago, and the cheapest look of all finds nothing against that: its processor
   * time has advanced since the last one, which an idle engine's does ten times a second. An idle Memcached uses none for
   * a whole second: it counts unless it is suspended.
   */
  function isPlainlyAlive(entry: Watched, now: number): boolean {
    if (now - entry.pingedAt >= silentProofMs || entry.track.silentSince !== null) return false;
    try {
      if (entry.node.engine === 'memcached') return runtime.isRunning(entry.handle);
      const cpuMs = runtime.cpuMs(entry.handle);
      if (cpuMs === null || cpuMs <= entry.track.cpuMs) return false;
      entry.track = { ...entry.track, cpuMs, progressAt: now };
      return true;
    } catch {
      return false; // the whole look, which follows, says why
    }
  }

  /** One that answers. */
  function tick(entry: Watched, now: number): void {
    if (!entry.isPinging && isPlainlyAlive(entry, now)) return;
    const state = inspect(entry);
    if (state) {
      entry.track = looked(entry.track, state, now);
      watchSize(entry, state.rssBytes);
    }
    if (!entry.isPinging) ping(entry);
    else look(entry);
    if (state && state.kind !== 'running') look(entry);
  }

  function tickTroubled(entry: Watched): void {
    const now = clock.monotonic();
    if (now - entry.dueAt > lateMs) entry.track = forgive(entry.track, now);
    if (entry.isPinging) look(entry);
    else ping(entry);
    look(entry);
    schedule(entry);
  }

  /** One that does not answer is looked at more often, by itself, until it does. */
  function schedule(entry: Watched): void {
    entry.timer?.stop();
    entry.timer = null;
    if (watched.get(entry.node.incarnation) !== entry || entry.lastVerdict === 'answering') return;
    const ms = limits.pingIntervalMs / 5;
    entry.dueAt = clock.monotonic() + ms;
    entry.timer = clock.after(ms, () => tickTroubled(entry));
  }

  function onBeat(): void {
    const now = clock.monotonic();
    const isLate = now - beatDueAt > lateMs;
    for (const entry of [...watched.values()]) {
      if (entry.timer || watched.get(entry.node.incarnation) !== entry) continue;
      if (isLate) entry.track = forgive(entry.track, now);
      tick(entry, now);
      if (entry.lastVerdict !== 'answering') schedule(entry);
    }
    startBeat();
  }

  function startBeat(): void {
    beat = null;
    if (watched.size === 0) return;
    beatDueAt = clock.monotonic() + limits.pingIntervalMs;
    beat = clock.after(limits.pingIntervalMs, onBeat);
  }

  /** Looks every millisecond until the process is seen dead or the close look is over. */
  async function lookClosely(entry: Watched): Promise<void> {
    if (entry.isLooking) return;
    entry.isLooking = true;
    const end = clock.monotonic() + closeLookMs;
    while (watched.get(entry.node.incarnation) === entry && clock.monotonic() < end) {
      if (look(entry) === 'dead') break;
      await clock.delay(1);
    }
    entry.isLooking = false;
  }

  function stop(entry: Watched): void {
    entry.timer?.stop();
    entry.stopListening();
    large.delete(entry);
    watched.delete(entry.node.incarnation);
  }

  return {
    watch(node) {
      const existing = watched.get(node.incarnation);
      if (existing && isSameProcess(existing.handle, node.handle)) {
        existing.node = node;
        return;
      }
      if (existing) stop(existing);
      if (!node.handle) return;
      const entry: Watched = {
        node,
        handle: node.handle,
        track: newTrack(clock.monotonic()),
        history: createLeadHistory(),
        lastVerdict: 'unresponsive',
        refusal: null,
        isPinging: false,
        pingedAt: 0,
        isLooking: false,
        dueAt: 0,
        timer: null,
        stopListening: () => {},
      };
      watched.set(node.incarnation, entry);
      entry.stopListening = runtime.onExit(node.handle, () => void lookClosely(entry));
      ping(entry);
      schedule(entry);
      if (!beat) startBeat();
    },
    forget(incarnation) {
      const entry = watched.get(incarnation);
      if (entry) stop(entry);
    },
    lost(incarnation) {
      const entry = watched.get(incarnation);
      if (!entry) return;
      entry.track = silent(entry.track, clock.monotonic());
      void lookClosely(entry);
    },
    verdict(node) {
      if (!node.handle) return 'absent';
      const entry = watched.get(node.incarnation);
      if (entry && isSameProcess(entry.handle, node.handle)) return look(entry);
      const state = runtime.inspect(node.handle);
      return diagnose(newTrack(clock.monotonic()), state, clock.monotonic(), limits);
    },
    silence(node) {
      const entry = watched.get(node.incarnation);
      if (!entry || !isSameProcess(entry.handle, node.handle)) return null;
      return reasonOfSilence(entry.track, runtime.inspect(entry.handle), clock.monotonic(), entry.refusal);
    },
    silentMs(node) {
      const entry = watched.get(node.incarnation);
      const since = entry && isSameProcess(entry.handle, node.handle) ? entry.track.silentSince : null;
      return since === null ? 0 : clock.monotonic() - since;
    },
    lagBehind(primary, offset) {
      const entry = watched.get(primary.incarnation);
      return entry && isSameProcess(entry.handle, primary.handle) ? entry.history.lagAt(offset) : null;
    },
    onChange(listener) {
      listeners.push(listener);
    },
    close() {
      for (const entry of [...watched.values()]) stop(entry);
      largeTimer?.stop();
      beat?.stop();
    },
  };
}
