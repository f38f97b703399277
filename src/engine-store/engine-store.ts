import { homedir } from 'node:os';
import { join } from 'node:path';
import { enginePackages, versionAliases } from '../catalog/engine-packages.ts';
import { choose, type EngineWish, fit, readRequest } from './choose-engine.ts';
import {
  type EngineRequest,
  type EngineStore,
  EngineUnavailable,
  engineNames,
  type FetchableEngine,
  type InstalledEngine,
  type ResolvedEngine,
  type ResolveOptions,
} from './contract.ts';
import { compareVersions } from './engine-version.ts';
import { engineFetcher } from './fetch-engine.ts';
import { readOwnEngines } from './own-engines.ts';
import { packagedEngines } from './package-engine.ts';
import { engineAtPath, enginesAtPaths, systemEngine } from './system-engines.ts';

interface EngineStoreOptions {
  /** Where fetched engines live, shared by all data directories. Default: LIMBER_ENGINES, else `~/.limber/engines`. */
  readonly directory?: string;
  /** Read for LIMBER_ENGINES, LIMBER_ENGINE_PATH_… and PATH. Default: the process's. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** What can be fetched. Default: `src/catalog/engine-packages.ts`. */
  readonly catalogue?: readonly FetchableEngine[];
}

/** Opens the store of engines. Nothing is made or read before the first call. */
export function createEngineStore(options: EngineStoreOptions = {}): EngineStore {
  const environment = options.environment ?? process.env;
  const directory =
    options.directory ?? (environment.LIMBER_ENGINES || join(homedir(), '.limber', 'engines'));
  const catalogue = options.catalogue ?? enginePackages;
  const fetchEngine = engineFetcher(directory);

  const installed = async () => {
    const found = await Promise.all([
      ...engineNames.map((engine) =>
        enginesAtPaths(engine, environment[`LIMBER_ENGINE_PATH_${engine.toUpperCase()}`] ?? ''),
      ),
      // One that is gone does not keep others from running; `limber doctor` tells of it.
      ...(await readOwnEngines(directory)).map(({ engine, path }) => engineAtPath(engine, path)),
      ...engineNames.map((engine) => systemEngine(engine, environment.PATH ?? '')),
      packagedEngines(directory),
    ]);
    return found
      .flat()
      .filter((engine) => engine !== null)
      .sort(newestFirst);
  };

  const fetchOne = async (wish: EngineWish, entry: FetchableEngine, resolveOptions: ResolveOptions) => {
    const alreadyThere = async () => {
      const now = choose(wish, await installed(), catalogue);
      return now.kind === 'use' ? now.engine : null;
    };
    const engine = await fetchEngine(entry, alreadyThere, resolveOptions);
    const text = engine.version === entry.version ? 'ready' : `${engine.version} ready`;
    resolveOptions.onProgress?.({ engine: entry.engine, version: entry.version, phase: 'done', text });
    return engine;
  };

  return {
    directory,
    installed,
    available: () => catalogue,
    async resolve(request, resolveOptions = {}) {
      const wish = readRequest(request, versionAliases);
      if (!wish) throw notAVersion(request);
      const choice = choose(wish, await installed(), catalogue);
      switch (choice.kind) {
        case 'use':
          return describe(request, wish, choice.engine);
        case 'fetch': {
          const fetched = await fetchFirst(wish, choice.entries, (entry) =>
            fetchOne(wish, entry, resolveOptions),
          );
          if (fetched.engine) return describe(request, wish, fetched.engine);
          if (!choice.otherwise) throw fetched.error ?? unavailable(request, await installed(), catalogue);
          return describe(request, wish, choice.otherwise, fetched.error);
        }
        case 'unavailable':
          throw unavailable(request, await installed(), catalogue);
        default:
          throw choice satisfies never;
      }
    },
  };
}

/** Fetches the first entry that fits, since a suite may have moved on; when none does, gives why the first one failed. */
async function fetchFirst(
  wish: EngineWish,
  entries: readonly FetchableEngine[],
  fetchOne: (entry: FetchableEngine) => Promise<InstalledEngine>,
): Promise<{ engine?: InstalledEngine; error?: EngineUnavailable }> {
  let error: EngineUnavailable | undefined;
  for (const entry of entries) {
    try {
      const engine = await fetchOne(entry);
      if (fit(engine.version, wish)) return { engine };
    } catch (failure) {
      if (!(failure instanceof EngineUnavailable)) throw failure;
      error ??= failure;
      if (failure.reason !== 'no-package') break; // the next one would fail for the same reason
    }
  }
  return error ? { error } : {};
}

function newestFirst(a: InstalledEngine, b: InstalledEngine): number {
  return (
    engineNames.indexOf(a.engine) - engineNames.indexOf(b.engine) || compareVersions(b.version, a.version)
  );
}

function describe(
  request: EngineRequest,
  wish: EngineWish,
  engine: InstalledEngine,
  failure?: EngineUnavailable,
): ResolvedEngine {
  const runs = `${engine.engine} ${engine.version} runs`;
  const notes: string[] = [];
  if (wish.alias) notes.push(`${wish.alias.note}; ${runs}`);
  const isExact = fit(engine.version, wish) === 'exact';
  if (!isExact) {
    notes.push(`${runs}, a newer patch of the ${request.version} that was asked for`);
  }
  if (failure) notes.push(failure.message);
  const exact = isExact && wish.alias?.complete !== false;
  return notes.length === 0 ? { engine, exact } : { engine, exact, note: `${notes.join('. ')}.` };
}

function notAVersion({ engine, version }: EngineRequest): EngineUnavailable {
  const expected = 'expected one to three numbers joined by dots (8.1, 1.6.38) or "newest"';
  return new EngineUnavailable(
    'not-a-version',
    `${engine} ${JSON.stringify(version)} is no version: ${expected}`,
  );
}

function unavailable(
  request: EngineRequest,
  installed: readonly InstalledEngine[],
  catalogue: readonly FetchableEngine[],
): EngineUnavailable {
  const list = (engines: readonly { engine: string; version: string }[]) => {
    const versions = engines.filter((one) => one.engine === request.engine).map((one) => one.version);
    return [...new Set(versions)].join(', ') || 'none';
  };
  return new EngineUnavailable(
    'unknown-version',
    `${request.engine} ${request.version} is not to be had: at hand are ${list(installed)}; ` +
      `can be fetched: ${list(catalogue)}. To run another one, name its server or its folder in ` +
      `LIMBER_ENGINE_PATH_${request.engine.toUpperCase()}.`,
  );
}
