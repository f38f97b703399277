/**
 * Runs cache nodes. Implementations: `process/` (this machine). The runtime knows processes and directories;
 * what the processes speak is told to it by callbacks, since runtime and engines do not know each other.
 *
 * ```
 * prepare ──> start ──> (running) ──> stop / fence ──> (gone) ──> destroy
 *                ^          │ Limber dies and comes back: reattach
 *                └──────────┘
 * ```
 */
import type { NodeHandle } from '../model/node.ts';

/** What to run for one node. */
export interface NodeSpec {
  /** Names the directory, and marks the process (`LIMBER_NODE` in its environment). */
  readonly incarnation: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** File name → content, written 0600 into the node's directory before each start. */
  readonly files: Readonly<Record<string, string>>;
}

export interface ProcessState {
  /**
   * `running`: it exists and is not stopped. `stopped`: SIGSTOP or a debugger holds it. `zombie`: it is dead and
   * frees its memory or waits for its parent. `gone`: no such process.
   */
  readonly kind: 'running' | 'stopped' | 'zombie' | 'gone';
  /**
   * Processor time so far, milliseconds, as fine as the kernel tells it (nanoseconds in /proc/PID/schedstat, all
   * threads' leader): two equal readings half a second apart mean that the process did nothing at all.
   */
  readonly cpuMs: number;
  /** State D: in uninterruptible sleep, which is a disk or a file system that does not answer. */
  readonly isWaitingForDisk: boolean;
  /** Resident memory, bytes; 0 unless it lives. */
  readonly rssBytes: number;
}

/** The engine did not start. `lastWords` are the last lines of its log. */
export class SpawnFailed extends Error {
  override readonly name = 'SpawnFailed';
  readonly lastWords: string;
  constructor(message: string, lastWords: string, options?: ErrorOptions) {
    super(message, options);
    this.lastWords = lastWords;
  }
}

export interface StartOptions {
  /** Resolves true once the engine answers; called again and again until then, or until the process is gone. */
  readonly isReady: () => Promise<boolean>;
  readonly deadlineMs: number;
  /** Called with the handle at once after the spawn, before readiness: persist it before trusting it. */
  readonly onSpawned: (handle: NodeHandle) => Promise<void>;
}

export interface NodeRuntime {
  /** `<data>/nodes/<incarnation>`; engines put their data into its folder `data`. */
  directoryOf(incarnation: string): string;
  /** Makes the directory (0700). May be repeated. Throws when there is no room. */
  prepare(incarnation: string): Promise<void>;
  /** Writes the files, spawns detached in a session of its own, waits for readiness. Throws `SpawnFailed`; no process is left then. */
  start(spec: NodeSpec, options: StartOptions): Promise<NodeHandle>;
  /** Synchronous and cheap (one read of /proc): failover decides by it. */
  inspect(handle: NodeHandle): ProcessState;
  /** Calls back once when a process that this Limber started or reattached to ends. Returns an unsubscribe. */
  onExit(handle: NodeHandle, listener: () => void): () => void;
  /** SIGTERM, and SIGKILL after `graceMs`; resolves when the exit was observed. */
  stop(handle: NodeHandle, options: { graceMs: number }): Promise<void>;
  /**
   * SIGKILL, and waits until the process is seen dead (a zombie counts: it takes no more commands).
   * `unknown` when that could not be seen in time: then nobody may be promoted.
   */
  fence(handle: NodeHandle, options: { deadlineMs: number }): Promise<'fenced' | 'unknown'>;
  /** Deletes the node's directory. Only for tombstones, only when its process is gone. May be repeated. */
  destroy(incarnation: string): Promise<void>;
  /** The last lines of the engine's log and output. */
  lastWords(incarnation: string, lines: number): Promise<string>;
  /** Every live process on this machine that carries `LIMBER_NODE` of this data directory. */
  findProcesses(): Promise<Map<string, NodeHandle[]>>;
  /** Directories under `nodes/` by incarnation. */
  findDirectories(): Promise<string[]>;
}
