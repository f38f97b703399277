/**
 * The folder in which an engine keeps its append-only file: a manifest, a base, increments. An engine ends at its
 * start when one of them is missing or not what it should be, with two exceptions that lose data without a word: without
 * a manifest it starts empty and writes over the other files, and an empty base file counts as one without keys. So
 * the folder is looked at before each start.
 */
import { join } from 'node:path';
import type { Files } from '../../platform/files.ts';

export interface AppendOnlyFile {
  readonly name: string;
  /** Absolute. */
  readonly path: string;
  /** An increment can be cut before its damage; a base is whole or lost. */
  readonly isBase: boolean;
}

/**
 * `missing`: nothing was ever kept there. `whole`: the files that the manifest names, in the order in which they are
 * read; what is in them was not looked at. `unreadable`: the engine cannot start from it, or would lose data.
 */
type AppendOnlyFolder =
  | { readonly kind: 'missing' }
  | { readonly kind: 'whole'; readonly files: readonly AppendOnlyFile[] }
  | {
      readonly kind: 'unreadable';
      readonly problem: string;
      /** The rights are wrong, and the files may be well: nothing is gained by moving them. */
      readonly isForbidden: boolean;
    };

export const folderName = 'appendonlydir';
const manifestName = 'appendonly.aof.manifest';
/** As the engines name them. Numbers grow with each rewrite. */
const fileName = /^appendonly\.aof\.(\d+)\.(base\.(?:rdb|aof)|incr\.aof)$/;

const unreadable = (problem: string, isForbidden = false): AppendOnlyFolder => ({
  kind: 'unreadable',
  problem,
  isForbidden,
});

/** `directory`: the node's data directory. A fraction of a millisecond. The engine may run. */
export async function readAppendOnlyFolder(files: Files, directory: string): Promise<AppendOnlyFolder> {
  for (let attempt = 1; ; attempt += 1) {
    const before = await readManifest(files, directory);
    if (typeof before !== 'string') return before;
    const found = await judge(files, directory, before);
    // A running engine deletes what it has just taken off its list.
    if (found.kind !== 'unreadable' || attempt === 3 || before === (await readManifest(files, directory)))
      return found;
  }
}

async function readManifest(files: Files, directory: string): Promise<string | AppendOnlyFolder> {
  const folder = join(directory, folderName);
  try {
    const names = (await files.list(folder)).map(({ name }) => name);
    if (names.includes(manifestName)) return await files.read(join(folder, manifestName));
    if (!names.some((name) => fileName.test(name))) return { kind: 'missing' };
    return unreadable(`${manifestName} is missing, and the files that it named are there`);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return { kind: 'missing' };
    const what = code === 'ENOTDIR' ? folderName : manifestName;
    return unreadable(`${what}: ${problems[code] ?? code}`, isForbidden(code));
  }
}

const problems: Readonly<Record<string, string>> = {
  ENOENT: 'it is missing',
  ENOTDIR: 'it is not a folder',
  EISDIR: 'it is a folder',
  EACCES: 'it must not be read',
  EPERM: 'it must not be read',
};
const isForbidden = (code: string): boolean => code === 'EACCES' || code === 'EPERM';

async function judge(where: Files, directory: string, manifest: string): Promise<AppendOnlyFolder> {
  const listed = parseManifest(manifest);
  if (typeof listed === 'string') return unreadable(`${manifestName}: ${listed}`);
  const files = listed.map((file) => ({ ...file, path: join(directory, folderName, file.name) }));
  for (const file of files) {
    const code = await whyUnreadable(where, file);
    if (code !== null) return unreadable(`${file.name}: ${problems[code] ?? code}`, isForbidden(code));
  }
  return { kind: 'whole', files };
}

type Listed = Pick<AppendOnlyFile, 'name' | 'isBase'>;

/**
 * Lines `file NAME seq N type b|i|h`, perhaps with more pairs, and comments; files of type `h` are not read any more.
 * As strict as the engines (aof.c, aofLoadManifestFromFile). Gives what is wrong as a text.
 */
function parseManifest(text: string): readonly Listed[] | string {
  if (text === '') return 'it is empty';
  const lines = text.split('\n');
  if (lines.pop() !== '') return 'its end is missing';
  const files: Listed[] = [];
  let last = 0;
  for (const line of lines.filter((one) => !one.startsWith('#'))) {
    const [, name, number = '', type] =
      /^file ([^\s/"']+) seq (\d+) type ([bih])(?: \S+ \S+)*\s*$/.exec(line) ?? [];
    if (!name || !(Number(number) > 0)) return `a line cannot be read: ${JSON.stringify(line.slice(0, 60))}`;
    if (type === 'b' && files.some((file) => file.isBase)) return 'it names two base files';
    if (type === 'i' && Number(number) <= last) return 'its increments are not in order';
    if (type === 'i') last = Number(number);
    if (type !== 'h') files.push({ name, isBase: type === 'b' });
  }
  if (files.length === 0) return 'it names no file';
  return files.toSorted((a, b) => Number(b.isBase) - Number(a.isBase));
}

/** An error's code; null when the file can be opened as the engine opens it. */
async function whyUnreadable(
  files: Files,
  { name, path }: Pick<AppendOnlyFile, 'name' | 'path'>,
): Promise<string | null> {
  try {
    const found = await files.look(path);
    if (found.kind !== 'file') return found.kind === 'folder' ? 'EISDIR' : 'it is not a file';
    await files.requireUsable(path);
    // One without any key still has a header.
    return found.bytes === 0 && name.endsWith('.rdb') ? 'it is empty' : null;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? (error as Error).message;
  }
}

interface Rebuilt {
  /** Of the new manifest. */
  readonly manifest: string;
  /** Names in the folder that it does not need: to be moved away, since the engine writes over what it does not know. */
  readonly unused: readonly string[];
}

/**
 * What of an unreadable folder can still be read: the base, and the increments that follow it without a gap. Null when
 * there is no base to begin with. For when nobody else has the data. The process must be gone.
 */
export async function planRebuild(files: Files, directory: string): Promise<Rebuilt | null> {
  const folder = join(directory, folderName);
  const names = (await files.list(folder).catch(() => [])).map(({ name }) => name);
  const found = await Promise.all(names.map((name) => describe(files, folder, name)));
  const readable = found.filter((file) => file !== null);
  const text = await files.read(manifestOf(directory)).catch(() => '');
  const listed = parseManifest(text);
  const used = typeof listed === 'string' ? chainOf(readable) : upToGap(listed, readable);
  if (!used[0]?.isBase) return null;
  const lines = used.map(
    ({ name, number, isBase }) => `file ${name} seq ${number} type ${isBase ? 'b' : 'i'}\n`,
  );
  const kept = new Set(used.map(({ name }) => name));
  return { manifest: lines.join(''), unused: names.filter((name) => !kept.has(name)) };
}

interface Found {
  readonly name: string;
  readonly number: number;
  readonly isBase: boolean;
  /** Milliseconds; a rename does not change it. */
  readonly bornAt: number;
}

function upToGap(listed: readonly Listed[], readable: readonly Found[]): readonly Found[] {
  const files = listed.map(({ name }) => readable.find((one) => one.name === name));
  const gap = files.indexOf(undefined);
  return files.slice(0, gap < 0 ? undefined : gap).filter((file) => file !== undefined);
}

/** Without a list. A base is begun right after the increment that goes on from it; older ones are in it already. */
function chainOf(readable: readonly Found[]): readonly Found[] {
  const [base] = readable.filter(({ isBase }) => isBase).toSorted((a, b) => b.number - a.number);
  if (!base) return [];
  const increments = readable.filter(({ isBase }) => !isBase).toSorted((a, b) => a.number - b.number);
  const first = increments.findLastIndex(({ bornAt }) => bornAt <= base.bornAt);
  const own = increments.slice(Math.max(0, first));
  const gap = own.findIndex(({ number }, index) => number !== own[0]!.number + index);
  return [base, ...own.slice(0, gap < 0 ? undefined : gap)];
}

async function describe(files: Files, folder: string, name: string): Promise<Found | null> {
  const [, number, kind] = fileName.exec(name) ?? [];
  const path = join(folder, name);
  if (kind === undefined || (await whyUnreadable(files, { name, path })) !== null) return null;
  const { bornAt } = await files.look(path);
  return { name, number: Number(number), isBase: kind !== 'incr.aof', bornAt };
}

export const manifestOf = (directory: string): string => join(directory, folderName, manifestName);
