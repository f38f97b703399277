/**
 * The directories of nodes: `<data>/nodes/<incarnation>/`, 0700, with the files that were given for it, the
 * engine's `data/`, `engine.log` and the pipe for its output.
 */
import { existsSync } from 'node:fs';
import { mkdir, open, readdir, rename, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../../platform/files.ts';
import { DirectoryUnusable } from '../contract.ts';

const trashPrefix = '.trash-';

export interface NodeDirectories {
  readonly root: string;
  of(incarnation: string): string;
  /** Makes the directory. True when this call made it. Throws `DirectoryUnusable`, also when less than `roomBytes` are free. */
  make(incarnation: string, roomBytes: number): Promise<boolean>;
  /**
   * Writes the files 0600; the node must be down. They are written again before each start, so a power cut may take them.
   * Throws `DirectoryUnusable`.
   */
  write(incarnation: string, files: Readonly<Record<string, string>>): Promise<void>;
  remove(incarnation: string): Promise<void>;
  list(): Promise<string[]>;
}

export function nodeDirectories(root: string): NodeDirectories {
  const of = (incarnation: string) => join(root, checked(incarnation));
  const removing = new Set<string>();
  return {
    root,
    of,
    make: (incarnation, roomBytes) => make(root, of(incarnation), roomBytes),
    write: (incarnation, files) => writeAll(of(incarnation), files),
    async remove(incarnation) {
      removing.add(incarnation);
      try {
        await removeWhole(root, checked(incarnation));
        await removeLeftovers(root, removing);
      } finally {
        removing.delete(incarnation);
      }
    },
    async list() {
      const entries = await readdir(root, { withFileTypes: true });
      return entries.filter((entry) => entry.isDirectory() && isName(entry.name)).map(({ name }) => name);
    },
  };
}

function isName(incarnation: string): boolean {
  return /^[0-9A-Za-z][0-9A-Za-z_-]{0,63}$/.test(incarnation);
}

/** Throws for a name that is no incarnation: it becomes part of a path that is removed recursively. */
function checked(incarnation: string): string {
  if (!isName(incarnation)) throw new Error(`not the incarnation of a node: ${JSON.stringify(incarnation)}`);
  return incarnation;
}

async function make(root: string, directory: string, roomBytes: number): Promise<boolean> {
  try {
    await mkdir(root, { recursive: true, mode: 0o700 });
    const made = await mkdir(directory, { recursive: true, mode: 0o700 });
    await mkdir(join(directory, 'data'), { recursive: true, mode: 0o700 });
    const { bavail, bsize } = await statfs(directory);
    if (bavail * bsize < roomBytes)
      throw new Error(
        `${mebibytes(bavail * bsize)} MiB are free, a node that keeps its data on disk needs at least ${mebibytes(roomBytes)}`,
      );
    return made !== undefined;
  } catch (cause) {
    throw new DirectoryUnusable(`making the node directory ${directory}: ${(cause as Error).message}`, {
      cause,
    });
  }
}

const mebibytes = (bytes: number): number => Math.floor(bytes / 2 ** 20);

async function writeAll(directory: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    if (name.includes('/') || name.startsWith('.')) throw new Error(`not a plain file name: ${name}`);
    const path = join(directory, name);
    try {
      await writeFileAtomic(path, content, { durable: false }).catch((error: unknown) => {
        if (!isFull(error) || !existsSync(path)) throw error;
        // A full disk has no room for a second copy. Nobody reads this one before it was written to its end.
        return overwrite(path, content);
      });
    } catch (cause) {
      const what = `writing ${path} (${Buffer.byteLength(content)} bytes, which every node needs)`;
      throw new DirectoryUnusable(`${what}: ${(cause as Error).message}`, { cause });
    }
  }
}

const isFull = (error: unknown): boolean =>
  ['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? '');

/** Into the blocks that the file has. Throws ENOSPC when it was shorter. */
async function overwrite(path: string, content: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    const bytes = Buffer.from(content);
    for (let at = 0; at < bytes.length; )
      at += (await file.write(bytes, at, bytes.length - at, at)).bytesWritten;
    await file.truncate(bytes.length);
  } finally {
    await file.close();
  }
}

/** Deletes a directory, which is renamed first: one that is only half deleted must never be taken for a node's. */
async function removeWhole(root: string, incarnation: string): Promise<void> {
  const trash = join(root, trashPrefix + incarnation);
  await rm(trash, { recursive: true, force: true });
  try {
    await rename(join(root, incarnation), trash);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  await rm(trash, { recursive: true, force: true });
}

/** Deletes what a Limber that died in `removeWhole` has left. */
async function removeLeftovers(root: string, removing: ReadonlySet<string>): Promise<void> {
  for (const name of await readdir(root)) {
    if (!name.startsWith(trashPrefix) || removing.has(name.slice(trashPrefix.length))) continue;
    await rm(join(root, name), { recursive: true, force: true });
  }
}
