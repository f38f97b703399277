import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isMain, isSecurity, type Mirror, withoutCredentials } from './apt-sources.ts';
import { EngineUnavailable, type UnavailableReason } from './contract.ts';
import { ProgramMissing, type ProgramResult, runProgram } from './run-program.ts';

/** A private apt: its own sources, package lists and cache in one folder, needing no privileges. */
export interface AptState {
  readonly folder: string;
  /** Runs `apt-get` or `apt-cache` on this state. */
  apt(
    program: 'apt-get' | 'apt-cache',
    args: readonly string[],
    options?: AptOptions,
  ): Promise<ProgramResult>;
}

interface AptOptions {
  readonly cwd?: string;
  readonly signal?: AbortSignal | undefined;
}

/** Debian's name for this machine's kind of processor, and the multiarch folder of its libraries. */
export const machine = {
  x64: { debian: 'amd64', triplet: 'x86_64-linux-gnu', loader: 'ld-linux-x86-64.so.2' },
  arm64: { debian: 'arm64', triplet: 'aarch64-linux-gnu', loader: 'ld-linux-aarch64.so.1' },
}[process.arch as string];

/**
 * Fetches the package lists of some suites (about 10 MB, 2-3 s each) from the first of `mirrors` that has them, into
 * an empty folder. apt verifies the signatures. Throws `EngineUnavailable` with apt's own words.
 */
export async function fetchAptState(
  folder: string,
  suites: readonly string[],
  mirrors: readonly Mirror[],
  signal?: AbortSignal,
): Promise<AptState> {
  let failure: EngineUnavailable | undefined;
  for (const mirror of mirrors.filter(isMain).slice(0, 3)) {
    const security = mirrors.find(isSecurity);
    await writeConfiguration(folder, sourcesText(suites, mirror, security));
    const state: AptState = {
      folder,
      apt: (program, args, options) =>
        runProgram(program, ['-c', join(folder, 'apt.conf'), ...args], options),
    };
    const result = await state.apt('apt-get', ['update', '-o', 'APT::Update::Error-Mode=any'], { signal });
    if (result.code === 0) return state;
    failure ??= aptFailure(
      `the package lists of ${suites[0]} from ${withoutCredentials(mirror.uri)}`,
      result,
    );
  }
  throw failure ?? new EngineUnavailable('no-sources', 'apt on this machine names no Debian mirror');
}

/** Why apt failed, as one of our reasons. Only its messages tell that: its exit code is always 100. */
export function aptFailure(what: string, result: ProgramResult): EngineUnavailable {
  const [reason, advice] = reasonOf(result.output);
  const lines = result.output.split('\n').filter((line) => line.trim() !== '');
  const details = lines.filter((line) => line.startsWith('  ')); // indented below each `Err:`
  const said = details.length > 0 ? details : lines.filter((line) => line.startsWith('E: '));
  const quoted = [...new Set(said.map((line) => withoutCredentials(line.trim())))].slice(0, 2);
  return new EngineUnavailable(reason, `cannot fetch ${what}: ${advice}. apt says: ${quoted.join(' / ')}`);
}

const reasons: readonly [pattern: RegExp, reason: UnavailableReason, advice: string][] = [
  [/No space left on device/, 'no-disk', 'the disk is full'],
  [
    /NO_PUBKEY|EXPKEYSIG|BADSIG|REVKEYSIG|signatures? (were|was|could)|is not signed|Hash Sum mismatch/,
    'bad-signature',
    'its signature does not fit the keyring of this machine; nothing was used',
  ],
  [/does not have a Release file|404 +Not Found/, 'no-package', 'the mirror does not have it'],
];

function reasonOf(output: string): [UnavailableReason, string] {
  const known = reasons.find(([pattern]) => pattern.test(output));
  return known
    ? [known[1], known[2]]
    : ['no-network', 'the mirror does not answer; check the network and the proxy of apt'];
}

function sourcesText(suites: readonly string[], main: Mirror, security: Mirror | undefined): string {
  const wanted = suites.map((suite) => ({ suite, mirror: suite.endsWith('-security') ? security : main }));
  return wanted
    .flatMap(({ suite, mirror }) => (mirror ? [stanza(suite, mirror)] : [])) // security fixes where the machine has them
    .join('\n');
}

/** Only package lists: translations, contents and icons would triple the download. */
function stanza(suite: string, mirror: Mirror): string {
  return `Types: deb
URIs: ${mirror.uri}
Suites: ${suite}
Components: main
Architectures: ${machine?.debian}
Targets: Packages
PDiffs: no
Signed-By: ${mirror.signedBy}
`;
}

/**
 * The machine's own apt configuration (proxies, certificates, credentials) is read first; this changes only where
 * things live. Given by `-c`, not by APT_CONFIG: that is read before the machine's, whose hooks would win.
 */
async function writeConfiguration(folder: string, sources: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  for (const name of ['lists/partial', 'archives/partial', 'sources']) {
    await mkdir(join(folder, name), { recursive: true });
  }
  await writeFile(join(folder, 'status'), '');
  await writeFile(join(folder, 'sources', 'debian.sources'), sources);
  const settings = {
    'APT::Architecture': machine?.debian,
    'APT::Sandbox::User': 'root', // apt does not change to another user: there is none to change to, and none is needed
    'Dir::State': folder,
    'Dir::State::lists': join(folder, 'lists'),
    'Dir::State::status': join(folder, 'status'),
    'Dir::Cache': folder,
    'Dir::Cache::archives': join(folder, 'archives'),
    'Dir::Cache::pkgcache': join(folder, 'pkgcache.bin'),
    'Dir::Cache::srcpkgcache': '',
    'Dir::Etc::sourcelist': '/dev/null',
    'Dir::Etc::sourceparts': join(folder, 'sources'),
    'Dir::Etc::preferences': '/dev/null',
    'Dir::Etc::preferencesparts': '/dev/null',
    'Acquire::Languages': 'none',
    'Acquire::Retries': '1', // apt waits a second longer before each further attempt
    'Acquire::http::Timeout': '20',
    'Acquire::https::Timeout': '20',
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} "${value}";`);
  // The machine's hooks work on its own state, and would need root.
  const cleared = ['APT::Architectures', 'APT::Update::Pre-Invoke', 'APT::Update::Post-Invoke'];
  cleared.push('APT::Update::Post-Invoke-Success', 'Binary::apt-get::APT::Update::Post-Invoke-Success');
  lines.unshift(...cleared.map((name) => `#clear ${name};`));
  await writeFile(join(folder, 'apt.conf'), `${lines.join('\n')}\n`);
}

/** Turns a missing apt program into the error that names it. */
export function explainMissingProgram(error: unknown): unknown {
  if (!(error instanceof ProgramMissing)) return error;
  const message = `${error.message}: engines are fetched with Debian's apt-get, apt-cache and dpkg-deb`;
  return new EngineUnavailable('no-apt', message, { cause: error });
}
