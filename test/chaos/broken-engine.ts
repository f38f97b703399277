/** Engines that start until they are told not to: for what Limber does when a node does not come up. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEngineStore } from '../../src/engine-store/engine-store.ts';

export interface BrokenEngines {
  readonly directory: string;
  /** For Limber's environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Of Valkey, as the API takes it. */
  readonly version: string;
}

/** The real servers behind a script each, which gives them a setting that they do not know while the file is there. */
export async function brokenEngines(): Promise<BrokenEngines> {
  const directory = mkdtempSync(join(tmpdir(), 'limber-broken-'));
  const store = createEngineStore();
  const version = '8.1';
  const env: Record<string, string> = {};
  const { engine: valkey } = await store.resolve({ engine: 'valkey', version });
  const memcached = (await store.installed()).find(({ engine }) => engine === 'memcached');
  for (const installed of [valkey, memcached]) {
    const engine = installed?.engine ?? '';
    const server = installed?.program('server');
    if (!server) throw new Error('no Valkey or no Memcached is installed');
    const words = [server.command, ...server.args].map((word) => `'${word}'`).join(' ');
    const path = join(directory, engine === 'valkey' ? 'valkey-server' : 'memcached');
    // Only where it is to serve: asked for its version it answers.
    const serves = engine === 'valkey' ? '-' : '-l';
    writeFileSync(
      path,
      `#!/bin/sh\nif [ -e '${directory}/broken' ]; then case "$1" in ${serves}) set -- --no-such-setting yes "$@";; esac; fi\nexec ${words} "$@"\n`,
      { mode: 0o755 },
    );
    env[`LIMBER_ENGINE_PATH_${engine.toUpperCase()}`] = path;
  }
  return { directory, env, version };
}

const isBroken = ({ directory }: BrokenEngines): string => join(directory, 'broken');

export const breakEngines = (engines: BrokenEngines): void => writeFileSync(isBroken(engines), '');

export function mendEngines(engines: BrokenEngines): void {
  if (existsSync(isBroken(engines))) rmSync(isBroken(engines));
}
