/** Ends processes, and watches until they have ended. */
import { setTimeout as delay } from 'node:timers/promises';
import type { NodeHandle } from '../../model/node.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Log } from '../../platform/log.ts';
import { everyThread, isDead, isReleased, type ProcessStat } from '../../platform/proc.ts';
import { statOf } from './process-state.ts';

interface Ending {
  readonly clock: Clock;
  readonly log: Log;
}

/** After a SIGKILL the kernel needs about 0.15 s per GiB; when it takes longer than this, something is wrong with it. */
const killDeadlineMs = 30_000;

export async function fenceProcess(
  handle: NodeHandle,
  deadlineMs: number,
  ending: Ending,
): Promise<'fenced' | 'unknown'> {
  try {
    const stat = statOf(handle);
    if (!stat) return 'fenced';
    killGroup(stat);
    if (await waitUntil(() => hasEndedAs(isDead, handle), deadlineMs, ending.clock)) return 'fenced';
    ending.log.error('a killed cache node has not been seen to end', { pid: handle.pid, deadlineMs });
  } catch (error) {
    ending.log.error('cannot see whether a killed cache node has ended', { pid: handle.pid, error });
  }
  return 'unknown';
}

export async function stopProcess(handle: NodeHandle, graceMs: number, ending: Ending): Promise<void> {
  const stat = statOf(handle);
  if (!stat) return;
  if (graceMs > 0 && !isDead(stat)) send(handle.pid, 'SIGTERM');
  if (await isReleasedWithin(handle, graceMs, ending.clock)) return;
  const living = statOf(handle);
  if (living && !isDead(living)) {
    if (graceMs > 0)
      ending.log.warn('a cache node did not end on SIGTERM and is killed', { pid: handle.pid, graceMs });
    killGroup(living);
  }
  if (await isReleasedWithin(handle, killDeadlineMs, ending.clock)) return;
  throw new Error(
    `process ${handle.pid} has not ended ${killDeadlineMs / 1000} s after SIGKILL (state ${living?.state})`,
  );
}

/** Sends SIGSTOP or SIGCONT. False when there is no such process. */
export function suspendProcess(handle: NodeHandle, isHeld: boolean): boolean {
  const stat = statOf(handle);
  if (!stat || isDead(stat)) return false;
  send(handle.pid, isHeld ? 'SIGSTOP' : 'SIGCONT');
  return true;
}

/** Waits until its sockets and files are closed as well: only then can another process take its address. */
export function isReleasedWithin(handle: NodeHandle, deadlineMs: number, clock: Clock): Promise<boolean> {
  return waitUntil(() => hasEndedAs(isReleased, handle), deadlineMs, clock);
}

/**
 * Kills what a process that is no longer there has forked: an orphaned background save would rename its old
 * dump over a newer one. Rejects when it does not end.
 */
export async function killOrphan(stat: ProcessStat, handle: NodeHandle, ending: Ending): Promise<void> {
  ending.log.warn('killing what a dead cache node has forked', { pid: stat.pid, name: stat.name });
  if (statOf(handle)) send(stat.pid, 'SIGKILL');
  if (!(await isReleasedWithin(handle, killDeadlineMs, ending.clock)))
    throw new Error(`process ${stat.pid}, forked by a dead cache node, does not end on SIGKILL`);
}

function hasEndedAs(test: (stat: ProcessStat) => boolean, handle: NodeHandle): boolean {
  const stat = statOf(handle);
  return !stat || (test(stat) && everyThread(handle.pid, test));
}

/** While the leader of a process group is there, if only as a zombie, the group's number cannot belong to anybody else. */
function killGroup(stat: ProcessStat): void {
  send(stat.groupId === stat.pid ? -stat.pid : stat.pid, 'SIGKILL');
}

/** Sends a signal. The caller has looked at the start time of the process microseconds ago: pids are not reused that fast. */
function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Looks again and again; the pauses are short at first, since a small process is dead after 0.3-0.7 ms. */
async function waitUntil(test: () => boolean, deadlineMs: number, clock: Clock): Promise<boolean> {
  const until = clock.monotonic() + deadlineMs;
  for (let round = 0; ; round += 1) {
    if (test()) return true;
    if (clock.monotonic() >= until) return false;
    if (round < 30) await new Promise(setImmediate);
    else await delay(round < 200 ? 1 : 5);
  }
}
