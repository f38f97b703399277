/** Real engines for the tests of src/engines/valkey: started here directly, without the runtime. */
import { type ChildProcess, spawn } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEngineStore } from '../../src/engine-store/engine-store.ts';
import { limberUser } from '../../src/engines/valkey/access-control.ts';
import { connectEngine, type EngineConnection, waitForPort } from '../../src/engines/valkey/client.ts';
import { type ConfigSpec, renderConfig } from '../../src/engines/valkey/config-file.ts';
import {
  type EngineFingerprint,
  fingerprintArguments,
  readFingerprint,
} from '../../src/engines/valkey/fingerprint.ts';

export interface TestEngine {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export const secrets = { limber: 'l'.repeat(64), replication: 'r'.repeat(64) };

export const engines: readonly TestEngine[] = await findEngines();

async function findEngines(): Promise<TestEngine[]> {
  const installed = await createEngineStore().installed();
  return installed.flatMap((found) => {
    const server = found.engine === 'memcached' ? null : found.program('server');
    return server ? [{ ...server, name: `${found.engine} ${found.version}` }] : [];
  });
}

/** Resolves when `fact` gives something other than false, null or undefined; fails with what was last seen. */
export async function eventually<T>(
  fact: () => T | Promise<T>,
  { deadlineMs = 10_000, seen = () => '' as unknown } = {},
): Promise<NonNullable<T>> {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    const result = await fact();
    if (result) return result;
    if (performance.now() >= deadline)
      throw new Error(`not within ${deadlineMs} ms; last seen: ${JSON.stringify(await seen())}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/**
 * Third octet of 127.105.0.0/16 that this test process has for itself, for as long as it holds a listener in it: tests
 * run side by side, and a client must never reach the engine of another one.
 */
const block = await claimBlock();
let lastAddress = 0;

async function claimBlock(): Promise<number> {
  for (let attempt = 0; attempt < 256; attempt += 1) {
    const candidate = (process.pid + attempt) % 256;
    const server = createServer();
    const isOurs = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(6379, `127.105.${candidate}.254`, () => resolve(true));
    });
    if (!isOurs) continue;
    server.unref();
    return candidate;
  }
  throw new Error('all of 127.105.0.0/16 is in use');
}

/** Comes back after 250, when the tests that had it are over. */
export function newAddress(): string {
  lastAddress = (lastAddress % 250) + 1;
  return `127.105.${block}.${lastAddress}`;
}

export interface TestNode {
  readonly address: string;
  readonly port: number;
  readonly directory: string;
  readonly process: ChildProcess;
  readonly connection: EngineConnection;
  /** As a client of the cache; closed with the bench. */
  client(options?: { address?: string; username?: string; password?: string }): Promise<EngineConnection>;
  log(): string;
}

/** What one test started; `close` ends it all. */
export class Bench {
  readonly #engine: TestEngine;
  readonly #directory = mkdtempSync(join(tmpdir(), 'limber-valkey-'));
  readonly #processes: ChildProcess[] = [];
  readonly #connections: EngineConnection[] = [];

  constructor(engine: TestEngine) {
    this.#engine = engine;
  }

  spawn(args: readonly string[], output: 'ignore' | number = 'ignore'): ChildProcess {
    const { command, args: first, env } = this.#engine;
    const child = spawn(command, [...first, ...args], {
      stdio: ['ignore', output, 'inherit'],
      env: { ...process.env, ...env, LIMBER_NODE: 'test' },
    });
    this.#processes.push(child);
    return child;
  }

  /** Reads it anew each time; `fingerprintOf` remembers it. */
  async fingerprint(): Promise<EngineFingerprint> {
    const socket = join(this.#directory, `f${this.#processes.length}.sock`);
    const child = this.spawn(fingerprintArguments(socket, this.#directory));
    const fingerprint = await readFingerprint(socket, 5_000);
    child.kill('SIGKILL');
    return fingerprint;
  }

  async start(
    spec: Partial<ConfigSpec> = {},
    directory = mkdtempSync(join(this.#directory, 'node-')),
  ): Promise<TestNode> {
    const address = spec.address ?? newAddress();
    const port = spec.port ?? 6379;
    const fingerprint = await fingerprintOf(this.#engine);
    const full: ConfigSpec = {
      fingerprint,
      secrets,
      auth: null,
      durability: 'disabled',
      mode: { kind: 'standalone' },
      parameters: [],
      ...spec,
      address,
      port,
      directory,
    };
    mkdirSync(join(directory, 'data'), { recursive: true });
    writeFileSync(join(directory, 'engine.conf'), renderConfig(full), { mode: 0o600 });
    const logFile = join(directory, 'engine.log');
    const output = openSync(logFile, 'a');
    const child = this.spawn([join(directory, 'engine.conf')], output);
    closeSync(output);
    const log = () => (existsSync(logFile) ? readFileSync(logFile, 'utf8') : '');
    const died = new AbortController();
    child.once('exit', () => died.abort(new Error(`the engine ended: ${log()}`)));
    await waitForPort(address, port, AbortSignal.any([died.signal, AbortSignal.timeout(10_000)]));
    const client: TestNode['client'] = (options = {}) => this.connect({ address, port, ...options });
    const connection = await this.connect({ address, port, username: limberUser, password: secrets.limber });
    return { address, port, directory, process: child, connection, client, log };
  }

  async connect(options: { address: string; port: number; username?: string; password?: string }) {
    const deadlines = { connectDeadlineMs: 5_000, callDeadlineMs: 10_000 };
    const connection = await connectEngine({ name: 'test', ...deadlines, ...options });
    this.#connections.push(connection);
    return connection;
  }

  async close(): Promise<void> {
    for (const connection of this.#connections) connection.close();
    await Promise.all(
      this.#processes.map((child) => {
        if (child.exitCode !== null || child.signalCode !== null) return undefined;
        child.kill('SIGKILL');
        return new Promise((resolve) => child.once('exit', resolve));
      }),
    );
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

const fingerprints = new Map<string, EngineFingerprint>();

export async function fingerprintOf(engine: TestEngine): Promise<EngineFingerprint> {
  const known = fingerprints.get(engine.name);
  if (known) return known;
  const bench = new Bench(engine);
  try {
    const fingerprint = await bench.fingerprint();
    fingerprints.set(engine.name, fingerprint);
    return fingerprint;
  } finally {
    await bench.close();
  }
}

/** Runs the body with a bench of its own. */
export async function withBench(engine: TestEngine, body: (bench: Bench) => Promise<void>): Promise<void> {
  const bench = new Bench(engine);
  try {
    await body(bench);
  } finally {
    await bench.close();
  }
}
