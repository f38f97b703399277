import { mkdir, readdir, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { explainMissingProgram, machine } from './apt-state.ts';
import {
  EngineUnavailable,
  type FetchableEngine,
  type InstalledEngine,
  type InstallProgress,
  type ResolveOptions,
} from './contract.ts';
import { lockFile } from './file-lock.ts';
import { installPackage } from './install-package.ts';
import { sharedLists } from './shared-lists.ts';

/** Room for two suites' package lists and their cache, the packages and the unpacked engine, with some to spare. */
const roomBytesMin = 300 * 1024 * 1024;

/** Fetches one entry of the catalogue into the store. Throws `EngineUnavailable`, or the signal's reason. */
type FetchEngine = (
  entry: FetchableEngine,
  /** Called once the entry is locked, since another process may have fetched the engine meanwhile. */
  alreadyThere: () => Promise<InstalledEngine | null>,
  options: ResolveOptions,
) => Promise<InstalledEngine>;

/** There is one fetcher per store and process, so that engines fetched at the same time share their package lists. */
export function engineFetcher(store: string): FetchEngine {
  const work = join(store, '.work');
  const withLists = sharedLists(work);

  return async (entry, alreadyThere, { signal, onProgress }) => {
    const report = (phase: InstallProgress['phase'], text: string) =>
      onProgress?.({ engine: entry.engine, version: entry.version, phase, text });
    const workFolder = join(work, `${entry.engine}-${entry.suites[0]}`);
    try {
      if (!machine) throw unsupported();
      await mkdir(work, { recursive: true });
      const onWait = () => report('waiting', 'waiting for another installer');
      const lock = await lockFile(`${workFolder}.lock`, { signal, onWait });
      try {
        const present = await alreadyThere();
        if (present) return present;
        await sweep(work);
        await requireRoom(store);
        report('lists', `fetching the package list of ${entry.suites[0]}`);
        return await withLists(entry.suites, signal, (state) =>
          installPackage({ store, entry, state, workFolder, signal, onStep: report }),
        );
      } finally {
        await lock?.release();
      }
    } catch (error) {
      throw explain(error, store);
    }
  };
}

/** Removes the folders of installers that died: such a folder is there, and nobody holds its lock. */
async function sweep(work: string): Promise<void> {
  for (const entry of await readdir(work, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const folder = join(work, entry.name);
    const lock = await lockFile(`${folder}.lock`, { wait: false });
    if (!lock) continue;
    await rm(folder, { recursive: true, force: true });
    await lock.release();
  }
}

async function requireRoom(store: string): Promise<void> {
  const { bavail, bsize } = await statfs(store);
  if (bavail * bsize >= roomBytesMin) return;
  const [free, need] = [bavail * bsize, roomBytesMin].map((bytes) => Math.round(bytes / 1024 / 1024));
  throw new EngineUnavailable(
    'no-disk',
    `${store} has ${free} MB left; fetching engines needs ${need} MB for a moment. ` +
      'Make room, or name a folder with room in LIMBER_ENGINES.',
  );
}

function unsupported(): EngineUnavailable {
  const message = `engines can be fetched for x86_64 and aarch64; this machine is ${process.arch}`;
  return new EngineUnavailable('architecture', message);
}

/** Turns system errors of the store's folder into words that say what to do. */
function explain(error: unknown, store: string): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new EngineUnavailable('no-disk', `no room left in ${store}`, { cause: error });
  }
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS' || code === 'ENOTDIR' || code === 'ENOENT') {
    const message = `cannot write to ${store} (${code}); name a writable folder in LIMBER_ENGINES`;
    return new EngineUnavailable('not-writable', message, { cause: error });
  }
  return explainMissingProgram(error);
}
