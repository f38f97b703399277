/** Waiting for facts. */
import { setTimeout as delay } from 'node:timers/promises';
import { inspect } from 'node:util';

export interface EventuallyOptions {
  /** Default 10 s: far more than needed on an idle machine, so that a busy one does not fail tests. */
  readonly deadlineMs?: number;
  /** Default 10 ms. */
  readonly intervalMs?: number;
}

/**
 * Looks again and again until the probe gives something other than false, null or undefined, and returns that. A
 * probe that throws has not seen it yet. At the deadline it fails with what was last seen: what the probe handed to
 * `see` (which gives it back), else what it threw or returned.
 *
 *     const primary = await eventually((see) => see(status()).members.find(({ role }) => role === 'primary'));
 */
export async function eventually<T>(
  probe: (see: <V>(value: V) => V) => T | Promise<T>,
  { deadlineMs = 10_000, intervalMs = 10 }: EventuallyOptions = {},
): Promise<Exclude<NonNullable<T>, false>> {
  const untilMs = performance.now() + deadlineMs;
  let noted: { readonly value: unknown } | null = null;
  const see = <V>(value: V): V => {
    noted = { value };
    return value;
  };
  for (;;) {
    let last: unknown;
    try {
      const result = await probe(see);
      if (result !== false && result !== null && result !== undefined) {
        return result as Exclude<NonNullable<T>, false>;
      }
      last = result;
    } catch (error) {
      last = error;
    }
    if (performance.now() >= untilMs) throw notSeen(probe, deadlineMs, noted, last);
    await delay(intervalMs);
  }
}

function notSeen(probe: object, deadlineMs: number, noted: { value: unknown } | null, last: unknown): Error {
  const shown = inspect(noted === null ? last : noted.value, { depth: 6, breakLength: 120 });
  const error = new Error(`not seen within ${deadlineMs} ms; last seen: ${shown}`, { cause: last });
  Error.captureStackTrace(error, probe as () => void);
  return error;
}
