/**
 * Waits that end with a signal. What was begun goes on unobserved, so these are for work that may be
 * repeated beside itself: a read, the answer to a command that is out, the death of a process that was killed.
 */
import type { Clock } from './clock.ts';

/** The signal aborted before this was done. */
export class NotInTime extends Error {
  override readonly name = 'NotInTime';
}

const notInTime = (what: string) => new NotInTime(`${what}: not done before the deadline`);

/** Rejects with `NotInTime` as soon as the signal aborts. `what`: for the message, e.g. `ending process 17`. */
export async function untilAborted<T>(signal: AbortSignal, work: Promise<T>, what: string): Promise<T> {
  work.catch(() => {}); // nobody waits for it any more when it fails late
  let stop = () => {};
  const aborted = new Promise<never>((_resolve, reject) => {
    stop = () => reject(notInTime(what));
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** Throws `NotInTime` when the signal has aborted. To be called before each deed that must not be done after that. */
export function requireTime(signal: AbortSignal, what: string): void {
  if (signal.aborted) throw notInTime(what);
}

export const pause = (clock: Clock, signal: AbortSignal, ms: number, what: string): Promise<void> =>
  untilAborted(signal, clock.delay(ms), what);
