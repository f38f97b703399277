/**
 * What is the matter with a node that does not answer? Pure: facts of /proc and of the PINGs in, a verdict out.
 *
 * - dead: no such process, or a zombie.
 * - hung: held by a signal or a debugger, or its processor time does not advance, for `hangAfterMs`. An idle engine's
 *   own timer runs ten times a second, so half a second without progress is not idleness. A process in
 *   uninterruptible sleep waits for a disk: that is not progress either, and not a hang before `busyAfterMs`.
 * - unresponsive: it makes progress and does not answer: a long script, FLUSHALL, CLIENT PAUSE, loading, no free
 *   connection. It lives, and a failover would lose data for nothing.
 */
import type { ProcessState } from '../../runtime/contract.ts';
import type { Verdict } from '../shard/view.ts';

export interface Limits {
  readonly pingIntervalMs: number;
  readonly hangAfterMs: number;
  readonly busyAfterMs: number;
}

/** What is remembered of one process between two looks. Times are of the monotonic clock, milliseconds. */
export interface Track {
  /** When the process last answered; when watching began, before the first answer. */
  readonly answeredAt: number;
  /** Whether the process has answered at all since watching began. */
  readonly hasAnswered: boolean;
  /** Since when a PING is outstanding or the connection is closed; null while all is well. */
  readonly silentSince: number | null;
  /** When its processor time was last seen to have advanced, and what it was then. */
  readonly progressAt: number;
  readonly cpuMs: number;
  /** The first look at its processor time since it is silent; null before that, and while all is well. */
  readonly firstLook: { readonly at: number; readonly cpuMs: number } | null;
}

export const newTrack = (now: number): Track => ({
  answeredAt: now,
  hasAnswered: false,
  silentSince: now,
  progressAt: now,
  cpuMs: -1,
  firstLook: null,
});

export const answered = (track: Track, now: number): Track => ({
  ...track,
  answeredAt: now,
  hasAnswered: true,
  silentSince: null,
  progressAt: now,
  firstLook: null,
});

/** Notes that a PING was sent, or that the connection is gone: silence counts from the first such moment. */
export const silent = (track: Track, now: number): Track =>
  track.silentSince === null ? { ...track, silentSince: now, progressAt: now } : track;

/** Takes note of a look at /proc. A stopped process makes no progress, whatever its counters say. */
export function looked(track: Track, process: ProcessState, now: number): Track {
  if (process.kind !== 'running') return track;
  const { cpuMs } = process;
  const firstLook = track.firstLook ?? (track.silentSince === null ? null : { at: now, cpuMs });
  return cpuMs > track.cpuMs ? { ...track, firstLook, cpuMs, progressAt: now } : { ...track, firstLook };
}

/** Forgives the silence of a time in which the observer itself was late (its machine slept, a disk stalled it). */
export const forgive = (track: Track, now: number): Track => ({
  ...track,
  silentSince: track.silentSince === null ? null : now,
  progressAt: now,
});

export function diagnose(track: Track, process: ProcessState, now: number, limits: Limits): Verdict {
  if (process.kind === 'gone' || process.kind === 'zombie') return 'dead';
  if (track.silentSince === null) return 'answering';
  const silentMs = now - track.silentSince;
  if (track.hasAnswered && silentMs < limits.pingIntervalMs && process.kind === 'running') return 'answering';
  const withoutProgressMs = now - track.progressAt;
  const limitMs = process.isWaitingForDisk ? limits.busyAfterMs : limits.hangAfterMs;
  return silentMs >= limitMs && withoutProgressMs >= limitMs ? 'hung' : 'unresponsive';
}
