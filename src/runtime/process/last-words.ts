/** What an engine said last: for events and errors, so at most 4 KiB, printable, and without secrets. */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { withoutSecrets } from '../../model/hidden-secrets.ts';
import { engineLogName } from '../contract.ts';

const bytesMax = 4096;

/** Bytes of the node's log; 0 when there is none. */
export const logSize = (directory: string): Promise<number> =>
  withFile(join(directory, engineLogName), 0, async (file) => (await file.stat()).size);

/** The last lines of the log; only what came after `since` bytes. Empty when there is nothing. */
export async function readLastWords(directory: string, lines: number, since = 0): Promise<string> {
  const words = withoutSecrets(await tail(join(directory, engineLogName), since))
    .split('\n')
    .filter((line) => line.trim() !== '');
  const text = words.slice(-lines).join('\n');
  return text.length <= bytesMax ? text : `…${text.slice(1 - bytesMax)}`;
}

async function tail(path: string, since: number): Promise<string> {
  return withFile(path, '', async (file) => {
    const { size } = await file.stat();
    const from = Math.max(size - bytesMax, since > size ? 0 : since);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(bytesMax), 0, bytesMax, from);
    return buffer.toString('utf8', 0, bytesRead);
  });
}

type OpenFile = Awaited<ReturnType<typeof open>>;

async function withFile<T>(path: string, otherwise: T, read: (file: OpenFile) => Promise<T>): Promise<T> {
  const file = await open(path, 'r').catch(() => null);
  if (!file) return otherwise;
  try {
    return await read(file);
  } finally {
    await file.close();
  }
}
