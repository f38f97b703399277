import { access, constants, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { type EngineName, EngineUnavailable, type InstalledEngine, type ProgramName } from './contract.ts';
import { parseServerVersion, programFile } from './programs.ts';
import { runProgram } from './run-program.ts';

/** Where Debian puts daemons, which an unprivileged user's PATH may lack. */
const daemonFolders = ['/usr/local/sbin', '/usr/sbin', '/usr/local/bin', '/usr/bin'];

/** The engine that the system's own packages brought, if any; looked for on PATH. */
export async function systemEngine(engine: EngineName, path: string): Promise<InstalledEngine | null> {
  const file = programFile(engine, 'server') ?? '';
  for (const folder of new Set([...path.split(':').filter(Boolean), ...daemonFolders])) {
    const found = await readServer(join(folder, file), engine, 'system').catch(() => null);
    if (found) return found;
  }
  return null;
}

/**
 * Engines at explicit places, from LIMBER_ENGINE_PATH_VALKEY, …_REDIS, …_MEMCACHED: servers, or folders that hold one
 * (also in `bin/` or `src/`, as a build leaves it), several parted by colons. Throws `EngineUnavailable` (`bad-path`)
 * for one that is none: it was asked for in so many words.
 */
export async function enginesAtPaths(engine: EngineName, paths: string): Promise<InstalledEngine[]> {
  const found: InstalledEngine[] = [];
  for (const path of paths.split(':').filter(Boolean)) {
    const one = await engineAtPath(engine, path);
    if (!one) {
      const variable = `LIMBER_ENGINE_PATH_${engine.toUpperCase()}`;
      throw new EngineUnavailable('bad-path', `${variable} names ${path}, ${nothingThere(engine)}`);
    }
    found.push(one);
  }
  return found;
}

/** Completes a sentence about a path. */
export const nothingThere = (engine: EngineName): string =>
  `where no ${programFile(engine, 'server')} can be run`;

/** The engine of a server, or of a folder that holds one; null when there is none. */
export async function engineAtPath(engine: EngineName, path: string): Promise<InstalledEngine | null> {
  const file = programFile(engine, 'server') ?? '';
  const candidates = ['', 'bin', 'src'].map((folder) => resolve(path, folder, file));
  for (const server of [resolve(path), ...candidates]) {
    const found = await readServer(server, engine, 'path').catch(() => null);
    if (found) return found;
  }
  return null;
}

/** The answer of `--version`, kept per file since it takes 10 to 40 ms. A file that was replaced is asked again. */
const versions = new Map<string, ReturnType<typeof parseServerVersion>>();

async function readServer(
  server: string,
  engine: EngineName,
  source: 'path' | 'system',
): Promise<InstalledEngine | null> {
  await access(server, constants.X_OK);
  const real = await realpath(server);
  const { mtimeMs, size, isFile } = await stat(real).then((at) => ({ ...at, isFile: at.isFile() }));
  if (!isFile) return null;
  // The name is a part of the key, because one binary plays server, check-rdb and (as a link) redis-server.
  const key = `${server} ${real} ${mtimeMs} ${size}`;
  if (!versions.has(key)) {
    const said = await runProgram(server, ['--version'], { timeoutMs: 5_000 });
    versions.set(key, parseServerVersion(said.stdout));
  }
  const version = versions.get(key);
  if (version?.engine !== engine) return null; // Valkey may pose as redis-server
  const programs = await siblings(server, engine);
  return {
    engine,
    version: version.version,
    directory: dirname(server),
    source,
    program: (name) => {
      const command = name === 'server' ? server : programs.get(name);
      return command ? { command, args: [] } : null;
    },
  };
}

/** The other programs, beside the server or (it in sbin) in the neighbouring bin. */
async function siblings(server: string, engine: EngineName): Promise<Map<ProgramName, string>> {
  const found = new Map<ProgramName, string>();
  const folders = [dirname(server)];
  if (basename(folders[0] ?? '') === 'sbin') folders.push(resolve(server, '../../bin'));
  for (const name of ['cli', 'benchmark', 'check-rdb', 'check-aof'] as const) {
    const file = programFile(engine, name);
    for (const folder of file ? folders : []) {
      const path = join(folder, file ?? '');
      const runs = await access(path, constants.X_OK).then(
        () => true,
        () => false,
      );
      if (runs && !found.has(name)) found.set(name, path);
    }
  }
  return found;
}
