/** Command lines that people copy from what we print. */
import { realpathSync } from 'node:fs';
import { delimiter, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defaultDataDirectory } from './arguments.ts';

const launcher = fileURLToPath(new URL('../../bin/limber', import.meta.url));

/** One word of sh; quoted only where it must be. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/**
 * `limber WORDS` for this installation and data directory, as it works in another terminal of the same user:
 * `limber` where PATH finds us, else `bin/limber` from the folder that the user stands in, else the whole path.
 */
export function limberCommand(dataDirectory: string, words: string): string {
  const command = shellWord(programName());
  const data = dataDirectory === defaultDataDirectory() ? '' : ` --data ${shellWord(dataDirectory)}`;
  return `${command} ${words}${data}`;
}

function programName(): string {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    // npm puts node_modules/.bin first for its own children only.
    if (folder !== '' && !folder.includes('node_modules') && isLauncher(join(folder, 'limber')))
      return 'limber';
  }
  const fromHere = relative(process.cwd(), launcher);
  return fromHere === join('bin', 'limber') ? fromHere : launcher;
}

function isLauncher(path: string): boolean {
  try {
    return realpathSync(path) === realpathSync(launcher);
  } catch {
    return false;
  }
}
