import { seriesOf } from '../catalog/version-order.ts';
import type { EngineName, EngineRequest, FetchableEngine } from './contract.ts';
import { compareVersions, isNewerPatch, isOfVersion, versionParts } from './engine-version.ts';

/** A version that exists only as a name of ElastiCache's. */
interface VersionAlias {
  readonly engine: EngineName;
  readonly asked: string;
  readonly runs: string;
  /** False where ElastiCache's version has functions that the engine serving it here lacks. */
  readonly complete: boolean;
  readonly note: string;
}

/** The engine to look for, with aliases resolved. `version` is null for the newest. */
export interface EngineWish {
  readonly engine: EngineName;
  readonly version: string | null;
  readonly alias?: VersionAlias;
}

/** Reads a request; null when its version is malformed. */
export function readRequest(request: EngineRequest, aliases: readonly VersionAlias[]): EngineWish | null {
  const { engine, version } = request;
  if (version === 'newest') return { engine, version: null };
  // ElastiCache writes the newest Redis OSS 6 as `6.x`.
  const plain = version.replace(/\.x$/, '');
  if (!versionParts(plain)) return null;
  const alias = aliases.find((one) => one.engine === engine && isOfVersion(plain, one.asked));
  return alias ? { engine, version: alias.runs, alias } : { engine, version: plain };
}

/**
 * How well a version serves a request: `exact` (the very version, or one of the series asked for), `newer-patch`, or not
 * at all. Any version serves a request for the newest; the order of the candidates decides which one that is.
 */
export function fit(version: string, wish: EngineWish): 'exact' | 'newer-patch' | null {
  if (wish.version === null || isOfVersion(version, wish.version)) return 'exact';
  return isNewerPatch(version, wish.version) ? 'newer-patch' : null;
}

interface Versioned {
  readonly engine: EngineName;
  readonly version: string;
  /** The Debian suite it was fetched from. */
  readonly suite?: string;
}

/**
 * The versions that serve a request, best first: exact ones before newer patches, and the newest first among each; equal
 * ones keep their order.
 */
function fitting<T extends Versioned>(candidates: readonly T[], wish: EngineWish): T[] {
  const rank = (one: T) => (fit(one.version, wish) === 'exact' ? 0 : 1);
  return candidates
    .filter((one) => one.engine === wish.engine && fit(one.version, wish) !== null)
    .sort((a, b) => rank(a) - rank(b) || compareVersions(b.version, a.version));
}

type Choice<T> =
  | { readonly kind: 'use'; readonly engine: T }
  /** These are fetched in turn until one fits; `otherwise` is the engine at hand that serves when none can be fetched. */
  | { readonly kind: 'fetch'; readonly entries: readonly FetchableEngine[]; readonly otherwise: T | null }
  | { readonly kind: 'unavailable' };

/**
 * Decides between what is at hand and what can be fetched (DESIGN rule 7): exact at hand, exact to fetch, a newer patch
 * at hand, a newer patch to fetch. For the newest, fetching wins if the catalogue knows a newer minor.
 */
export function choose<T extends Versioned>(
  wish: EngineWish,
  installed: readonly T[],
  fetchable: readonly FetchableEngine[],
): Choice<T> {
  const present = fitting(installed, wish)[0] ?? null;
  const better = fitting(fetchable, wish).filter(
    (entry) => isBetter(entry, present, wish) && !hasMovedOn(entry, installed),
  );
  if (better.length > 0) return { kind: 'fetch', entries: better, otherwise: present };
  return present ? { kind: 'use', engine: present } : { kind: 'unavailable' };
}

function isBetter(entry: FetchableEngine, present: Versioned | null, wish: EngineWish): boolean {
  if (present === null) return true;
  if (wish.version === null) return compareVersions(seriesOf(entry.version), seriesOf(present.version)) > 0;
  return fit(present.version, wish) === 'newer-patch' && fit(entry.version, wish) === 'exact';
}

/** True when this suite has given us this version or a newer one before: fetching again would give the same. */
function hasMovedOn(entry: FetchableEngine, installed: readonly Versioned[]): boolean {
  return installed.some(
    (one) =>
      one.engine === entry.engine &&
      one.suite === entry.suites[0] &&
      compareVersions(one.version, entry.version) >= 0,
  );
}
