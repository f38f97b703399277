/** Engines started by hand, as somebody without Limber would: what Limber is compared with. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { InstalledEngine, ProgramName } from '../../src/engine-store/contract.ts';
import { createEngineStore } from '../../src/engine-store/engine-store.ts';
import { eventually } from '../../test/support/eventually.ts';
import { type Address, askOnce } from './resp-client.ts';
import type { Scope } from './scope.ts';

export interface BareEngine extends Address {
  readonly pid: number;
  /** Resolves when it has ended. */
  kill(): Promise<void>;
  /** SIGSTOP. */
  hang(): void;
  /** After `kill`; with other lines beside its own this time. Resolves when it answers. */
  start(lines?: readonly string[]): Promise<void>;
}

export interface BareEngineOptions extends Address {
  readonly engine: InstalledEngine;
  /** Its own, made when missing. */
  readonly directory: string;
  /** Lines of the config file beside bind, port and directory. */
  readonly lines?: readonly string[];
  readonly isSentinel?: boolean;
}

/** The last resort, when a signal ends us before the scope has ended. */
const running = new Set<() => void>();
process.on('exit', () => {
  for (const killNow of running) killNow();
});

/** The engine of this full version that Limber uses too. */
export async function engineOfVersion(version: string): Promise<InstalledEngine> {
  const { engine } = await createEngineStore().resolve({ engine: 'valkey', version });
  return engine;
}

/** Throws when the installation lacks that program. */
export function programOf(engine: InstalledEngine, name: ProgramName) {
  const program = engine.program(name);
  if (!program) throw new Error(`${engine.engine} ${engine.version} has no ${name} program here`);
  return program;
}

/** Resolves when it answers; killed with the scope. */
export async function startBareEngine(scope: Scope, options: BareEngineOptions): Promise<BareEngine> {
  const { engine, directory, address, port } = options;
  const server = programOf(engine, 'server');
  const path = join(directory, 'engine.conf');
  await mkdir(directory, { recursive: true });
  let child: ChildProcess | null = null;
  const kill = async () => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  };
  const start = async (lines: readonly string[] = []) => {
    const own = [
      `bind ${address}`,
      `port ${port}`,
      `bind-source-addr ${address}`,
      'protected-mode no',
      `dir ${directory}`,
    ];
    const logging = `logfile ${join(directory, 'engine.log')}`;
    await writeFile(path, [...own, logging, ...(options.lines ?? []), ...lines, ''].join('\n'));
    const args = [...server.args, path, ...(options.isSentinel ? ['--sentinel'] : [])];
    // A session of its own, as a service has: the kernel shares processor time out among sessions first.
    child = spawn(server.command, args, {
      stdio: 'ignore',
      detached: true,
      env: { ...process.env, ...server.env },
    });
    await eventually(() => askOnce({ address, port }, 'PING').then((reply) => reply === 'PONG'), {
      deadlineMs: 30_000,
      intervalMs: 2,
    });
  };
  const killNow = () => void child?.kill('SIGKILL');
  running.add(killNow);
  scope.after(async () => {
    await kill();
    running.delete(killNow);
  });
  await start();
  return {
    address,
    port,
    get pid() {
      return child!.pid!;
    },
    kill,
    hang: () => void child?.kill('SIGSTOP'),
    start,
  };
}

/** Runs one of the engine's own programs to its end and gives what it printed. Throws when it fails. */
export async function runEngineProgram(
  engine: InstalledEngine,
  name: ProgramName,
  args: readonly string[],
): Promise<string> {
  const program = programOf(engine, name);
  const child = spawn(program.command, [...program.args, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...program.env },
  });
  let [output, errors] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${name} ${args.join(' ')} ended with ${code}: ${errors || output}`);
  return output;
}
