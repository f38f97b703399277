/** Limber's side of the configuration server: how to start it, what to tell it, and how it is. */
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { listPids, readCommandLine } from '../../platform/proc.ts';
import { type EndpointConfiguration, fileSuffix, parseConfiguration } from './configuration.ts';
import { processStartTime } from './process-start-time.ts';
import type { ServerStatus } from './server.ts';
import { askStatus } from './status-socket.ts';

export type { EndpointConfiguration, ListedNode } from './configuration.ts';
export type { EndpointStatus } from './endpoint.ts';
export type { NodeKeyStatus } from './node-key.ts';
export type { ServerStatus } from './server.ts';

const serverProgram = fileURLToPath(new URL('./main.ts', import.meta.url));

interface ServerCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

interface ServerCommandOptions {
  /** The Node that runs it. Default: the one that runs us. */
  readonly nodeProgram?: string;
  /** Where compiled code is kept between starts; without it the server takes 20 MB more and starts slower. */
  readonly compileCacheDirectory?: string;
}

/**
 * What to spawn, detached and in a session of its own, after `makeStateDirectory`. A second server for the same
 * directory ends at once with exit code 3, so that starting one too many does no harm.
 */
export function configurationServerCommand(
  stateDirectory: string,
  { nodeProgram = process.execPath, compileCacheDirectory }: ServerCommandOptions = {},
): ServerCommand {
  return {
    command: nodeProgram,
    // The heap in use stays below 10 MB; the bounds keep a burst from being held for good.
    args: [
      '--max-semi-space-size=1',
      '--max-old-space-size=128',
      '--v8-pool-size=1',
      serverProgram,
      stateDirectory,
    ],
    env: {
      UV_THREADPOOL_SIZE: '1',
      ...(compileCacheDirectory === undefined ? {} : { NODE_COMPILE_CACHE: compileCacheDirectory }),
    },
  };
}

/**
 * The processes of servers of this directory. A server that hangs is found as well, by its command line, which names the
 * directory. There are two for a moment when a second one was started, which ends by itself.
 */
export function findServerProcesses(stateDirectory: string): number[] {
  return listPids().filter((pid) => {
    const [program, directory] = readCommandLine(pid)?.slice(-2) ?? [];
    return program === serverProgram && directory === stateDirectory;
  });
}

/** Makes the directory (0700) with its parents. May be repeated. */
export function makeStateDirectory(stateDirectory: string): void {
  mkdirSync(stateDirectory, { recursive: true, mode: 0o700 });
}

/**
 * Tells the server to serve this endpoint, or what changed about it. `name` is the cache's incarnation. The file is
 * written beside, synced and renamed (0600): the server never reads half of it. May be repeated; works whether or
 * not the server runs. Throws when a field is out of bounds.
 */
export function writeConfiguration(
  stateDirectory: string,
  name: string,
  configuration: EndpointConfiguration,
): void {
  const text = JSON.stringify(configuration);
  parseConfiguration(text);
  const target = stateFile(stateDirectory, name);
  const temporary = `${target}.tmp`;
  rmSync(temporary, { force: true });
  const descriptor = openSync(temporary, 'wx', 0o600);
  try {
    writeSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(temporary, target);
}

/** Tells the server to serve this endpoint no longer; its clients are disconnected. May be repeated. */
export function removeConfiguration(stateDirectory: string, name: string): void {
  rmSync(stateFile(stateDirectory, name), { force: true });
}

/** The names of all endpoints that are to be served. */
export function listConfigurations(stateDirectory: string): string[] {
  try {
    return readdirSync(stateDirectory)
      .filter((file) => file.endsWith(fileSuffix))
      .map((file) => file.slice(0, -fileSuffix.length));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** What this endpoint is to serve; null when nothing is, or the file is damaged. */
export function readConfiguration(stateDirectory: string, name: string): EndpointConfiguration | null {
  try {
    return parseConfiguration(readFileSync(stateFile(stateDirectory, name), 'utf8'));
  } catch {
    return null;
  }
}

/** `isSeen`: its pid and start time are those of a process in /proc, so that a signal can only reach this very one. */
type ProbedServer = ServerStatus & { readonly isSeen: boolean };

/**
 * How the server of this directory is; null when none answers within `deadlineMs` (default one second). One that answers
 * lives, also where it is not seen: in another PID namespace.
 */
export async function probeConfigurationServer(
  stateDirectory: string,
  { deadlineMs = 1_000 }: { readonly deadlineMs?: number } = {},
): Promise<ProbedServer | null> {
  const text = await askStatus(stateDirectory, deadlineMs);
  if (text === undefined) return null;
  try {
    // Written by our own program of the same version, from a socket in a directory of ours alone.
    const status = JSON.parse(text) as ServerStatus;
    return { ...status, isSeen: processStartTime(status.pid) === status.startTime };
  } catch {
    return null;
  }
}

function stateFile(stateDirectory: string, name: string): string {
  if (!/^[\w-]{1,64}$/.test(name)) throw new Error(`not a name for a state file: ${JSON.stringify(name)}`);
  return join(stateDirectory, `${name}${fileSuffix}`);
}
