import type { AptState } from './apt-state.ts';
import { EngineUnavailable } from './contract.ts';

/** One package to fetch, as `apt-get download name=version` takes it. */
export interface DebianPackage {
  readonly name: string;
  readonly version: string;
}

interface PackageRecord extends DebianPackage {
  readonly section: string;
  /** Each entry lists alternatives, best first. */
  readonly depends: readonly (readonly string[])[];
}

/**
 * The wanted packages and the libraries that they need, the C library and its loader included. Only libraries are
 * followed: an engine's other dependencies (systemd, perl, adduser) serve its installation as a system service.
 * That nothing is missing is proved later by the loader itself.
 */
export async function packageClosure(
  state: AptState,
  wanted: readonly string[],
  signal?: AbortSignal,
): Promise<readonly DebianPackage[]> {
  const known = new Map<string, PackageRecord | null>();
  const chosen = new Map<string, PackageRecord>();
  let level: readonly (readonly string[])[] = wanted.map((name) => [name]);
  while (level.length > 0) {
    await look(state, known, level.flat(), signal);
    const next: (readonly string[])[] = [];
    for (const alternatives of level) {
      const record = alternatives.map((name) => known.get(name)).find((found) => found);
      if (!record || chosen.has(record.name)) continue;
      if (!wanted.includes(record.name) && !isLibrary(record)) continue;
      chosen.set(record.name, record);
      next.push(...record.depends);
    }
    level = next;
  }
  const missing = wanted.filter((name) => !chosen.has(name));
  if (missing.length === 0) return [...chosen.values()].map(({ name, version }) => ({ name, version }));
  throw new EngineUnavailable('no-package', `the mirror's package list does not hold ${missing.join(', ')}`);
}

/** Debian files the Lua modules that Redis links against under interpreters. */
function isLibrary(record: PackageRecord): boolean {
  return record.section === 'libs' || (record.section === 'interpreters' && record.name.startsWith('lua-'));
}

/** Reads from the package lists what they hold of these names; null for names that are virtual or unknown. */
async function look(
  state: AptState,
  known: Map<string, PackageRecord | null>,
  names: readonly string[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const fresh = [...new Set(names)].filter((name) => !known.has(name));
  if (fresh.length === 0) return;
  const result = await state.apt('apt-cache', ['show', '--no-all-versions', ...fresh], { signal });
  for (const name of fresh) known.set(name, null);
  for (const record of parseRecords(result.stdout)) known.set(record.name, record);
}

/** The stanzas of `apt-cache show`. */
export function parseRecords(text: string): PackageRecord[] {
  return text.split(/\n\n+/).flatMap((stanza) => {
    const field = (name: string) => new RegExp(`^${name}: *(.*)$`, 'm').exec(stanza)?.[1]?.trim() ?? '';
    const name = field('Package');
    if (!name) return [];
    const depends = [field('Pre-Depends'), field('Depends')].flatMap(parseDepends);
    return [{ name, version: field('Version'), section: field('Section'), depends }];
  });
}

/** `a (>= 1) | b:any, c` → [[a, b], [c]]. */
function parseDepends(text: string): string[][] {
  const nameOf = (item: string) => item.trim().replace(/[\s:([].*$/, '');
  return text
    .split(',')
    .map((group) => group.split('|').map(nameOf).filter(Boolean))
    .filter((group) => group.length > 0);
}
