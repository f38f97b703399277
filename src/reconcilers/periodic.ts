/** Work that comes back by the clock. Each kind runs alone: a slow round delays only its own next one. */
import type { Clock, Timer } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';

interface Periodic {
  stop(): void;
}

/** Runs `work` every `intervalMs`, first after `intervalMs`; what it throws is logged. */
export function periodically(
  name: string,
  intervalMs: number,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
  work: () => Promise<void>,
): Periodic {
  let timer: Timer | null = null;
  let isStopped = false;
  const next = () => {
    if (isStopped) return;
    timer = clock.after(intervalMs, () => {
      work()
        .catch((error: unknown) => log.error(`${name} failed and is tried again`, { error }))
        .finally(next);
    });
  };
  next();
  return {
    stop() {
      isStopped = true;
      timer?.stop();
    },
  };
}
