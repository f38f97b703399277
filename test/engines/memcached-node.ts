/** Real Memcached nodes for tests: every version at hand, each node on an address of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import type { InstalledEngine } from '../../src/engine-store/contract.ts';
import { createEngineStore } from '../../src/engine-store/engine-store.ts';
import { memcachedArguments } from '../../src/engines/memcached/launch.ts';
import { answersAt } from '../../src/engines/memcached/readiness.ts';

/** All versions that this machine has; the newest is fetched when it has none. */
export async function memcachedEngines(): Promise<InstalledEngine[]> {
  const store = createEngineStore();
  const found = (await store.installed()).filter((engine) => engine.engine === 'memcached');
  if (found.length > 0) return found;
  return [(await store.resolve({ engine: 'memcached', version: 'newest' })).engine];
}

/** A random address, so that test files and runs side by side do not meet. */
export function testAddress(): string {
  const byte = () => 1 + Math.floor(Math.random() * 250);
  return `127.104.${byte()}.${byte()}`;
}

export interface TestNode {
  readonly address: string;
  readonly port: number;
  readonly pid: number;
  readonly process: ChildProcess;
  /** Resolves when the process is gone. */
  kill(): Promise<void>;
}

export async function startNode(
  engine: InstalledEngine,
  options: {
    readonly address?: string;
    readonly parameters?: readonly string[];
    readonly memoryMb?: number;
  } = {},
): Promise<TestNode> {
  const { address = testAddress(), parameters = [], memoryMb = 64 } = options;
  const program = engine.program('server');
  if (program === null) throw new Error(`${engine.version} has no server`);
  const args = memcachedArguments({
    address,
    port: 11211,
    memoryMb,
    threads: 2,
    maxConnections: 1024,
    parameters,
  });
  const child = spawn(program.command, [...program.args, ...args], {
    env: { ...process.env, ...program.env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let words = '';
  child.stderr?.on('data', (chunk) => {
    words += String(chunk);
  });
  const isUp = () => answersAt({ address, port: 11211, deadlineMs: 500 }, child.pid);
  await eventually(async () => {
    if (child.exitCode !== null) throw new Error(`memcached ${engine.version} ended: ${words}`);
    return isUp();
  });
  return {
    address,
    port: 11211,
    pid: child.pid ?? 0,
    process: child,
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
  };
}

/** Asks again and again until the answer is true; fails with what was last seen. */
export async function eventually(
  ask: () => unknown,
  { deadlineMs = 10_000, seen = () => '' as unknown }: { deadlineMs?: number; seen?: () => unknown } = {},
): Promise<void> {
  const end = performance.now() + deadlineMs;
  while (!(await ask())) {
    if (performance.now() > end)
      throw new Error(`not so within ${deadlineMs} ms; last seen: ${String(seen())}`);
    await pause(5);
  }
}
