/**
 * Reads what Linux says about processes in /proc (proc(5)). Everything is synchronous: a read costs 4-12 µs, and a
 * failover decides by it.
 *
 * "No such process" is an answer (null); "could not look" is `ProcUnreadable`: whoever mistakes the second for
 * the first promotes a replica beside a living primary.
 */
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, readSync } from 'node:fs';

export interface ProcessStat {
  readonly pid: number;
  /** First 15 bytes of the program's name; the loader's name for engines that run through their own loader. */
  readonly name: string;
  /** One letter: R S D T t Z X I …; T and t are stopped, Z and X dead. */
  readonly state: string;
  readonly parentPid: number;
  readonly groupId: number;
  /** Equal to `pid` for the leader of a session: what was spawned detached, and not what it forked. */
  readonly sessionId: number;
  /** The process runs no user code any more: the kernel tears it down (PF_EXITING). */
  readonly isExiting: boolean;
  /** User and system time of all threads so far, milliseconds, in steps of a clock tick (10 ms). */
  readonly cpuMs: number;
  /** Clock ticks since boot. With boot id and pid it names one process for ever. */
  readonly startTime: number;
  readonly rssBytes: number;
}

/** /proc could not be read: not Linux, no file descriptor left, hidden by `hidepid`. Nothing is known then. */
class ProcUnreadable extends Error {
  override readonly name = 'ProcUnreadable';
}

let knownBootId: string | undefined;

/** Random per boot of the kernel; containers see their host's. Read once. */
export function bootId(): string {
  try {
    knownBootId ??= readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  } catch (cause) {
    throw new ProcUnreadable('reading the boot id in /proc: Limber runs processes on Linux only', { cause });
  }
  return knownBootId;
}

/** Null when there is no such process. Throws `ProcUnreadable`. */
export function readProcess(pid: number): ProcessStat | null {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return parseStat(pid, readSmall(`/proc/${pid}/stat`));
    } catch (cause) {
      if (!isMissing(cause)) throw new ProcUnreadable(`reading the state of process ${pid}`, { cause });
      if (!existsBySignal(pid)) return null;
      // Either a new process has just taken the number, or /proc hides what exists.
      if (attempt === 3)
        throw new ProcUnreadable(`process ${pid} exists, but /proc does not show it`, { cause });
    }
  }
}

/** Dead, whether or not somebody has reaped it, and also while the kernel still frees its memory. */
export function isDead(stat: Pick<ProcessStat, 'state' | 'isExiting'>): boolean {
  return stat.state === 'Z' || stat.state === 'X' || stat.isExiting;
}

/** Dead, and its files and sockets are closed: the kernel closes them before a thread becomes a zombie. */
export function isReleased(stat: Pick<ProcessStat, 'state'>): boolean {
  return stat.state === 'Z' || stat.state === 'X';
}

/**
 * Whether `test` holds for each thread that is left of the process; true when none is. Needed because the leader
 * may be a zombie while other threads are still on their way out with the shared files and memory.
 */
export function everyThread(pid: number, test: (thread: ProcessStat) => boolean): boolean {
  try {
    return readdirSync(`/proc/${pid}/task`).every((thread) => {
      try {
        return test(parseStat(Number(thread), readSmall(`/proc/${pid}/task/${thread}/stat`)));
      } catch (error) {
        if (isMissing(error)) return true;
        throw error;
      }
    });
  } catch (cause) {
    if (isMissing(cause)) return true;
    throw new ProcUnreadable(`reading the threads of process ${pid}`, { cause });
  }
}

/**
 * Processor time of the first thread since it was started, in milliseconds, as fine as the kernel counts it (nanoseconds);
 * null when the process is gone or the kernel keeps no such account.
 */
export function readMainThreadCpuMs(pid: number): number | null {
  try {
    return Number(readSmall(`/proc/${pid}/schedstat`).split(' ')[0]) / 1e6;
  } catch (cause) {
    if (isMissing(cause)) return null;
    throw new ProcUnreadable(`reading the processor time of process ${pid}`, { cause });
  }
}

/** The letter of `ProcessStat.state` alone, for half the price; null when there is no such process. */
export function readStateLetter(pid: number): string | null {
  try {
    const text = readSmall(`/proc/${pid}/stat`);
    return text[text.lastIndexOf(')') + 2] ?? null;
  } catch (cause) {
    if (isMissing(cause)) return null;
    throw new ProcUnreadable(`reading the state of process ${pid}`, { cause });
  }
}

/** Every process that /proc shows. */
export function listPids(): number[] {
  try {
    return readdirSync('/proc').map(Number).filter(Number.isInteger);
  } catch (cause) {
    throw new ProcUnreadable('listing /proc', { cause });
  }
}

/**
 * The environment that the process was started with; null when it is gone or of another user. Empty for Valkey
 * and Redis: they overwrite that memory with their process title.
 */
export function readEnvironment(pid: number): Map<string, string> | null {
  const entries = readList(`/proc/${pid}/environ`);
  return entries && new Map(entries.map((entry) => splitOnce(entry, '=')));
}

/** Program and arguments; null when it is gone. */
export function readCommandLine(pid: number): string[] | null {
  return readList(`/proc/${pid}/cmdline`);
}

/** The numbers of its open file descriptors; none when it is gone or of another user. */
export function listDescriptors(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`);
  } catch {
    return [];
  }
}

/** Where a file descriptor points; null when it is closed, or the process is gone or of another user. */
export function readDescriptor(pid: number, descriptor: number | string): string | null {
  try {
    return readlinkSync(`/proc/${pid}/fd/${descriptor}`);
  } catch {
    return null;
  }
}

/** The kernel adds ` (deleted)` where that is so; null when the process is gone or of another user. */
export function readWorkingDirectory(pid: number): string | null {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return null;
  }
}

const smallBuffer = Buffer.alloc(4096);

/** One read into a buffer that is reused: three times faster than readFileSync. */
function readSmall(path: string): string {
  const descriptor = openSync(path, 'r');
  try {
    return smallBuffer.toString('latin1', 0, readSync(descriptor, smallBuffer, 0, smallBuffer.length, null));
  } finally {
    closeSync(descriptor);
  }
}

const PF_EXITING = 0x4; // include/linux/sched.h; field 9 of /proc/PID/stat

function parseStat(pid: number, text: string): ProcessStat {
  // The name stands in parentheses and may hold blanks and parentheses itself: count from the last one.
  const nameEnd = text.lastIndexOf(')');
  const fields = text.slice(nameEnd + 2).split(' ');
  const number = (field: number) => Number(fields[field - 3]);
  const { ticksPerSecond, pageBytes } = kernelUnits();
  return {
    pid,
    name: text.slice(text.indexOf('(') + 1, nameEnd),
    state: fields[0] ?? '',
    parentPid: number(4),
    groupId: number(5),
    sessionId: number(6),
    isExiting: (number(9) & PF_EXITING) !== 0,
    cpuMs: ((number(14) + number(15)) * 1000) / ticksPerSecond,
    startTime: number(22),
    rssBytes: number(24) * pageBytes,
  };
}

let knownUnits: { ticksPerSecond: number; pageBytes: number } | undefined;

/** The kernel hands each process its units in the auxiliary vector (getauxval(3)); arm64 has larger pages. */
function kernelUnits(): { ticksPerSecond: number; pageBytes: number } {
  if (knownUnits) return knownUnits;
  const vector = readFileSync('/proc/self/auxv');
  const values = new Map<number, number>();
  for (let at = 0; at + 16 <= vector.length; at += 16)
    values.set(Number(vector.readBigUInt64LE(at)), Number(vector.readBigUInt64LE(at + 8)));
  knownUnits = { ticksPerSecond: values.get(17) ?? 100, pageBytes: values.get(6) ?? 4096 };
  return knownUnits;
}

function readList(path: string): string[] | null {
  try {
    return readFileSync(path, 'utf8').split('\0').filter(Boolean);
  } catch (cause) {
    if (isMissing(cause) || isForbidden(cause)) return null;
    throw new ProcUnreadable(`reading ${path}`, { cause });
  }
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

/** ESRCH: it ended between open and read. */
function isMissing(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'ENOENT' || code === 'ESRCH';
}

function isForbidden(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'EACCES' || code === 'EPERM';
}

function existsBySignal(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
