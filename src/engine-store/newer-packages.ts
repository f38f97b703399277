/** Whether the package sources hold newer packages than engines were fetched from: security fixes, mostly. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { explainMissingProgram } from './apt-state.ts';
import type { FetchableEngine, InstalledEngine } from './contract.ts';
import { seriesOfPackage } from './engine-version.ts';
import { type DebianPackage, packageClosure } from './package-closure.ts';
import { readManifest } from './package-engine.ts';
import { sharedLists } from './shared-lists.ts';

interface NewerPackages {
  readonly engine: InstalledEngine;
  /** What the source has now, of packages of which this engine has another version: `redis-server 5:7.0.15-1~deb12u11`. */
  readonly packages: readonly string[];
}

/**
 * Looks for each engine that was fetched into `store` and that the catalogue knows. Fetches package lists (10 MB and 2-3 s
 * for each suite) and deletes them again. Throws `EngineUnavailable` when they cannot be had.
 */
export async function newerPackages(
  store: string,
  installed: readonly InstalledEngine[],
  catalogue: readonly FetchableEngine[],
): Promise<readonly NewerPackages[]> {
  const work = join(store, '.work');
  const withLists = sharedLists(work);
  const fetched = installed.filter(({ source }) => source === 'package');
  try {
    await mkdir(work, { recursive: true });
    const found = await Promise.all(
      fetched.map(async (engine) => {
        const entry = catalogue.find((one) => one.engine === engine.engine && one.suites[0] === engine.suite);
        if (!entry) return [];
        const offered = await withLists(entry.suites, undefined, (state) =>
          packageClosure(state, entry.packages),
        );
        const packages = differences(entry, (await readManifest(engine.directory)).packages, offered);
        return packages.length === 0 ? [] : [{ engine, packages }];
      }),
    );
    return found.flat();
  } catch (error) {
    throw explainMissingProgram(error);
  }
}

/** A suite only ever moves forward, so that another version is a newer one. None when it has left the engine's minor. */
function differences(
  entry: FetchableEngine,
  present: readonly DebianPackage[],
  offered: readonly DebianPackage[],
): string[] {
  const versionIn = (packages: readonly DebianPackage[], name: string) =>
    packages.find((one) => one.name === name)?.version ?? '';
  const [server = ''] = entry.packages;
  if (seriesOfPackage(versionIn(present, server)) !== seriesOfPackage(versionIn(offered, server))) return [];
  return offered
    .filter(({ name, version }) => versionIn(present, name) !== version)
    .map(({ name, version }) => `${name} ${version}`);
}
