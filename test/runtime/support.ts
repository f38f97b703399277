/** What the tests of the process runtime share: own directories, own addresses, and no process left behind. */
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEngineStore } from '../../src/engine-store/engine-store.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { systemIds } from '../../src/platform/ids.ts';
import { type LogFields, silentLog } from '../../src/platform/log.ts';
import type { NodeRuntime, NodeSpec, StartOptions } from '../../src/runtime/contract.ts';
import { createProcessRuntime } from '../../src/runtime/process/process-runtime.ts';

export const fakeEnginePath = join(import.meta.dirname, 'fake-engine.ts');

export interface Bench {
  readonly dataDirectory: string;
  readonly runtime: NodeRuntime;
  readonly warnings: { message: string; fields: LogFields }[];
  /** Kills every process of the data directory and deletes it. */
  end(): Promise<void>;
}

export async function openBench(): Promise<Bench> {
  const dataDirectory = await mkdtemp(join(tmpdir(), 'limber-runtime-'));
  const warnings: Bench['warnings'] = [];
  const warn = (message: string, fields: LogFields = {}) => void warnings.push({ message, fields });
  const open = () => createProcessRuntime({ dataDirectory, clock: systemClock, log: { ...silentLog, warn } });
  const runtime = open();
  return {
    dataDirectory,
    runtime,
    warnings,
    async end() {
      for (const handles of (await runtime.findProcesses()).values())
        for (const handle of handles) await runtime.fence(handle, { deadlineMs: 5_000 });
      await rm(dataDirectory, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** An address that other tests do not use, as far as chance can tell. */
export function randomAddress(): string {
  const number = () => 1 + Math.floor(systemIds.random() * 250);
  return `127.100.${number()}.${number()}`;
}

export function fakeEngine(incarnation: string, mode: string, address = '', port = 6379): NodeSpec {
  return {
    incarnation,
    command: process.execPath,
    args: [fakeEnginePath, mode, address, String(port)],
    env: {},
    files: { 'engine.conf': 'secret in a file\n' },
  };
}

/** Any program; by default one that does nothing, for tests that need a process and no engine. */
export function program(incarnation: string, command = '/bin/sleep', args: string[] = ['600']): NodeSpec {
  return { incarnation, command, args, env: {}, files: {} };
}

export function answersAt(address: string, port = 6379): () => Promise<boolean> {
  return () =>
    new Promise((resolve) => {
      const socket = connect({ host: address, port });
      socket.once('error', () => resolve(false));
      socket.once('connect', () => {
        resolve(true);
        socket.destroy();
      });
    });
}

export const readyAtOnce: StartOptions = {
  isReady: async () => true,
  deadlineMs: 5_000,
  onSpawned: async () => {},
};

export const newIncarnation = systemIds.incarnation;

/** Waits for a fact; fails with what was last seen. */
export async function eventually<T>(
  look: () => T | Promise<T>,
  wanted: (seen: T) => boolean,
  deadlineMs = 5_000,
) {
  const until = performance.now() + deadlineMs;
  for (;;) {
    const seen = await look();
    if (wanted(seen)) return seen;
    if (performance.now() > until)
      throw new Error(`not seen within ${deadlineMs} ms; last: ${JSON.stringify(seen)}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A real Valkey that is at hand, or null: nothing is downloaded here. */
export async function installedValkey() {
  const engines = await createEngineStore().installed();
  return engines.find(({ engine }) => engine === 'valkey')?.program('server') ?? null;
}
