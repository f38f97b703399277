/** Writes files so that a reader finds them whole or not at all: into a file beside, which is then renamed. */
import { open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

interface WriteOptions {
  /** Default 0600: what Limber writes may hold secrets. */
  readonly mode?: number;
  /**
   * Also survives a power cut (fsync of file and directory). Default true; false for what is written anew
   * before each use.
   */
  readonly durable?: boolean;
}

/**
 * The files of the nodes that a runtime runs, by absolute paths where it runs them. `localFiles`: on this machine. All
 * throw what the file system says, with the codes of node:fs.
 */
export interface Files {
  list(folder: string): Promise<readonly { readonly name: string; readonly isFolder: boolean }[]>;
  read(path: string): Promise<string>;
  /** Reads `length` bytes from `from` on; fewer where the file ends before. */
  readPart(path: string, from: number, length: number): Promise<Buffer>;
  look(path: string): Promise<FileFacts>;
  /** Throws unless this process may read and write the file. */
  requireUsable(path: string): Promise<void>;
  /** Writes a file, whole or not at all, mode 0600; it is on disk when this resolves, unless `durable` is false. */
  write(path: string, content: string, options?: Pick<WriteOptions, 'durable'>): Promise<void>;
  /** Makes a folder, and those above it, mode 0700. May be repeated. */
  makeFolder(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Copies a file, or a folder with all that is in it. */
  copy(from: string, to: string): Promise<void>;
  /** Copies the bytes from `from` on into a file of their own, mode 0600; it is on disk when this resolves. */
  copyEnd(path: string, from: number, to: string): Promise<void>;
  /** Removes a file. May be repeated. */
  remove(path: string): Promise<void>;
  /**
   * Calls back a moment after each change of a file that is replaced as a whole; several may be one call. A hint only:
   * look at what it means. Costs nothing while nothing changes. Returns how to stop.
   */
  watch(path: string, onChange: () => void): () => void;
  /** Free bytes of the file system that holds the path. */
  freeBytes(path: string): Promise<number>;
}

interface FileFacts {
  readonly kind: 'file' | 'folder' | 'other';
  readonly bytes: number;
  /** Milliseconds since 1970; a rename does not change it. */
  readonly bornAt: number;
}

let counter = 0;

/** Readers see the old content or the new one. Throws what the file system says; the old content stays then. */
export async function writeFileAtomic(
  path: string,
  content: string | Uint8Array,
  { mode = 0o600, durable = true }: WriteOptions = {},
): Promise<void> {
  counter += 1;
  const temporary = `${path}.${process.pid}-${counter}.tmp`;
  try {
    await writeNew(temporary, content, mode, durable);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  if (durable) await syncDirectory(dirname(path));
}

/** The parsed content, unchecked; null when there is no such file. Throws when it is not JSON. */
export async function readJson(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own words are left out: they quote the content, which may be secret.
    throw new Error(`${path} is not valid JSON (${text.length} characters); move it away or restore it`);
  }
}

async function writeNew(path: string, content: string | Uint8Array, mode: number, durable: boolean) {
  await rm(path, { force: true }); // left by a dead process that had our number
  const file = await open(path, 'wx', mode);
  try {
    await file.chmod(mode); // whatever the umask is
    await file.writeFile(content);
    if (durable) await file.sync();
  } finally {
    await file.close();
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(join(path, '.'), 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
