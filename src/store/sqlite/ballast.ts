/**
 * A file that only takes up room. When the disk is full it is deleted, so that what matters then, a failover
 * above all, can still be recorded. 1 MiB lasts for some tens of commits, unless other writers on the disk are
 * faster; the write-ahead log, which is reused and does not shrink, usually lasts longer.
 */
import { randomFillSync } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, openSync, rmSync, statfsSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Clock } from '../../platform/clock.ts';
import type { Log } from '../../platform/log.ts';
import { isOutOfRoom } from './database.ts';

const ballastBytes = 1024 * 1024;
/** Bytes that must be free before the ballast is made again, so that it does not come and go on a full disk. A judgement. */
const roomNeededBytes = 4 * ballastBytes;
const refillIntervalMs = 10_000;

export interface Ballast {
  /** True from the first write that found no room until the ballast is back. */
  isDiskFull(): boolean;
  /** Runs `work`; when there is no room for it, frees the ballast and runs it once more. */
  withRoom<Result>(work: () => Result): Result;
  /** Makes the file when it is missing and there is room; looks at most every 10 s. Never throws. */
  refill(): void;
}

export function createBallast(path: string, clock: Clock, log: Log): Ballast {
  let diskFull = false;
  let lookedAt = Number.NEGATIVE_INFINITY;
  let present = existsSync(path) && statSync(path).size === ballastBytes;

  const free = (error: unknown): boolean => {
    const freed = present;
    if (present) rmSync(path, { force: true });
    present = false;
    if (!diskFull || freed)
      log.error('the disk of the state file is full: make room', { path, ballastFreed: freed, error });
    diskFull = true;
    lookedAt = clock.monotonic();
    return freed;
  };

  return {
    isDiskFull: () => diskFull,
    withRoom: (work) => {
      try {
        return work();
      } catch (error) {
        if (!isOutOfRoom(error) || !free(error)) throw error;
        return work();
      }
    },
    refill: () => {
      if (present || clock.monotonic() - lookedAt < refillIntervalMs) return;
      lookedAt = clock.monotonic();
      present = write(path);
      if (!present) {
        if (!diskFull) log.error('the disk of the state file is nearly full: make room', { path });
        diskFull = true;
        return;
      }
      if (diskFull) log.info('the disk of the state file has room again', { path });
      diskFull = false;
    },
  };
}

/** False when there is not room enough. Random bytes, because some file systems store zeros in no room at all. */
function write(path: string): boolean {
  try {
    const disk = statfsSync(dirname(path));
    if (disk.bavail * disk.bsize < roomNeededBytes) return false;
    const file = openSync(path, 'w', 0o600);
    try {
      const bytes = randomFillSync(Buffer.allocUnsafe(ballastBytes));
      for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    return true;
  } catch {
    rmSync(path, { force: true });
    return false;
  }
}
