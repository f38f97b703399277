/** The door to time. Production uses `systemClock`; tests pass their own. */
export interface Clock {
  /** Milliseconds since 1970: what people read. */
  now(): number;
  /** Milliseconds of a clock that never jumps: what deadlines use. */
  monotonic(): number;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
};
