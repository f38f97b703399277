/**
 * What is refused because a shard is not well is tried again for a moment: a failover is over within milliseconds, and a
 * client would have to tell that refusal from one that lasts.
 */

import { ServiceError } from '../../model/service-errors.ts';
import type { Clock } from '../../platform/clock.ts';

/** A refusal that the state of a shard's processes asks for. */
export class NotWell extends ServiceError {}

/** Short enough for the time limits of clients. */
const patienceMs = 1_500;
const betweenMs = 50;

/** `work` plans anew each time. Throws its last refusal. */
export async function onceWell<T>({ clock }: { readonly clock: Clock }, work: () => Promise<T>): Promise<T> {
  const end = clock.monotonic() + patienceMs;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof NotWell) || clock.monotonic() >= end) throw error;
    }
    await clock.delay(betweenMs);
  }
}
