/** What each installed engine can do, asked of it once by starting it on nothing but a unix socket. */
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { InstalledEngine } from '../engine-store/contract.ts';
import {
  type EngineFingerprint,
  fingerprintArguments,
  readFingerprint,
} from '../engines/valkey/fingerprint.ts';
import { readJson, writeFileAtomic } from '../platform/files.ts';

/** Changes whenever a fingerprint holds more than before, so that older files are asked anew. */
const format = 3;
const deadlineMs = 5_000;

/** Kept in memory, and as a file per engine and version under `directory`. */
export function createFingerprints(
  directory: string,
): (engine: InstalledEngine) => Promise<EngineFingerprint> {
  const known = new Map<string, Promise<EngineFingerprint>>();
  return (engine) => {
    const key = `${engine.engine}@${engine.version}`;
    const existing = known.get(key);
    if (existing) return existing;
    const found = find(directory, key, engine);
    known.set(key, found);
    found.catch(() => known.delete(key));
    return found;
  };
}

interface StoredFingerprint {
  readonly format: number;
  /** Names the build: another build of the same version may have other commands. */
  readonly directory: string;
  readonly fingerprint: EngineFingerprint;
}

async function find(directory: string, key: string, engine: InstalledEngine): Promise<EngineFingerprint> {
  const path = join(directory, `${key}.json`);
  const stored = (await readJson(path).catch(() => null)) as StoredFingerprint | null;
  if (stored?.format === format && stored.directory === engine.directory) return stored.fingerprint;
  const fingerprint = await ask(engine);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const content: StoredFingerprint = { format, directory: engine.directory, fingerprint };
  await writeFileAtomic(path, JSON.stringify(content), { durable: false });
  return fingerprint;
}

/** The engine ends, and its directory goes, with the pipe that we hold: also when we are killed in between. */
const guarded = '"$@" & read -r _; kill -9 $!; wait; rm -rf "$0"';

async function ask(engine: InstalledEngine): Promise<EngineFingerprint> {
  const server = engine.program('server');
  if (!server)
    throw new Error(`${engine.engine} ${engine.version} has no server program in ${engine.directory}`);
  // A unix socket's path may have 107 bytes at most: the data directory's own may be longer.
  const directory = await mkdtemp(join(tmpdir(), 'limber-'));
  const socket = join(directory, 's');
  const command = [server.command, ...server.args, ...fingerprintArguments(socket, directory)];
  const child = spawn('/bin/sh', ['-c', guarded, directory, ...command], {
    env: { PATH: process.env.PATH, ...server.env },
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true, // a terminal's signals would end the shell alone
  });
  child.stdin.on('error', () => {});
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  try {
    return await readFingerprint(socket, deadlineMs);
  } finally {
    child.stdin.end();
    await ended;
    await rm(directory, { recursive: true, force: true });
  }
}
