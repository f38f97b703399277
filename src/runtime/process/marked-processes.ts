/**
 * Knows the processes of our nodes among all others, also those that nobody recorded.
 *
 * Two marks, either is enough: `LIMBER_NODE` and `LIMBER_DATA` in the environment, and standard output or error
 * being `<data>/nodes/<incarnation>/output.pipe`. The second is needed because Valkey and Redis overwrite the
 * memory of their environment with their process title; the first, because a program may close its output.
 * Both name the data directory, so that two Limbers on one machine never touch each other's nodes.
 */
import { sep } from 'node:path';
import {
  isDead,
  listPids,
  type ProcessStat,
  readDescriptor,
  readEnvironment,
  readProcess,
} from '../../platform/proc.ts';
import { pipeName } from './output-pipes.ts';

export interface MarkedProcess {
  readonly incarnation: string;
  readonly stat: ProcessStat;
  /** What we spawned leads its session; what that forked (a background save) does not. */
  readonly isLeader: boolean;
}

export interface ProcessMarks {
  environmentOf(incarnation: string): Record<string, string>;
  /** Live processes with our mark. 30-50 µs for each process of the machine, in slices below 1 ms. Throws `ProcUnreadable`. */
  find(incarnation?: string): Promise<MarkedProcess[]>;
}

/** Both paths as `realpath` says: the kernel's links are compared with them. */
export function processMarks(dataDirectory: string, nodesDirectory: string): ProcessMarks {
  const incarnationOf = (pid: number) =>
    incarnationOfPath(readDescriptor(pid, 1), nodesDirectory) ??
    incarnationOfPath(readDescriptor(pid, 2), nodesDirectory) ??
    incarnationOfEnvironment(readEnvironment(pid), dataDirectory);
  return {
    environmentOf: (incarnation) => ({ LIMBER_NODE: incarnation, LIMBER_DATA: dataDirectory }),
    async find(wanted) {
      const found: MarkedProcess[] = [];
      for (const [index, pid] of listPids().entries()) {
        if (index % 16 === 15) await new Promise(setImmediate); // a failover must not wait for us
        const incarnation = incarnationOf(pid);
        if (incarnation === null || (wanted !== undefined && incarnation !== wanted)) continue;
        const stat = readProcess(pid);
        if (stat && !isDead(stat)) found.push({ incarnation, stat, isLeader: stat.sessionId === pid });
      }
      return found;
    },
  };
}

/** The file may have been renamed by a log rotation, or deleted: the kernel then adds a word to its name. */
function incarnationOfPath(path: string | null, nodesDirectory: string): string | null {
  if (!path?.startsWith(nodesDirectory + sep)) return null;
  const [incarnation, file] = path.slice(nodesDirectory.length + 1).split(sep);
  return incarnation && file?.startsWith(pipeName) ? incarnation : null;
}

function incarnationOfEnvironment(environment: Map<string, string> | null, dataDirectory: string) {
  return environment?.get('LIMBER_DATA') === dataDirectory ? (environment.get('LIMBER_NODE') ?? null) : null;
}
