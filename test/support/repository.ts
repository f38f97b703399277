/** The files of the repository, for checks that read them as text: no engine, no server, well under a second. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Folders that are not ours or are made by programs. */
const skipped = new Set(['node_modules', '.git', '.setup', '.limber', 'results']);

/** All files of the repository, relative to its root, with `/`. */
function filesUnder(folder = root): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return skipped.has(entry.name) ? [] : filesUnder(path);
    return entry.isFile() && !entry.name.endsWith('.log') ? [relative(root, path)] : [];
  });
}

export const files = filesUnder().sort();
const textOf = new Map(files.map((file) => [file, readFileSync(join(root, file), 'utf8')]));
export const matching = (pattern: RegExp) => files.filter((file) => pattern.test(file));
export const code = matching(/\.(ts|tsx|mjs)$/);
export const sources = matching(/^src\/.*\.ts$/);
export const read = (file: string): string => textOf.get(file) ?? '';

/** Relative imports of a file, static and dynamic, and files that it names for a new process. */
export function importsOf(file: string): string[] {
  const pattern = /(?:\bfrom|\bimport)\s*\(?\s*'(\.[^']+)'|new URL\('(\.[^']+\.ts)', import\.meta\.url\)/g;
  return [...read(file).matchAll(pattern)].map(([, one, other]) =>
    join(dirname(file), (one ?? other) as string),
  );
}

/** Fails with what breaks a rule, one line each, so that a failure names every place at once. */
export function assertNone(violations: readonly string[], rule: string): void {
  assert.equal(violations.length, 0, `${rule}:\n  ${violations.join('\n  ')}`);
}
