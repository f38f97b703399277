/** How many files and sockets a process may have open. */
import { readFileSync } from 'node:fs';

/** This process's hard limit, which its children inherit; Node raises its own to it. Without a limit a very large number. */
export function hardLimitOfOpenFiles(): number {
  try {
    const line = /^Max open files\s+\S+\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'latin1'));
    const limit = Number(line?.[1]);
    return Number.isFinite(limit) ? limit : Number.MAX_SAFE_INTEGER;
  } catch {
    return Number.MAX_SAFE_INTEGER;
  }
}
