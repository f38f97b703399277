/** A real Limber in a process of its own, with its own data directory and addresses, for as long as a test runs. */
import { AsyncResource } from 'node:async_hooks';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ElastiCacheClient } from '@aws-sdk/client-elasticache';
import { callAdmin, type LimberStatus } from '../../src/cli/admin-client.ts';
import { askHealth, readStartRecord, type StartRecord } from '../../src/cli/start-record.ts';
import type { Settings } from '../../src/fleet/settings.ts';
import { isDead, readProcess } from '../../src/platform/proc.ts';
import { trustPath } from '../../src/security/certificates/authority-file.ts';
import { type RootCredentials, readRootCredentials } from '../../src/security/root-credentials.ts';
import { eventually } from './eventually.ts';
import { claimScratch } from './scratch.ts';

export const limberProgram = fileURLToPath(new URL('../../bin/limber', import.meta.url));

export interface LimberOptions {
  readonly settings?: Partial<Settings>;
  /** Added to the environment of each start, e.g. LIMBER_FAULT_POINT, LIMBER_ENGINES. */
  readonly env?: Readonly<Record<string, string>>;
  /** Further arguments of `limber up`. */
  readonly args?: readonly string[];
  /** Default `info`. */
  readonly logLevel?: 'debug' | 'info' | 'warn' | 'error';
}

export interface Limber {
  readonly endpoint: string;
  /** Stays the same over restarts. */
  readonly port: number;
  readonly dataDirectory: string;
  /** CIDR; nobody else uses it. */
  readonly pool: string;
  readonly credentials: RootCredentials;
  /** Of the latest start. */
  readonly pid: number;
  /** False once its process has ended, however it did. */
  readonly isRunning: boolean;
  /** The official SDK, signing as it does, with a single attempt. Closed with Limber. */
  client(options?: { region?: string; maxAttempts?: number }): ElastiCacheClient;
  /** `POST /admin/<name>`. */
  admin(name: string, body?: object): Promise<unknown>;
  status(): Promise<LimberStatus>;
  /** What all starts have written to standard error and output so far. */
  logs(): string;
  /** SIGTERM; resolves with the exit code when it has ended. Caches go on. */
  stop(): Promise<number | null>;
  /** SIGKILL; resolves when it has ended. Caches go on. */
  kill(): Promise<void>;
  /** Starts it again with the same data directory, port and pool; after `stop`, `kill`, or by stopping it first. */
  restart(options?: Pick<LimberOptions, 'env' | 'settings'>): Promise<void>;
  /** Resolves when its process has ended by itself, as at a fault point: exit code or signal. */
  readonly ended: Promise<number | string>;
  /** Ends everything and deletes it; done by itself when the test or file is over. May be repeated. */
  end(): Promise<void>;
}

/** A test's context: what ends with the test. */
interface Scope {
  after(end: () => Promise<void>): void;
}

/** `after` means the hook or test that runs at the moment; from in here it means the whole file. */
const endOfFile = new AsyncResource('limber-test-file');

const startDeadlineMs = 30_000;
const started = new Set<{ end(): Promise<void> }>();

/**
 * Starts a Limber and resolves when it is healthy. `startLimber(t, options)`: it ends with the test. Without `t`, as
 * in a `before` hook, it ends with the file, or by `end()`. Throws with its log when it does not become healthy.
 */
export async function startLimber(
  first: Scope | LimberOptions = {},
  second: LimberOptions = {},
): Promise<Limber> {
  const scope = 'after' in first ? first : null;
  const options = scope ? second : (first as LimberOptions);
  let limber: Limber | undefined;
  const end = async () => {
    if (limber) await limber.end();
  };
  if (scope) scope.after(end);
  else endOfFile.runInAsyncScope(() => after(end));
  endOnSignals();
  limber = await start(options);
  return limber;
}

async function start(options: LimberOptions): Promise<Limber> {
  const scratch = await claimScratch();
  const { dataDirectory, pool } = scratch;
  const logFile = join(scratch.directory, 'limber.log');
  const logs = () => readFileSync(logFile, 'utf8');
  const clients: ElastiCacheClient[] = [];
  let current: Running | undefined;
  const launch = async (port: number, more: Pick<LimberOptions, 'env' | 'settings'>) => {
    const command = ['up', '--port', String(port), '--data', dataDirectory, '--pool', pool];
    current = spawnLimber(
      [...command, '--log-level', options.logLevel ?? 'info', ...(options.args ?? [])],
      logFile,
      {
        ...cleanEnvironment(),
        ...options.env,
        ...more.env,
        LIMBER_SETTINGS: JSON.stringify({ ...options.settings, ...more.settings }),
      },
    );
    return await untilHealthy(current, dataDirectory, logs);
  };
  const endProcess = async (signal: NodeJS.Signals) => {
    if (!current) return null;
    if (!current.hasEnded()) current.child.kill(signal);
    await current.ended;
    return current.child.exitCode;
  };
  const end = async () => {
    started.delete(entry);
    for (const client of clients) client.destroy();
    await endProcess('SIGKILL');
    await scratch.release();
  };
  const entry = { end };
  started.add(entry);
  let record: StartRecord;
  try {
    record = await launch(0, {});
  } catch (error) {
    await end();
    throw error;
  }
  const { port } = record;
  const credentials = (await readRootCredentials(dataDirectory))!;
  const endpoint = `http://127.0.0.1:${port}`;
  const admin = (name: string, body: object = {}) => callAdmin(port, credentials, name, body);
  return {
    endpoint,
    port,
    dataDirectory,
    pool,
    credentials,
    get pid() {
      return record.pid;
    },
    get isRunning() {
      return current !== undefined && !current.hasEnded();
    },
    get ended() {
      return current!.ended;
    },
    client({ region = 'us-east-1', maxAttempts = 1 } = {}) {
      const client = new ElastiCacheClient({ endpoint, region, credentials, maxAttempts });
      clients.push(client);
      return client;
    },
    admin,
    status: async () => withAuthority((await admin('status')) as LimberStatus),
    logs,
    stop: () => endProcess('SIGTERM'),
    kill: async () => void (await endProcess('SIGKILL')),
    async restart(more = {}) {
      await endProcess('SIGTERM');
      record = await launch(port, more);
    },
    end,
  };
}

/** Nodes and endpoints with TLS know whom to trust, so that every client of ours can be sent there (bench/lib/resp-client.ts). */
function withAuthority(status: LimberStatus): LimberStatus {
  if (!status.caches.some((cache) => cache.tls)) return status;
  const ca = readFileSync(trustPath(status.dataDirectory), 'utf8');
  const trusting = <T extends object>(rows: readonly T[]) => rows.map((row) => ({ ...row, ca }));
  const caches = status.caches.map((cache) =>
    cache.tls ? { ...cache, members: trusting(cache.members), endpoints: trusting(cache.endpoints) } : cache,
  );
  return { ...status, caches };
}

interface Running {
  readonly child: ChildProcess;
  hasEnded(): boolean;
  readonly ended: Promise<number | string>;
}

/** Output goes to a file, so that it outlives us and never blocks Limber. The launcher execs: its pid is Limber's. */
function spawnLimber(args: readonly string[], logFile: string, env: NodeJS.ProcessEnv): Running {
  const log = openSync(logFile, 'a', 0o600);
  const child = spawn(limberProgram, args, { stdio: ['ignore', log, log], env });
  closeSync(log);
  const ended = once(child, 'exit').then(([code, signal]) => (code ?? signal) as number | string);
  ended.catch(() => {}); // awaited by whoever asks
  return { child, ended, hasEnded: () => child.exitCode !== null || child.signalCode !== null };
}

async function untilHealthy(
  running: Running,
  dataDirectory: string,
  logs: () => string,
): Promise<StartRecord> {
  const { child } = running;
  const healthy = eventually(
    async () => {
      const record = await readStartRecord(dataDirectory).catch(() => null);
      if (running.hasEnded()) return 'ended' as const;
      return record && record.pid === child.pid && (await askHealth(record.port)) === child.pid
        ? record
        : null;
    },
    { deadlineMs: startDeadlineMs },
  );
  const outcome = await Promise.race([healthy, running.ended]).catch((error: Error) => error);
  if (typeof outcome === 'object' && !(outcome instanceof Error)) return outcome;
  throw new Error(`Limber did not become healthy (${outcome}); its log:\n${logs()}`);
}

/** The environment without what would point Limber, or the AWS SDK, elsewhere. */
export function cleanEnvironment(): NodeJS.ProcessEnv {
  const isOurs = (name: string) => /^(LIMBER_(PORT|DATA|POOL|SETTINGS|FAULT_POINT)$|AWS_)/.test(name);
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !isOurs(name)));
}

let listens = false;

/** The test runner ends a file that takes too long by a signal: then nothing may stay behind either. */
function endOnSignals(): void {
  if (listens) return;
  listens = true;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      void Promise.allSettled([...started].map((one) => one.end())).then(() => process.exit(1));
    });
  }
}

/** Whether a process with this number lives (a zombie does not). */
export function isAlive(pid: number): boolean {
  const stat = readProcess(pid);
  return stat !== null && !isDead(stat);
}
