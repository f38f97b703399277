import { resolve } from 'node:path';
import { defaultEngines } from '../catalog/engine-packages.ts';
import {
  type EngineRequest,
  type EngineStore,
  EngineUnavailable,
  engineNames,
  type ResolvedEngine,
} from '../engine-store/contract.ts';
import { createEngineStore } from '../engine-store/engine-store.ts';
import { isOfVersion } from '../engine-store/engine-version.ts';
import { examineEngine } from '../engine-store/examine-engine.ts';
import { recordOwnEngine } from '../engine-store/own-engines.ts';
import { engineAtPath, nothingThere } from '../engine-store/system-engines.ts';
import { CommandFailed, readArguments, UsageError } from './arguments.ts';
import { installReporter } from './install-reporter.ts';

export const usage = `Usage: limber engines                              list engines: at hand, fetched by default, available
       limber engines install ENGINE@VERSION...    fetch engines: valkey@8.1 redis@7.0 memcached@1.6.38
       limber engines install --defaults           fetch those that set-up fetches
       limber engines add ENGINE@VERSION PATH      use a server of your own, or a folder that holds one, once it was checked

Engines are fetched as Debian packages with this machine's own apt, without root, into ~/.limber/engines
(LIMBER_ENGINES). For one start: LIMBER_ENGINE_PATH_VALKEY, …_REDIS, …_MEMCACHED.`;

/** `limber engines`. Progress goes to stderr, results to stdout; `--json` is for set-up. Exit code 1: not to be had. */
export async function run(argv: string[]): Promise<number> {
  const { values, positionals } = readArguments(
    argv,
    { defaults: { type: 'boolean' }, json: { type: 'boolean' } },
    Number.POSITIVE_INFINITY,
  );
  const [action, ...names] = positionals;
  const store = createEngineStore();
  try {
    if (action === undefined && !values.defaults) return await list(store, values.json ?? false);
    if (action === 'add') return await add(store, names);
    if (action !== 'install') throw new UsageError(`there is no "limber engines ${action ?? '--defaults'}"`);
    const requests = [...(values.defaults ? defaultEngines : []), ...names.map(readName)];
    const wrong = names.find((name) => readName(name) === null);
    if (wrong !== undefined) throw new UsageError(`${JSON.stringify(wrong)} is not ENGINE@VERSION`);
    if (requests.length === 0) throw new UsageError('name at least one engine');
    return await install(
      store,
      requests.filter((one) => one !== null),
      values.json ?? false,
    );
  } catch (error) {
    if (!(error instanceof EngineUnavailable)) throw error;
    throw new CommandFailed(error.message, { cause: error });
  }
}

function readName(name: string): EngineRequest | null {
  const [, engine, version] = /^([a-z]+)(?:@(.+))?$/.exec(name) ?? [];
  const known = engineNames.find((one) => one === engine);
  return known ? { engine: known, version: version ?? 'newest' } : null;
}

async function list(store: EngineStore, asJson: boolean): Promise<number> {
  const installed = await store.installed();
  if (asJson) {
    const engines = installed.map(({ engine, version, source, directory }) => ({
      engine,
      version,
      source,
      directory,
    }));
    console.log(
      JSON.stringify({ directory: store.directory, installed: engines, available: store.available() }),
    );
    return 0;
  }
  console.log(`At hand (fetched ones in ${store.directory}):`);
  for (const { engine, version, source, directory } of installed) {
    console.log(`  ${`${engine}@${version}`.padEnd(18)} ${source.padEnd(8)} ${directory}`);
  }
  if (installed.length === 0) console.log('  none');
  const names = defaultEngines.map(({ engine, version }) => `${engine}@${version}`);
  console.log(`\nFetched by set-up: ${names.join(', ')}`);
  console.log('\nCan be fetched (limber engines install ENGINE@VERSION):');
  for (const { engine, version, suites } of store.available()) {
    const isHere = installed.some((one) => one.engine === engine && one.version === version);
    console.log(`  ${`${engine}@${version}`.padEnd(18)} Debian ${suites[0]}${isHere ? ' (at hand)' : ''}`);
  }
  return 0;
}

/** Records an engine of the user's own, after the program has shown that Limber can run it. */
async function add(store: EngineStore, names: readonly string[]): Promise<number> {
  const [name = '', path, ...others] = names;
  const asked = readName(name);
  if (!asked || asked.version === 'newest' || path === undefined || others.length > 0)
    throw new UsageError('add takes ENGINE@VERSION and a PATH');
  const place = resolve(path);
  const found = await engineAtPath(asked.engine, place);
  if (!found) throw new CommandFailed(`${place} is a place ${nothingThere(asked.engine)}`);
  if (!isOfVersion(found.version, asked.version))
    throw new CommandFailed(`${place} says that it is ${found.engine} ${found.version}, not ${name}`);
  const { tls, modules, lacks } = await examineEngine(found);
  if (lacks.length > 0)
    throw new CommandFailed(
      `${found.engine} ${found.version} cannot serve: ${lacks.join('; ')}. ` +
        '`limber up --stand-ins` runs a newer version in its place.',
    );
  await recordOwnEngine(store.directory, { engine: found.engine, path: place });
  console.log(`${found.engine}@${found.version} (path: ${found.directory})`);
  if (!tls) console.log('  it was built without TLS: caches with TransitEncryptionEnabled cannot run on it');
  if (modules) console.log('  it can load modules');
  return 0;
}

async function install(
  store: EngineStore,
  requests: readonly EngineRequest[],
  asJson: boolean,
): Promise<number> {
  const controller = new AbortController();
  const onProgress = installReporter(process.stderr);
  const stop = (signal: NodeJS.Signals) => controller.abort(new Stopped(signal));
  process.on('SIGINT', stop).on('SIGTERM', stop);
  try {
    // All fetches are waited for, so that an engine that cannot be had does not end the fetch of another.
    const results = await Promise.allSettled(
      requests.map((request) => store.resolve(request, { signal: controller.signal, onProgress })),
    );
    return summarize(results, asJson);
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
  }
}

class Stopped extends Error {
  readonly exitCode: number;

  constructor(signal: NodeJS.Signals) {
    super(`stopped by ${signal}`);
    this.exitCode = signal === 'SIGINT' ? 130 : 143;
  }
}

function summarize(results: readonly PromiseSettledResult<ResolvedEngine>[], asJson: boolean): number {
  const done = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  if (asJson) {
    const engines = done.map(({ engine: { engine, version, source, directory }, note }) => ({
      engine,
      version,
      source,
      directory,
      note,
    }));
    console.log(JSON.stringify({ engines }));
  } else {
    for (const { engine, note } of done) {
      console.log(`${engine.engine}@${engine.version} (${engine.source}: ${engine.directory})`);
      if (note) console.error(`  ${note}`);
    }
  }
  const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
  const stopped = failures.find((error) => error instanceof Stopped);
  if (stopped) return stopped.exitCode;
  for (const error of failures) {
    if (!(error instanceof EngineUnavailable)) throw error;
  }
  for (const message of new Set(failures.map((error) => error.message))) console.error(`limber: ${message}`);
  return failures.length === 0 ? 0 : 1;
}
