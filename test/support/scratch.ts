/**
 * What a test takes from the machine, so that it comes back whatever happens: a folder under the system's temporary
 * one, and a block of loopback addresses of its own. A claim file names both and who holds them; what a test run
 * that was killed has left behind is cleared away by the next one.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isRunning, readStartRecord } from '../../src/cli/start-record.ts';
import { findServerProcesses } from '../../src/endpoints/memcached-configuration/control.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { isDead, readProcess } from '../../src/platform/proc.ts';
import { createProcessRuntime } from '../../src/runtime/process/process-runtime.ts';

export interface Scratch {
  readonly directory: string;
  /** Inside `directory`; not made yet. */
  readonly dataDirectory: string;
  /** A /20: eight slices of 512 addresses. */
  readonly pool: string;
  /** Ends what runs for the data directory, and deletes everything. May be repeated. */
  release(): Promise<void>;
}

interface Claim {
  readonly pid: number;
  readonly startTime: number;
  readonly directory: string;
}

const claims = join(tmpdir(), 'limber-test-pools');
/** 127.128.0.0/9 in blocks of /20: clear of the default pool and of the addresses that other tests choose. */
const blockCount = 2048;

export async function claimScratch(): Promise<Scratch> {
  const directory = await realpath(await mkdtemp(join(tmpdir(), 'limber-test-')));
  await clearAbandoned();
  const block = claimBlock(directory);
  const number = 0x7f800000 + block * 4096;
  const dataDirectory = join(directory, 'data');
  let released: Promise<void> | undefined;
  return {
    directory,
    dataDirectory,
    pool: `${number >>> 24}.${(number >>> 16) & 255}.${(number >>> 8) & 255}.0/20`,
    release: () => {
      released ??= clear(directory, join(claims, String(block)));
      return released;
    },
  };
}

/** From a random one on: what an unclean end has left on addresses is met rarely even then. */
function claimBlock(directory: string): number {
  mkdirSync(claims, { recursive: true, mode: 0o1777 });
  const claim: Claim = { pid: process.pid, startTime: readProcess(process.pid)?.startTime ?? 0, directory };
  const first = Math.floor(Math.random() * blockCount);
  for (let step = 0; step < blockCount; step += 1) {
    const block = (first + step) % blockCount;
    try {
      writeFileSync(join(claims, String(block)), JSON.stringify(claim), { flag: 'wx' });
      return block;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
  throw new Error(`all ${blockCount} address blocks for tests are claimed in ${claims}`);
}

async function clearAbandoned(): Promise<void> {
  for (const name of listClaims()) {
    const path = join(claims, name);
    const claim = readClaim(path);
    if (claim === null || isAlive(claim)) continue;
    const taken = `${path}.${process.pid}`;
    try {
      // Whoever renames it clears it.
      writeFileSync(
        taken,
        JSON.stringify({ ...claim, pid: process.pid, startTime: readProcess(process.pid)?.startTime }),
        {
          flag: 'wx',
        },
      );
      unlinkSync(path);
    } catch {
      rmSync(taken, { force: true });
      continue;
    }
    await clear(claim.directory, taken);
  }
}

/** Only a folder that a test made: a claim is a file that anybody could have written. */
async function clear(directory: string, claimPath: string): Promise<void> {
  if (directory.startsWith(join(await realpath(tmpdir()), 'limber-test-'))) {
    const dataDirectory = join(directory, 'data');
    await endProcesses(dataDirectory);
    await rm(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }
  rmSync(claimPath, { force: true });
}

/** Limber first, or it starts its nodes again: that of a test run that was killed may still be there. */
async function endProcesses(dataDirectory: string): Promise<void> {
  if (!existsSync(join(dataDirectory, 'nodes'))) return;
  const record = await readStartRecord(dataDirectory);
  if (record && isRunning(record)) {
    process.kill(record.pid, 'SIGKILL');
    await untilEnded(record);
  }
  const runtime = createProcessRuntime({ dataDirectory, clock: systemClock, log: silentLog });
  for (const handles of (await runtime.findProcesses()).values()) {
    for (const handle of handles) await runtime.fence(handle, { deadlineMs: 10_000 });
  }
  for (const pid of findServerProcesses(join(dataDirectory, 'endpoints', 'memcached'))) {
    const stat = readProcess(pid);
    if (!stat) continue;
    process.kill(pid, 'SIGKILL'); // one that a test has suspended takes no other signal
    await untilEnded(stat);
  }
}

async function untilEnded(process: Pick<Claim, 'pid' | 'startTime'>): Promise<void> {
  for (let round = 0; round < 500 && isAlive(process); round += 1) await delay(10);
}

function listClaims(): string[] {
  try {
    return readdirSync(claims);
  } catch {
    return [];
  }
}

function readClaim(path: string): Claim | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Claim;
  } catch {
    return null; // being written at this moment, or cleared
  }
}

function isAlive({ pid, startTime }: Pick<Claim, 'pid' | 'startTime'>): boolean {
  const stat = readProcess(pid);
  return stat !== null && stat.startTime === startTime && !isDead(stat);
}
