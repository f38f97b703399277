/** The arguments of a Memcached cache node. Memcached has no configuration file; nothing secret is among them. */
import { hardLimitOfOpenFiles } from '../../platform/open-files.ts';

interface MemcachedLaunch {
  /** The only address it listens on. */
  readonly address: string;
  readonly port: number;
  /** Memory for items, megabytes: the node type's cache memory less the overhead for connections. */
  readonly memoryMb: number;
  readonly threads: number;
  /** Lowered to what this process may open: the engine does not start otherwise. */
  readonly maxConnections: number;
  /** What `parameterArguments` made of the parameter group. It comes last and wins. */
  readonly parameters: readonly string[];
  /**
   * The account that a server started by root changes to; null: it stays as it is. Memcached refuses to run for root
   * without one. Default: `nobody` for root, which it needs nothing beyond (no file is opened after the start), and
   * null for everybody else, who cannot change accounts.
   */
  readonly runAs?: string | null;
  /** Default: this process's hard limit of open files, which its children inherit. */
  readonly openFilesMax?: number;
}

/** Descriptors that the server needs besides its connections: listener, event loops, pipes, log. A judgement. */
const ownDescriptors = 64;

/** Accepted alike by 1.6.18, 1.6.38 and 1.6.45. It stays in the foreground and logs to standard error. */
export function memcachedArguments(launch: MemcachedLaunch): string[] {
  const runAs = launch.runAs === undefined ? defaultAccount() : launch.runAs;
  // The server sets its own limit to `-c` and ends when it may not: "failed to set rlimit for open files".
  const openFilesMax = launch.openFilesMax ?? hardLimitOfOpenFiles();
  const connections = Math.max(1, Math.min(launch.maxConnections, openFilesMax - ownDescriptors));
  return [
    ...['-l', launch.address, '-p', String(launch.port)],
    // UDP is off by default since 1.5.6; said anyway, because it once served as an amplifier of attacks.
    ...['-U', '0'],
    ...['-m', String(launch.memoryMb), '-t', String(launch.threads), '-c', String(connections)],
    ...(runAs === null ? [] : ['-u', runAs]),
    ...launch.parameters,
  ];
}

function defaultAccount(): string | null {
  return process.getuid?.() === 0 ? 'nobody' : null;
}
