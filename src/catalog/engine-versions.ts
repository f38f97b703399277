/**
 * Engine versions as ElastiCache names them, and which engine serves each. What can be asked for follows from what
 * this machine can really run (the argument `runnable`: what is installed and what the engine store can fetch),
 * never from AWS's list. Sources: data/engine-versions.json, DESIGN rule 7.
 */
import type { Engine } from '../model/resource.ts';
import { ServiceError } from '../model/service-errors.ts';
import { versionAliases } from './engine-packages.ts';
import { parameterFamilies, parseFamily } from './parameters.ts';
import { shownPatch, standInsFor } from './stand-ins.ts';
import { compareVersions, seriesOf } from './version-order.ts';

const engines = ['memcached', 'redis', 'valkey'] as const satisfies readonly Engine[];

/** A version that this machine can run: installed, or one that the engine store can fetch. */
export interface RunnableVersion {
  readonly engine: Engine;
  /** Full: `8.1.1`, `1.6.38`. */
  readonly version: string;
  readonly installed: boolean;
}

/** A version that can be asked for. */
interface EngineVersion {
  readonly engine: Engine;
  /** As the API writes it: `8.1`, `7.1`, `1.6.38`. */
  readonly version: string;
  readonly family: string;
  /** The engine that serves it, in full, as the engine store would choose it now: what runs is read from the node. */
  readonly runs: string;
  /** A sentence for the user when the engine is not literally what the version says; null otherwise. */
  readonly note: string | null;
  /** The series (`7.0`) that stands in for a version that is not to be had; null otherwise. */
  readonly standIn: string | null;
}

/** What this machine can run, and whether something newer may run where it cannot. */
export interface EngineOffer {
  readonly runnable: readonly RunnableVersion[];
  readonly allowStandIns: boolean;
}

/** Lower-case name of an engine; throws `InvalidParameterValue`. */
export function parseEngine(value: string, parameterName = 'Engine'): Engine {
  const engine = engines.find((name) => name === value.toLowerCase());
  if (engine) return engine;
  const shown = value.length > 80 ? `${value.slice(0, 80)}…` : value;
  throw new ServiceError(
    'InvalidParameterValue',
    `The parameter ${parameterName} is not a valid engine: "${shown}". Give one of ${engines.join(', ')}.`,
  );
}

/**
 * Every version that can be asked for, by engine and then oldest first. Valkey and Redis versions have two parts
 * and stand for their newest patch; Memcached's have three. ElastiCache's own names (`7.1`, `8.2`) are among them
 * when the engine that serves them is, and with stand-ins all that ElastiCache offers and something newer can serve.
 * Versions without a parameter family (Redis 8, say) are not.
 */
export function engineVersions({ runnable, allowStandIns }: EngineOffer): readonly EngineVersion[] {
  const own = runnableVersions(runnable);
  return allowStandIns ? inOrder([...own, ...standIns(own, runnable)]) : own;
}

function runnableVersions(runnable: readonly RunnableVersion[]): readonly EngineVersion[] {
  const found = new Map<string, EngineVersion>();
  const add = (engine: Engine, version: string, runs: string, note: string | null) => {
    const family = familyOf(engine, version);
    const key = `${engine} ${version}`;
    if (family && !found.has(key)) found.set(key, { engine, version, family, runs, note, standIn: null });
  };
  for (const { engine, version } of preferredFirst(runnable))
    add(engine, apiVersion(engine, version), version, null);
  for (const { engine, asked, runs, note } of versionAliases) {
    const served = found.get(`${engine} ${runs}`);
    if (served) add(engine, asked, served.runs, `${note}; ${engine} ${served.runs} serves it.`);
  }
  return inOrder([...found.values()]);
}

/** As the engine store chooses: a patch that is at hand before a newer one that would have to be fetched. */
function preferredFirst(runnable: readonly RunnableVersion[]): readonly RunnableVersion[] {
  return runnable.toSorted(
    (a, b) => Number(b.installed) - Number(a.installed) || compareVersions(b.version, a.version),
  );
}

function inOrder(versions: readonly EngineVersion[]): readonly EngineVersion[] {
  return versions.toSorted(
    (a, b) => engines.indexOf(a.engine) - engines.indexOf(b.engine) || compareVersions(a.version, b.version),
  );
}

function standIns(own: readonly EngineVersion[], runnable: readonly RunnableVersion[]): EngineVersion[] {
  const preferred = preferredFirst(runnable);
  return engines.flatMap((engine) => {
    const ofEngine = own.filter((row) => row.engine === engine);
    return standInsFor(engine, ofEngine).map(({ version, series }) => {
      const runs = preferred.find((one) => one.engine === engine && seriesOf(one.version) === series)
        ?.version as string;
      const family = familyOf(engine, version) as string;
      const note = `${engine} ${version} is not to be had here; the newer ${engine} ${runs} stands in for it.`;
      return { engine, version, family, runs, note, standIn: series };
    });
  });
}

/**
 * The version for a request's EngineVersion; the engine's newest when none is given. A Memcached patch that is not
 * at hand is served by the newest later patch of its minor, with a note; `6.x` of Redis is its newest minor. With
 * stand-ins a version that is not to be had is served by the nearest newer one.
 * Throws `InvalidParameterValue` for what does not look like a version of this engine, and
 * `InvalidParameterCombination` ("Cannot find version …", AWS's words) for one that cannot be had.
 */
export function chooseEngineVersion(
  engine: Engine,
  asked: string | undefined,
  offer: EngineOffer,
): EngineVersion {
  const known = engineVersions(offer).filter((row) => row.engine === engine);
  const newest = known.at(-1);
  if (asked === undefined && newest) return newest;
  if (asked !== undefined) checkForm(engine, asked);
  const exact = known.find((row) => row.version === asked);
  if (exact) return exact;
  const newer = asked === undefined ? undefined : newerOfSeries(engine, asked, known);
  if (newer) return newer;
  throw new ServiceError(
    'InvalidParameterCombination',
    `Cannot find version ${asked ?? 'any'} for ${engine}. ` +
      (newest
        ? `This machine can run ${known.map((row) => row.version).join(', ')}.`
        : `This machine can run no version of ${engine}; \`limber engines\` tells what it can.`) +
      wayOut(engine, asked, offer),
  );
}

/**
 * What DescribeCacheClusters shows as EngineVersion: the running engine's full version; for ElastiCache's own names
 * and for versions with a stand-in ElastiCache's patch of them (`7.1.0`, `6.2.6`), since tools compare major and minor with
 * what they asked for; for Memcached and Redis before 6 what was asked for, since tools compare all of it.
 * `runningVersion` is null until a node has answered.
 */
export function reportedVersion(engine: Engine, version: string, runningVersion: string | null): string {
  if (engine === 'memcached' || hasPatch(version)) return version;
  if (runningVersion === null) return `${version}.0`;
  return apiVersion(engine, runningVersion) === version ? runningVersion : shownPatch(engine, version);
}

/** The parameter family of a version (two or more parts), or undefined when ElastiCache has none for it. */
export function familyOf(engine: Engine, version: string): string | undefined {
  const [major = '', minor = ''] = version.split('.');
  const family = `${engine}${familySeries(engine, Number(major), minor)}`;
  return parameterFamilies.includes(family) ? family : undefined;
}

/** Filters of DescribeCacheEngineVersions. */
interface EngineVersionFilters {
  readonly engine?: string | undefined;
  readonly engineVersion?: string | undefined;
  readonly family?: string | undefined;
  /** The newest only: of each engine, or of the family when one is given. */
  readonly defaultOnly?: boolean | undefined;
}

/** A row of DescribeCacheEngineVersions. */
export interface EngineVersionDescription extends EngineVersion {
  readonly engineDescription: string;
  readonly versionDescription: string;
}

/** Rows by engine, oldest first. Throws `InvalidParameterValue` for an engine or family that does not exist. */
export function describeEngineVersions(
  offer: EngineOffer,
  filters: EngineVersionFilters = {},
): readonly EngineVersionDescription[] {
  const engine = filters.engine === undefined ? undefined : parseEngine(filters.engine);
  const family = filters.family === undefined ? undefined : parseFamily(filters.family);
  const rows = engineVersions(offer)
    .filter((row) => engine === undefined || row.engine === engine)
    .filter((row) => family === undefined || row.family === family)
    .filter((row) => filters.engineVersion === undefined || row.version === filters.engineVersion);
  const isNewest = (row: EngineVersion) => rows.findLast((other) => other.engine === row.engine) === row;
  return rows.filter((row) => !filters.defaultOnly || isNewest(row)).map(describe);
}

function describe(row: EngineVersion): EngineVersionDescription {
  // The words before the version are AWS's. Where another engine serves it, the text says so.
  const served = row.note === null ? '' : ` (${row.note.replace(/\.$/, '')})`;
  const version = row.note === null ? row.runs : row.version;
  return {
    ...row,
    engineDescription: { memcached: 'memcached', redis: 'Redis', valkey: 'Valkey' }[row.engine],
    versionDescription: `${row.engine} version ${version}${served}`,
  };
}

/** `1.6` of Memcached; `2.8`, `3.2`, `4.0`, `5.0`, `6.x`, `7` of Redis; `8` of Valkey. */
function familySeries(engine: Engine, major: number, minor: string): string {
  switch (engine) {
    case 'valkey':
      return `${major}`;
    case 'memcached':
      return `${major}.${minor}`;
    case 'redis':
      if (major >= 7) return `${major}`;
      return major === 6 ? '6.x' : `${major}.${minor}`;
    default:
      return engine satisfies never;
  }
}

const hasPatch = (version: string): boolean => version.split('.').length === 3;

/** Redis had three parts until 5; ElastiCache chooses the patch since then. */
function apiVersion(engine: Engine, full: string): string {
  const keepsPatch = engine === 'memcached' || (engine === 'redis' && compareVersions(full, '6') < 0);
  return keepsPatch ? full : seriesOf(full);
}

const forms: Readonly<Record<Engine, { readonly pattern: RegExp; readonly text: string }>> = {
  memcached: { pattern: /^\d+\.\d+\.\d+$/, text: 'three numbers, like 1.6.38' },
  redis: {
    pattern: /^([1-5]\.\d+\.\d+|6\.x|[6-9]\.\d+)$/,
    text: 'two numbers, like 7.1 (three below 6: 5.0.6)',
  },
  valkey: { pattern: /^([7-9]|\d\d)\.\d+$/, text: 'two numbers, like 8.1' },
};

function checkForm(engine: Engine, asked: string): void {
  if (forms[engine].pattern.test(asked)) return;
  const [, minor, patch] = /^(\d+\.\d+)(\.\d+)?$/.exec(asked) ?? [];
  if (engine !== 'memcached' && minor && patch && forms[engine].pattern.test(minor))
    throw new ServiceError(
      'InvalidParameterValue', // AWS's words
      `Specific version selection is not allowed for '${asked}', please use '${minor}'`,
    );
  const shown = asked.length > 40 ? `${asked.slice(0, 40)}…` : asked;
  throw new ServiceError(
    'InvalidParameterValue',
    `The parameter EngineVersion is not a version of ${engine}: "${shown}". Give ${forms[engine].text}.`,
  );
}

/** What lets a cache of that version be made all the same; empty where nothing does. */
function wayOut(engine: Engine, asked: string | undefined, { runnable }: EngineOffer): string {
  if (asked === undefined) return '';
  const allowed = engineVersions({ runnable, allowStandIns: true }).filter((row) => row.engine === engine);
  const found = allowed.find((row) => row.version === asked) ?? newerOfSeries(engine, asked, allowed);
  if (!found?.standIn) return '';
  return ` \`limber up --stand-ins\` (LIMBER_STAND_INS=1) lets ${engine} ${found.runs} stand in for it, and \`limber engines add\` takes an engine of your own.`;
}

/** The newest Redis 6 for `6.x`; for a Memcached patch that is not at hand the newest later one of its minor. */
function newerOfSeries(
  engine: Engine,
  asked: string,
  known: readonly EngineVersion[],
): EngineVersion | undefined {
  if (engine === 'redis' && asked === '6.x') return known.findLast((row) => row.version.startsWith('6.'));
  if (engine !== 'memcached') return undefined;
  const series = asked.slice(0, asked.lastIndexOf('.') + 1);
  const newer = known.findLast(
    (row) => row.version.startsWith(series) && compareVersions(row.version, asked) > 0,
  );
  if (!newer) return undefined;
  const note = `memcached ${asked} is not at hand; the newer patch ${newer.runs} serves it.`;
  return { ...newer, version: asked, note };
}
