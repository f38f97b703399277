/** The state of a process that a handle names. */
import type { NodeHandle } from '../../model/node.ts';
import { bootId, isDead, type ProcessStat, readMainThreadCpuMs, readProcess } from '../../platform/proc.ts';
import type { ProcessState } from '../contract.ts';

export function handleOf(stat: ProcessStat): NodeHandle {
  return { bootId: bootId(), pid: stat.pid, startTime: stat.startTime };
}

/** The process of a handle; null when it is gone: no process has the pid, or a later one, or one of another boot has it. */
export function statOf(handle: NodeHandle): ProcessStat | null {
  if (handle.bootId !== bootId()) return null;
  const stat = readProcess(handle.pid);
  return stat?.startTime === handle.startTime ? stat : null;
}

/** The state of a process, from two reads of /proc. The processor time is that of its first thread, which runs the engine's commands. */
export function inspectProcess(handle: NodeHandle): ProcessState {
  const stat = statOf(handle);
  if (!stat || isDead(stat))
    return { kind: stat ? 'zombie' : 'gone', cpuMs: 0, isWaitingForDisk: false, rssBytes: 0 };
  return {
    kind: stat.state === 'T' || stat.state === 't' ? 'stopped' : 'running',
    cpuMs: readMainThreadCpuMs(handle.pid) ?? stat.cpuMs,
    isWaitingForDisk: stat.state === 'D',
    rssBytes: stat.rssBytes,
  };
}

export function hasEnded(handle: NodeHandle): boolean {
  const stat = statOf(handle);
  return !stat || isDead(stat);
}
