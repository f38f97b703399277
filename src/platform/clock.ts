/** The only way to time: Limber uses `systemClock`, tests pass clocks of their own. */
export interface Clock {
  /** Milliseconds since 1970: what people read. */
  now(): number;
  /** Milliseconds of a clock that never jumps: what deadlines use. */
  monotonic(): number;
  /** Calls back once, `ms` from now. Keeps no process alive. */
  after(ms: number, work: () => void): Timer;
  /** Resolves `ms` from now. */
  delay(ms: number): Promise<void>;
}

export interface Timer {
  /** The timer does not call back any more. May be repeated. */
  stop(): void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, work) {
    const timer = setTimeout(work, ms);
    timer.unref();
    return { stop: () => clearTimeout(timer) };
  },
  delay: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
};

/** A signal that aborts `ms` from now, unless it is stopped before. */
export function timeLimit(clock: Clock, ms: number): Timer & { readonly signal: AbortSignal } {
  const controller = new AbortController();
  const { stop } = clock.after(ms, () => controller.abort());
  return { signal: controller.signal, stop };
}
