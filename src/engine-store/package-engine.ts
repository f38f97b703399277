import { access, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { machine } from './apt-state.ts';
import { type EngineName, engineNames, type InstalledEngine, type ProgramName } from './contract.ts';
import type { DebianPackage } from './package-closure.ts';
import { programFile } from './programs.ts';

/** `engine.json` in the folder of an engine that was fetched. Written before the folder gets its name. */
interface EngineManifest {
  readonly format: 1;
  readonly engine: EngineName;
  readonly version: string;
  /** Debian's name of the processor: a home directory may be shared between machines. */
  readonly architecture: string;
  readonly suites: readonly string[];
  readonly packages: readonly DebianPackage[];
}

/** The folder, within that of the engine, that holds everything of the package. */
export const filesFolder = 'files';

/** The engines that were fetched into a store, in no order. A folder without a fitting manifest does not count. */
export async function packagedEngines(store: string): Promise<InstalledEngine[]> {
  const names = await readdir(store).catch(() => []);
  const engines = await Promise.all(
    names.filter((name) => name.includes('@')).map((name) => readPackagedEngine(join(store, name))),
  );
  return engines.filter((engine) => engine !== null);
}

/** The engine in a folder, or null when that is none for this machine. */
export async function readPackagedEngine(directory: string): Promise<InstalledEngine | null> {
  try {
    const manifest = await readManifest(directory);
    if (manifest.format !== 1 || manifest.architecture !== machine?.debian) return null;
    if (!engineNames.includes(manifest.engine)) return null;
    const engine = await packagedEngine(directory, manifest.engine, manifest.version);
    return manifest.suites[0] ? { ...engine, suite: manifest.suites[0] } : engine;
  } catch {
    return null;
  }
}

/** Throws when the folder has none. */
export async function readManifest(directory: string): Promise<EngineManifest> {
  return JSON.parse(await readFile(join(directory, 'engine.json'), 'utf8'));
}

/** How to start what was unpacked into a folder: always through its own loader and with its own libraries. */
export async function packagedEngine(
  directory: string,
  engine: EngineName,
  version: string,
): Promise<InstalledEngine> {
  const files = join(directory, filesFolder);
  const folders = await existing([`usr/lib/${machine?.triplet}`, `lib/${machine?.triplet}`], files);
  const loaders = await existing(
    folders.map((folder) => `${folder}/${machine?.loader}`),
    files,
  );
  const loader = loaders[0];
  if (!loader) throw new Error(`no ${machine?.loader} in ${files}`);
  const binaries = new Set(await readdir(join(files, 'usr/bin')));
  if (!binaries.has(programFile(engine, 'server') ?? '')) throw new Error(`no server in ${files}/usr/bin`);
  const libraryPath = folders.map((folder) => join(files, folder)).join(':');
  return {
    engine,
    version,
    directory,
    source: 'package',
    program(name: ProgramName) {
      const file = programFile(engine, name);
      if (!file || !binaries.has(file)) return null;
      // The system's library cache is left out: what is not in this folder must fail here, not work by chance. A program
      // is told another path than its own (glibc 2.33 and later): an engine shows it to every client, in INFO.
      const names = ['--argv0', `/${file}`];
      const args = ['--inhibit-cache', '--library-path', libraryPath, ...names, join(files, 'usr/bin', file)];
      return { command: join(files, loader), args };
    },
  };
}

/** Writes the manifest and gives the folder its final name, in that order, both on disk at a power cut. */
export async function publishEngine(
  folder: string,
  target: string,
  manifest: EngineManifest,
  flush: () => Promise<unknown>,
): Promise<void> {
  await writeFile(join(folder, 'engine.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  await flush();
  await rename(folder, target);
}

async function existing(paths: readonly string[], folder: string): Promise<string[]> {
  const found = await Promise.all(
    paths.map((path) =>
      access(join(folder, path)).then(
        () => true,
        () => false,
      ),
    ),
  );
  return paths.filter((_, index) => found[index]);
}
