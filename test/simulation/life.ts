/**
 * One life of Limber: what it waits for comes only as long as it lives. A Limber that is killed waits for ever, at
 * whichever `await` it was; what it had sent is on its way all the same.
 */
import type { Clock } from '../../src/platform/clock.ts';
import type { Scheduler } from './scheduler.ts';

export interface Life {
  readonly clock: Clock;
  readonly isOver: () => boolean;
  /** Called once, when it ends. */
  onEnd(listener: () => void): void;
  end(): void;
  /** Calls back `ms` from now, if it lives then. */
  after(ms: number, work: () => void): void;
}

/** 2026-11-20, noon: so that windows, ids and events have a date. */
const epoch = Date.UTC(2026, 10, 20, 12);

export function createLife(scheduler: Scheduler): Life {
  let isOver = false;
  const listeners: (() => void)[] = [];
  const after = (ms: number, work: () => void) => scheduler.after(ms, () => !isOver && work());
  return {
    clock: {
      now: () => epoch + Math.floor(scheduler.now()),
      monotonic: () => scheduler.now(),
      after,
      delay: (ms) => new Promise((resolve) => after(ms, resolve)),
    },
    isOver: () => isOver,
    onEnd: (listener) => void listeners.push(listener),
    end() {
      isOver = true;
      for (const listener of listeners) listener();
    },
    after,
  };
}
