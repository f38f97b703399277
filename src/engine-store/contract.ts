/** An engine as `--version` names it. `redis` is Redis OSS. */
export const engineNames = ['valkey', 'redis', 'memcached'] as const;
export type EngineName = (typeof engineNames)[number];

/** The programs that an engine may bring. Memcached has only the server; a system package may lack the others. */
export const programNames = ['server', 'cli', 'benchmark', 'check-rdb', 'check-aof'] as const;
export type ProgramName = (typeof programNames)[number];

/**
 * How to start a program: `spawn(command, [...args, ...yourArguments])`. For an engine from a package the command is
 * that folder's own loader, so that `ps` and `/proc/PID/exe` show `ld-linux-…`: know a process by its start time,
 * never by its name.
 */
interface ProgramStart {
  readonly command: string;
  readonly args: readonly string[];
  /** To be added to the child's environment, when present. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface InstalledEngine {
  readonly engine: EngineName;
  /** In full, as the server's own `--version` said: `9.1.2`. */
  readonly version: string;
  /** Where it lives: the unpacked folder, or the folder that holds the server for `path` and `system`. */
  readonly directory: string;
  readonly source: 'path' | 'system' | 'package';
  /** The Debian suite that a fetched package came from. */
  readonly suite?: string;
  /** Null when this installation lacks that program. */
  program(name: ProgramName): ProgramStart | null;
}

/** What the catalogue can fetch: plain data, see `src/catalog/engine-packages.ts`. */
export interface FetchableEngine {
  readonly engine: EngineName;
  /** The version seen there last. A point release or a rolling suite may bring a newer one; what runs is read anew. */
  readonly version: string;
  /** Debian suites to take it from, the release itself first. */
  readonly suites: readonly string[];
  readonly packages: readonly string[];
  /** True for a suite that moves on to new minor and major versions (sid). */
  readonly rolling?: boolean;
}

export interface EngineRequest {
  readonly engine: EngineName;
  /** `8`, `8.1`, `1.6.38`, one of ElastiCache's own names (`7.1` of Redis OSS, `8.2` of Valkey), or `newest`. */
  readonly version: string;
}

export interface ResolvedEngine {
  readonly engine: InstalledEngine;
  /** False when something other than what was asked for runs: a newer patch, or a service version that lacks a part. */
  readonly exact: boolean;
  /** A sentence for the user whenever the version is not literally the one asked for. */
  readonly note?: string;
}

/** One visible step of fetching an engine. `text` is a short sentence without the engine's name. */
export interface InstallProgress {
  readonly engine: EngineName;
  /** The one that the catalogue expects, from the first step to the last. */
  readonly version: string;
  readonly phase: 'waiting' | 'lists' | 'packages' | 'unpacking' | 'checking' | 'done';
  readonly text: string;
}

export interface ResolveOptions {
  /** Aborting ends the programs that were started and leaves nothing half installed; throws the signal's reason. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: InstallProgress) => void;
}

/** Finds engines on this machine and fetches what is missing. Everything may be repeated and run in parallel. */
export interface EngineStore {
  /** Folder of the fetched engines, whether it exists yet or not. */
  readonly directory: string;
  /** All engines at hand, newest first per engine; of one version the explicit path before the system's before ours. */
  installed(): Promise<InstalledEngine[]>;
  /** What the catalogue can fetch, installed or not. */
  available(): readonly FetchableEngine[];
  /**
   * The engine that serves a request, fetched first when it is not at hand (3-5 s with a network): exactly what was
   * asked, or a newer patch of the same minor with a note. Throws `EngineUnavailable` otherwise.
   */
  resolve(request: EngineRequest, options?: ResolveOptions): Promise<ResolvedEngine>;
}

const unavailableReasons = [
  'unknown-version', // neither at hand nor in the catalogue, nor a newer patch of it
  'not-a-version', // the request cannot be read
  'bad-path', // LIMBER_ENGINE_PATH_… names something that is no such engine
  'no-apt', // this machine has no apt-get, apt-cache or dpkg-deb
  'no-sources', // apt knows no Debian mirror
  'no-network', // the mirror does not answer
  'no-disk', // not enough room
  'not-writable', // the store's folder cannot be written
  'bad-signature', // the mirror's signature does not fit the keyring
  'no-package', // the suite does not hold (any longer) what the catalogue expects
  'architecture', // neither x86_64 nor aarch64
  'broken-package', // it was fetched, but does not run by itself
] as const;
export type UnavailableReason = (typeof unavailableReasons)[number];

/** Thrown when an engine that was asked for is neither here nor can be fetched. The message says what was found and what to do. */
export class EngineUnavailable extends Error {
  override readonly name = 'EngineUnavailable';
  readonly reason: UnavailableReason;

  constructor(reason: UnavailableReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}
