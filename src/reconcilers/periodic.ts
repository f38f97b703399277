/** Work that comes back by the clock. Each kind runs alone: a slow round delays only its own next one. */
import type { Log } from '../platform/log.ts';

export interface Periodic {
  stop(): void;
}

/** Runs `work` every `intervalMs`, first after `intervalMs`; what it throws is logged. */
export function periodically(
  name: string,
  intervalMs: number,
  log: Log,
  work: () => Promise<void>,
): Periodic {
  let timer: NodeJS.Timeout | null = null;
  let isStopped = false;
  const next = () => {
    if (isStopped) return;
    timer = setTimeout(() => {
      work()
        .catch((error: unknown) => log.error(`${name} failed and is tried again`, { error }))
        .finally(next);
    }, intervalMs);
    timer.unref();
  };
  next();
  return {
    stop() {
      isStopped = true;
      if (timer) clearTimeout(timer);
    },
  };
}
