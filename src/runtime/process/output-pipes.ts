/**
 * The pipes that nodes write their output into: named ones, since the next Limber has to find them. Node cannot make
 * one, so they are made by `mkfifo`, many at a time (6 ms), and wait in a folder until a node's directory needs one.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { DirectoryUnusable } from '../contract.ts';

/** In each node's directory. */
export const pipeName = 'output.pipe';

const folder = '.pipes';
const batch = 16;

interface OutputPipes {
  /** Gives the directory its pipe; one that is there stays. Throws `DirectoryUnusable`. */
  ensure(directory: string): Promise<void>;
}

/** `root`: a folder on the same file system as the directories. */
export function createOutputPipes(root: string): OutputPipes {
  const home = join(root, folder);
  let spare: string[] = [];
  let filling: Promise<void> | null = null;

  /** Makes some, or finds those that an earlier Limber had to spare. */
  async function fill(): Promise<void> {
    await mkdir(home, { recursive: true, mode: 0o700 });
    const left = (await readdir(home)).map((name) => join(home, name));
    if (left.length === 0) await promisify(execFile)('mkfifo', ['-m', '600', ...newPaths(home)]);
    spare = left.length > 0 ? left : (await readdir(home)).map((name) => join(home, name));
  }

  async function take(path: string): Promise<void> {
    for (;;) {
      const one = spare.pop();
      try {
        if (one) return await rename(one, path);
      } catch (error) {
        // Somebody has cleared the folder, or put another file system in its place; or the node was destroyed meanwhile.
        const isGone = !existsSync(dirname(path));
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || isGone) throw error;
        spare = [];
      }
      filling ??= fill().finally(() => {
        filling = null;
      });
      await filling;
    }
  }

  return {
    async ensure(directory) {
      const path = join(directory, pipeName);
      if ((await stat(path).catch(() => null))?.isFIFO()) return;
      try {
        await take(path);
      } catch (cause) {
        const reason = (cause as Error).message.trim();
        throw new DirectoryUnusable(`making the pipe for the output of ${directory}: ${reason}`, { cause });
      }
    },
  };
}

const newPaths = (home: string): readonly string[] =>
  Array.from({ length: batch }, (_, number) => join(home, `${process.pid}-${number}`));
