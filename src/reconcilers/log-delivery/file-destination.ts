/**
 * Delivers into files under the data directory: a folder for each destination's name, a file for each stream, bounded. Nothing of it
 * is synced to the disk by force: it is no more than what the engine's own log survives.
 */
import { createHash } from 'node:crypto';
import { appendFile, mkdir, readdir, rename, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { LogEvent } from '../../model/log-delivery.ts';
import { type LogDestination, type LogStream, streamName } from './destination.ts';

/** One file before is kept. */
const fileBytesMax = 8 * 2 ** 20;

/** `root`: made when first needed. */
export function createFileDestination(root: string): LogDestination {
  return {
    check: (stream) => append(pathOf(root, stream), ''),
    deliver: (stream, events) => append(pathOf(root, stream), events.map(lineOf).join('')),
  };
}

/** Removes the files that nothing has come into since then (milliseconds since 1970), and the folders that are left empty. */
export async function removeOldFiles(folder: string, before: number): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      await removeOldFiles(path, before);
      await rmdir(path).catch(() => {}); // somebody has something in it
    } else {
      const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: before }));
      if (mtimeMs < before) await rm(path, { force: true });
    }
  }
}

const lineOf = ({ text }: LogEvent): string => `${text}\n`;

/** Ids are plain words; the names of a region and of a destination are whatever a request says. */
function pathOf(root: string, stream: LogStream): string {
  const { account, region, destinationType, destination } = stream;
  const folders = [account, region, destinationType, destination].map(folderOf);
  return join(root, ...folders, `${streamName(stream)}.log`);
}

/** Log groups are called `/aws/elasticache/orders`. Two names never share a folder. */
function folderOf(name: string): string {
  const plain = name.replaceAll('/', ':').replace(/^\./, '%2E');
  if (plain.length <= 200) return plain;
  return `${plain.slice(0, 180)}%${createHash('sha256').update(name).digest('hex').slice(0, 16)}`;
}

async function append(path: string, text: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const { size } = await stat(path).catch(() => ({ size: 0 }));
    if (size > 0 && size + text.length > fileBytesMax) await rename(path, `${path}.1`);
    await appendFile(path, text, { mode: 0o600 });
  } catch (cause) {
    throw new Error(`writing ${path}: ${(cause as NodeJS.ErrnoException).code ?? 'failed'}`, { cause });
  }
}
