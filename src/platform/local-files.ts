/** The files of this machine. */

import { constants, createReadStream, createWriteStream } from 'node:fs';
import { access, cp, mkdir, open, readdir, readFile, rename, rm, stat, statfs } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { type Files, writeFileAtomic } from './files.ts';
import { watchFile } from './watch-file.ts';

export const localFiles: Files = {
  watch: watchFile,
  async list(folder) {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.map((entry) => ({ name: entry.name, isFolder: entry.isDirectory() }));
  },
  read: (path) => readFile(path, 'utf8'),
  async readPart(path, from, length) {
    const file = await open(path, 'r');
    try {
      const part = Buffer.alloc(length);
      const { bytesRead } = await file.read(part, 0, length, from);
      return part.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  },
  async look(path) {
    const found = await stat(path);
    return {
      kind: found.isFile() ? 'file' : found.isDirectory() ? 'folder' : 'other',
      bytes: found.size,
      bornAt: found.birthtimeMs,
    };
  },
  requireUsable: (path) => access(path, constants.R_OK | constants.W_OK),
  write: (path, content, options) => writeFileAtomic(path, content, options),
  async makeFolder(path) {
    await mkdir(path, { recursive: true, mode: 0o700 });
  },
  rename,
  copy: (from, to) => cp(from, to, { recursive: true }),
  copyEnd: (path, from, to) =>
    pipeline(createReadStream(path, { start: from }), createWriteStream(to, { mode: 0o600, flush: true })),
  remove: (path) => rm(path, { force: true }),
  async freeBytes(path) {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize;
  },
};
