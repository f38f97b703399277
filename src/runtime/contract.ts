/**
 * A runtime runs cache nodes. Implementations: `process/` (this machine). It knows processes and directories; callbacks say
 * what the engines in them answer, since runtime and engines do not know each other.
 *
 * ```
 * prepare ──> start ──> (running) ──> stop / fence ──> (gone) ──> destroy
 *                ^          │ Limber dies and comes back: reattach
 *                └──────────┘
 * ```
 */
import type { NodeHandle } from '../model/node.ts';
import type { Files } from '../platform/files.ts';

/** In the directory of a node: what its process has written, bounded; `engine.log.1` before it. */
export const engineLogName = 'engine.log';

/** What to run for one node. */
export interface NodeSpec {
  /** Names the directory, and marks the process (`LIMBER_NODE` in its environment, output into its directory). */
  readonly incarnation: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** File name → content, written 0600 into the node's directory before each start. */
  readonly files: Readonly<Record<string, string>>;
  /** The name of one of them, which the process gets as its standard input. Absent: it has none. */
  readonly input?: string;
}

export interface ProcessState {
  /**
   * `running`: it exists and is not stopped. `stopped`: SIGSTOP or a debugger holds it. `zombie`: it is dead and
   * frees its memory or waits for its parent; its sockets may stay open until it has. `gone`: no such process.
   */
  readonly kind: 'running' | 'stopped' | 'zombie' | 'gone';
  /**
   * Processor time of the first thread so far, milliseconds, as fine as the kernel counts it (nanoseconds in
   * /proc/PID/schedstat); 0 unless it lives. Two equal readings half a second apart mean that the process did nothing at all.
   */
  readonly cpuMs: number;
  /** State D: in uninterruptible sleep, which is a disk or a file system that does not answer. */
  readonly isWaitingForDisk: boolean;
  /** Resident memory, bytes; 0 unless it lives. */
  readonly rssBytes: number;
}

/** Thrown when an engine did not start. `lastWords` are the last lines of its log. */
export class SpawnFailed extends Error {
  override readonly name = 'SpawnFailed';
  readonly lastWords: string;
  /**
   * Empty: no process is left. Else processes of this node that `start` found and did not start itself, or that
   * could not be seen to end: they were left alone, and the caller decides (reattach, or fence and start again).
   */
  readonly survivors: readonly NodeHandle[];
  constructor(
    message: string,
    lastWords: string,
    options?: ErrorOptions & { readonly survivors?: readonly NodeHandle[] },
  ) {
    super(message, options);
    this.lastWords = lastWords;
    this.survivors = options?.survivors ?? [];
  }
}

/** Thrown when a node's directory cannot be made, or its files not be written: no room, no right, a file in its place. */
export class DirectoryUnusable extends Error {
  override readonly name = 'DirectoryUnusable';
}

/** Thrown when a directory is to be destroyed while a process of its node lives: the caller fences or stops that first. */
export class NodeStillAlive extends Error {
  override readonly name = 'NodeStillAlive';
  readonly survivors: readonly NodeHandle[];
  constructor(message: string, survivors: readonly NodeHandle[]) {
    super(message);
    this.survivors = survivors;
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
  /** What the nodes' engines read and write. */
  readonly files: Files;
  /** `<data>/nodes/<incarnation>`; engines put their data into its folder `data`. */
  directoryOf(incarnation: string): string;
  /**
   * Makes the directory (0700) and its folder `data`. May be repeated. Throws `DirectoryUnusable`, also when its file
   * system has less than `roomBytes` free (default 0).
   */
  prepare(incarnation: string, options?: { readonly roomBytes?: number }): Promise<void>;
  /**
   * Writes the files, spawns detached in a session of its own, waits for readiness. Throws `DirectoryUnusable` when the
   * files cannot be written, else `SpawnFailed`; no process that it started is left then. The directory must be prepared: one that vanished is not made anew.
   *
   * Never runs two processes for one incarnation: a live process of it that is found (Limber died between the
   * spawn and `onSpawned`) is adopted as it is: no file is written, `onSpawned` gets its handle, and it has to
   * become ready too. To start with new files, stop or fence the old process first.
   */
  start(spec: NodeSpec, options: StartOptions): Promise<NodeHandle>;
  /**
   * Synchronous and cheap (two reads of /proc, 10 µs): failover decides by it. Throws `ProcUnreadable` when /proc
   * cannot be read: that is no proof of death.
   */
  inspect(handle: NodeHandle): ProcessState;
  /**
   * Two parts of `inspect`, from one read of /proc each: the processor time (null when there is none), and whether it lives
   * and is not suspended. They do not say whether the process is still that of the handle: for who has seen that a moment
   * ago. Throw `ProcUnreadable`.
   */
  cpuMs(handle: NodeHandle): number | null;
  isRunning(handle: NodeHandle): boolean;
  /**
   * False when the folder `data` that the process was given is not where it works any more: it was deleted, moved, or another
   * one is in its place. Null when that cannot be seen. One read of a link; only of a process that has read its configuration.
   */
  worksInItsFolder(incarnation: string, handle: NodeHandle): boolean | null;
  /**
   * The process of a node was proven to live, by what its engine answers, though this runtime cannot see it (it runs in another
   * PID namespace); null: that is over. Until then it counts as running, and `start`, `stop`, `fence` and `destroy` refuse.
   * One of an earlier boot is dead all the same.
   */
  assumeAlive(incarnation: string, handle: NodeHandle | null): void;
  /**
   * Calls back once when the process ends, also when it already has. At once for a small process that this Limber
   * started; within a second for others, because Node has no pidfd: the death of the control connection is the
   * fast path. Returns an unsubscribe.
   */
  onExit(handle: NodeHandle, listener: () => void): () => void;
  /**
   * SIGTERM, and SIGKILL after `graceMs` (0: at once, and no SIGTERM); resolves when the exit was observed and its sockets and files are
   * closed. Rejects when that is not seen within 30 s of the SIGKILL. May be repeated.
   */
  stop(handle: NodeHandle, options: { graceMs: number }): Promise<void>;
  /**
   * SIGKILL to the process and what it forked, and waits until every thread of it is seen dead (a zombie counts,
   * and so does one that still frees its memory: it takes no more commands, but its sockets may be open yet).
   * `unknown` when that could not be seen in time: then nobody may be promoted.
   */
  fence(handle: NodeHandle, options: { deadlineMs: number }): Promise<'fenced' | 'unknown'>;
  /** Holds the process by SIGSTOP, or lets it go on. False when there is no such process. */
  suspend(handle: NodeHandle, isHeld: boolean): boolean;
  /**
   * Deletes the node's directory. Only for tombstones. Throws `NodeStillAlive` while its process lives; what a
   * dead one has forked (a background save) is killed. May be repeated.
   */
  destroy(incarnation: string): Promise<void>;
  /**
   * What the process writes goes on into `engine.log`: once for each that an earlier Limber has started. Until then it
   * keeps 64 KiB, and loses the rest.
   */
  followOutput(incarnation: string, handle: NodeHandle): void;
  /** The last lines of `engine.log` in the node's directory, at most 4 KiB, without secrets; may be empty. */
  lastWords(incarnation: string, lines: number): Promise<string>;
  /**
   * Every live process on this machine that was started for a node of this data directory, whoever recorded it;
   * not what these have forked. More than one per incarnation must not be, and is for the caller to judge.
   */
  findProcesses(): Promise<Map<string, NodeHandle[]>>;
  /** Directories under `nodes/` by incarnation. */
  findDirectories(): Promise<string[]>;
}
