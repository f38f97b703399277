import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineUnavailable } from './contract.ts';
import { ProgramMissing, runProgram } from './run-program.ts';

/** A Debian archive that this machine's own apt configuration names. */
export interface Mirror {
  /** What goes before `/dists/…`. */
  readonly uri: string;
  /** The suites that the machine uses; the archive usually holds more. */
  readonly suites: readonly string[];
  /** Value for `Signed-By`: a keyring file, or the indented lines of a key. */
  readonly signedBy: string;
}

const debianKeyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
const debianSuite =
  /^(bullseye|bookworm|trixie|forky|duke|sid|unstable|testing|(old)*stable)(-(updates|backports|security|proposed-updates))?$/;

/**
 * The Debian mirrors of this machine, likeliest first. apt itself is asked what it would fetch, because sources come in
 * several notations and may be rewritten by configuration; no host is ever assumed.
 * Throws `EngineUnavailable` (`no-apt`, `no-sources`).
 */
export async function debianMirrors(signal?: AbortSignal): Promise<readonly Mirror[]> {
  const suitesByUri = await indexedSuites(signal);
  const keys = await signingKeys(signal);
  const mirrors = [...suitesByUri]
    .filter(([, suites]) => suites.some((suite) => debianSuite.test(suite)))
    .map(([uri, suites]) => ({
      uri,
      suites,
      signedBy: keys.get(uri) ?? debianKeyring,
      rank: likelihood(uri, suites, keys.get(uri)),
    }))
    .sort((a, b) => b.rank - a.rank);
  if (mirrors.some(isMain)) return mirrors;
  const found = [...suitesByUri].map(([uri, suites]) => `${withoutCredentials(uri)} (${suites.join(', ')})`);
  throw new EngineUnavailable(
    'no-sources',
    `apt on this machine names no Debian mirror; found ${found.join('; ') || 'no sources at all'}. ` +
      'Engines are fetched from the Debian mirror in /etc/apt/sources.list.d or /etc/apt/sources.list; add one.',
  );
}

/** Debian keeps `…-security` suites in an archive of their own. A mirror may hold both in one. */
export const isMain = (mirror: Mirror) => mirror.suites.some((suite) => !suite.endsWith('-security'));
export const isSecurity = (mirror: Mirror) => mirror.suites.some((suite) => suite.endsWith('-security'));

/** A mirror's address as it may be shown and logged: sources may hold a user and a password. */
export function withoutCredentials(uri: string): string {
  return uri.replace(/\/\/[^/@]*@/, '//');
}

/** Suites by archive, from what `apt-get update` would fetch. An empty list state makes it name every index. */
async function indexedSuites(signal: AbortSignal | undefined): Promise<Map<string, string[]>> {
  const options = ['Dir::State::lists=/nonexistent', 'Dir::Cache::pkgcache=', 'Dir::Cache::srcpkgcache='];
  const args = ['update', '--print-uris', ...options.flatMap((option) => ['-o', option])];
  const result = await runProgram('apt-get', args, { signal, timeoutMs: 30_000 }).catch((cause) => {
    if (!(cause instanceof ProgramMissing)) throw cause;
    throw new EngineUnavailable('no-apt', 'this machine has no apt-get to fetch engines with', { cause });
  });
  const suites = new Map<string, string[]>();
  for (const [, uri, suite] of result.stdout.matchAll(/^'(.+)\/dists\/(.+)\/InRelease' /gm)) {
    if (uri && suite && !uri.startsWith('cdrom:')) suites.set(uri, [...(suites.get(uri) ?? []), suite]);
  }
  return suites;
}

/** Other publishers use Debian's suite names too (`…/linux/debian bookworm stable`): prefer what looks like Debian itself. */
function likelihood(uri: string, suites: readonly string[], signedBy: string | undefined): number {
  const signs = [
    signedBy?.includes('debian-archive'),
    suites.some((suite) => suite.endsWith('-updates') || suite.endsWith('-security')),
    /\/debian(-security)?\/?$/.test(uri),
  ];
  return signs.filter(Boolean).length;
}

/** `Signed-By` of each archive in the machine's source files, both notations. */
async function signingKeys(signal: AbortSignal | undefined): Promise<Map<string, string>> {
  const keys = new Map<string, string>();
  const [list = '', folder = ''] = await sourcePlaces(signal);
  const names = (await readdir(folder).catch(() => [])).filter((name) => /\.(list|sources)$/.test(name));
  for (const path of [list, ...names.map((name) => join(folder, name))]) {
    const text = await readFile(path, 'utf8').catch(() => '');
    const found = path.endsWith('.sources') ? keysOfStanzas(text) : keysOfLines(text);
    for (const [uri, signedBy] of found) keys.set(uri.replace(/\/+$/, ''), signedBy);
  }
  return keys;
}

/** The file and the folder that apt reads its sources from, as it is configured here. */
async function sourcePlaces(signal: AbortSignal | undefined): Promise<string[]> {
  const args = ['shell', 'LIST', 'Dir::Etc::sourcelist/f', 'PARTS', 'Dir::Etc::sourceparts/d'];
  const result = await runProgram('apt-config', args, { signal });
  return ['LIST', 'PARTS'].map((name) => new RegExp(`^${name}='(.*)'$`, 'm').exec(result.stdout)?.[1] ?? '');
}

/** The deb822 notation: `Field: value`, continued by indented lines, stanzas parted by an empty line. */
export function keysOfStanzas(text: string): [uri: string, signedBy: string][] {
  return text.split(/\n\s*\n/).flatMap((stanza) => {
    const field = (name: string) =>
      new RegExp(`^${name}:[ \\t]*(.*(?:\\n[ \\t].*)*)`, 'im').exec(stanza.replace(/^#.*\n?/gm, ''))?.[1];
    const signedBy = field('Signed-By')?.trimEnd();
    const uris = field('URIs')?.split(/\s+/).filter(Boolean) ?? [];
    return signedBy ? uris.map((uri): [string, string] => [uri, signedBy]) : [];
  });
}

/** The one-line notation: `deb [signed-by=/a,/b arch=amd64] URI suite components`. */
export function keysOfLines(text: string): [uri: string, signedBy: string][] {
  return [...text.matchAll(/^\s*deb\s+\[([^\]]*)\]\s+(\S+)/gm)].flatMap(([, options, uri]) => {
    const signedBy = /(?:^|\s)signed-by=(\S+)/i.exec(options ?? '')?.[1];
    return signedBy && uri ? [[uri, signedBy.replaceAll(',', ' ')]] : [];
  });
}
