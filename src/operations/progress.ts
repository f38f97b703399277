/** What an operation does at the moment, for people: `limber status`, and the log when something does not end. */
import type { Operation } from '../model/operation.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';

export interface OperationProgress {
  readonly id: string;
  readonly kind: string;
  readonly lock: string;
  readonly step: string;
  /** `unknown`: this version does not know its kind or step, and leaves it to a newer one. */
  readonly activity: 'looking' | 'acting' | 'waiting' | 'backing-off' | 'unknown';
  readonly sentence: string;
  /** Since when the operation does this, monotonic milliseconds. */
  readonly since: number;
  /** For how long Limbers have worked on the present step. */
  readonly stepMs: number;
  /** For how long the step may wait; null when it waits for nothing. */
  readonly limitMs: number | null;
  /** True when the act has passed its deadline and has not ended: nothing else happens with its cache meanwhile. */
  readonly isOverdue: boolean;
  /** Failures in a row. */
  readonly attempts: number;
  readonly lastError: string | null;
}

/** An act may take this much longer than its deadline before that is logged: it is to see the signal within a second. */
const overdueAfterMs = 1_000;

export function stepOf(state: unknown): string {
  if (state === null) return 'beginning';
  return typeof state === 'object' && 'step' in state! ? String(state.step) : 'only';
}

/** Of an operation that a newer version has to go on with. `why`: e.g. `does not know its step dividing`. */
export function unknownProgress({ id, kind, lock, state }: Operation, why: string, since: number) {
  return {
    ...{ id, kind, lock, since, step: stepOf(state), activity: 'unknown', stepMs: 0, limitMs: null },
    ...{ isOverdue: false, attempts: 0, lastError: null },
    sentence: `this version of Limber ${why}: a newer one goes on with it`,
  } as const satisfies OperationProgress;
}

/** `45 seconds`, `10 minutes`. */
export function durationText(ms: number): string {
  const [count, unit] =
    ms < 120_000 ? [Math.round(ms / 1_000), 'second'] : [Math.round(ms / 60_000), 'minute'];
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}

export function createProgress(clock: Clock, log: Log) {
  let progress: OperationProgress | null = null;
  return {
    present: () => progress,
    set(next: Omit<OperationProgress, 'since' | 'isOverdue'>): void {
      const isSame = progress?.activity === next.activity && progress.sentence === next.sentence;
      const since = isSame && progress ? progress.since : clock.monotonic();
      progress = { ...next, since, isOverdue: false };
    },
    /** Nobody takes its place while it has not ended, however long that is; so it is said who holds the lock. */
    async watched<T>(work: Promise<T>, deadlineMs: number): Promise<T> {
      const startedAt = clock.monotonic();
      let timer = clock.after(deadlineMs + overdueAfterMs, complain);
      function complain() {
        if (!progress) return;
        progress = { ...progress, isOverdue: true };
        const { id, kind, lock, step, activity, sentence } = progress;
        const forMs = Math.round(clock.monotonic() - startedAt);
        log.error('an operation does not end at its deadline, and nothing else can be done with its cache', {
          ...{ operation: id, kind, lock, step, activity, sentence, deadlineMs, forMs },
        });
        timer = clock.after(Math.max(forMs, 1_000), complain);
      }
      try {
        return await work;
      } finally {
        timer.stop();
      }
    },
  };
}
