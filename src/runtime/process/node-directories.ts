/**
 * The directories of nodes: `<data>/nodes/<incarnation>/`, 0700, with the files that were given for it, the
 * engine's `data/`, `engine.log` and the pipe for its output.
 */
import { mkdir, readdir, rename, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../../platform/files.ts';
import { DirectoryUnusable } from '../contract.ts';

/** Free bytes without which no node is started: less would not even hold the log of an engine that says why it cannot work. A judgement. */
const roomBytesMin = 16 * 1024 * 1024;

const trashPrefix = '.trash-';

export interface NodeDirectories {
  readonly root: string;
  of(incarnation: string): string;
  /** Makes the directory. True when this call made it. Throws `DirectoryUnusable`. */
  make(incarnation: string): Promise<boolean>;
  /** Writes the files 0600. They are written again before each start, so a power cut may take them. */
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
    make: (incarnation) => make(root, of(incarnation)),
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

async function make(root: string, directory: string): Promise<boolean> {
  try {
    await mkdir(root, { recursive: true, mode: 0o700 });
    const made = await mkdir(directory, { recursive: true, mode: 0o700 });
    await mkdir(join(directory, 'data'), { recursive: true, mode: 0o700 });
    const { bavail, bsize } = await statfs(directory);
    const freeMiB = Math.floor((bavail * bsize) / 1024 / 1024);
    if (bavail * bsize < roomBytesMin)
      throw new Error(`${freeMiB} MiB are free, a node needs at least ${roomBytesMin / 1024 / 1024}`);
    return made !== undefined;
  } catch (cause) {
    throw new DirectoryUnusable(`making the node directory ${directory}: ${(cause as Error).message}`, {
      cause,
    });
  }
}

async function writeAll(directory: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    if (name.includes('/') || name.startsWith('.')) throw new Error(`not a plain file name: ${name}`);
    await writeFileAtomic(join(directory, name), content, { durable: false });
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
