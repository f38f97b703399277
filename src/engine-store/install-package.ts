import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { type AptState, aptFailure, machine } from './apt-state.ts';
import { EngineUnavailable, type FetchableEngine, type InstalledEngine } from './contract.ts';
import { upstreamVersion } from './engine-version.ts';
import { type DebianPackage, packageClosure } from './package-closure.ts';
import { filesFolder, packagedEngine, publishEngine, readPackagedEngine } from './package-engine.ts';
import { parseServerVersion } from './programs.ts';
import { runProgram } from './run-program.ts';

interface InstallInput {
  readonly store: string;
  readonly entry: FetchableEngine;
  readonly state: AptState;
  /** A folder that only we use while the entry's lock is held; it is emptied first. */
  readonly workFolder: string;
  readonly signal?: AbortSignal | undefined;
  readonly onStep: (phase: 'packages' | 'unpacking' | 'checking', text: string) => void;
}

/**
 * Fetches an engine with all its libraries, proves that it runs by itself, and only then gives its folder the name
 * under which it counts. Killed anywhere before, it leaves nothing but the work folder. The caller holds the entry's
 * lock. Throws `EngineUnavailable`.
 */
export async function installPackage(input: InstallInput): Promise<InstalledEngine> {
  const { entry, state, signal, workFolder } = input;
  const packages = await packageClosure(state, entry.packages, signal);
  const expected = upstreamVersion(packages.find((one) => one.name === entry.packages[0])?.version ?? '');
  const target = join(input.store, `${entry.engine}@${expected}`);
  const present = await readPackagedEngine(target);
  if (present) return present;

  await rm(workFolder, { recursive: true, force: true });
  await mkdir(join(workFolder, 'archives'), { recursive: true });
  const folder = join(workFolder, 'engine');
  input.onStep('packages', `fetching ${packages.length} packages`);
  await download(input, packages);
  input.onStep('unpacking', 'unpacking');
  await unpack(join(workFolder, 'archives'), join(folder, filesFolder), signal);
  input.onStep('checking', 'checking that it runs by itself');
  const version = await prove(folder, entry, signal);
  await setAside(target, join(workFolder, 'replaced'));
  const manifest = { format: 1, engine: entry.engine, version, architecture: `${machine?.debian}` } as const;
  await publishEngine(
    folder,
    target,
    { ...manifest, suites: entry.suites, packages },
    () => runProgram('sync', ['-f', folder]), // else a power cut could leave a folder of that name with empty files in it
  );
  await rm(workFolder, { recursive: true, force: true });
  const installed = await readPackagedEngine(target);
  if (!installed) throw new Error(`${target} was written and cannot be read`);
  return installed;
}

async function download(input: InstallInput, packages: readonly DebianPackage[]): Promise<void> {
  const names = packages.map(({ name, version }) => `${name}=${version}`);
  const options = { cwd: join(input.workFolder, 'archives'), signal: input.signal };
  const result = await input.state.apt('apt-get', ['download', ...names], options);
  if (result.code !== 0)
    throw aptFailure(`the packages of ${input.entry.engine} ${input.entry.version}`, result);
}

async function unpack(archives: string, files: string, signal: AbortSignal | undefined): Promise<void> {
  await mkdir(files, { recursive: true });
  const waiting = (await readdir(archives)).map((name) => join(archives, name));
  const unpackOne = async () => {
    for (let path = waiting.pop(); path; path = waiting.pop()) {
      const result = await runProgram('dpkg-deb', ['-x', path, files], { signal });
      if (result.code === 0) continue;
      const reason = result.output.includes('No space left on device') ? 'no-disk' : 'broken-package';
      throw new EngineUnavailable(reason, `cannot unpack ${path}: ${result.output.trim()}`);
    }
  };
  const width = Math.max(2, availableParallelism());
  await Promise.all(Array.from({ length: width }, unpackOne));
  await rm(archives, { recursive: true, force: true });
}

/** Checks that every program finds all its libraries inside the folder, and returns the version that the server prints. */
async function prove(
  folder: string,
  entry: FetchableEngine,
  signal: AbortSignal | undefined,
): Promise<string> {
  const engine = await packagedEngine(folder, entry.engine, entry.version).catch((cause) => {
    throw new EngineUnavailable('broken-package', `${entry.packages[0]} holds no server that can run`, {
      cause,
    });
  });
  const programs = (['server', 'cli', 'benchmark', 'check-rdb', 'check-aof'] as const).flatMap(
    (name) => engine.program(name) ?? [],
  );
  for (const { command, args } of programs) {
    const result = await runProgram(command, ['--list', ...args], { signal });
    const outside = foreignLibraries(result.stdout, folder);
    if (result.code === 0 && outside.length === 0) continue;
    const found = outside.join('; ') || result.output.trim();
    throw new EngineUnavailable('broken-package', `${args.at(-1)} needs what its packages lack: ${found}`);
  }
  const server = engine.program('server');
  const said = server && (await runProgram(server.command, [...server.args, '--version'], { signal }));
  const found = said && parseServerVersion(said.stdout);
  if (found && found.engine === entry.engine) return found.version;
  throw new EngineUnavailable(
    'broken-package',
    `${entry.packages[0]} --version said: ${said?.output.trim()}`,
  );
}

/** Lines of `ld.so --list` that name a file outside the folder, or none at all (`=> not found`). */
export function foreignLibraries(listing: string, folder: string): string[] {
  return listing
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.includes('=>') && !line.split('=>')[1]?.trim().startsWith(`${folder}/`));
}

/** Moves a folder of that name that has no good manifest, and so is half installed, out of the way. */
async function setAside(target: string, replaced: string): Promise<void> {
  await rename(target, replaced).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
}
