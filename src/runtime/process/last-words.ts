/** What an engine said last: for events and errors, so at most 4 KiB, printable, and without secrets. */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { logName } from './node-logs.ts';

const bytesMax = 4096;

/** Bytes of the node's log; 0 when there is none. */
export const logSize = (directory: string): Promise<number> =>
  withFile(join(directory, logName), 0, async (file) => (await file.stat()).size);

/** The last lines of the log; only what came after `since` bytes. Empty when there is nothing. */
export async function readLastWords(directory: string, lines: number, since = 0): Promise<string> {
  const words = cleaned(await tail(join(directory, logName), since))
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

/** Engines quote the line of the config file that they reject, and it may be the one with a password. */
function cleaned(text: string): string {
  return text
    .replace(
      /\b(masterauth|primaryauth|requirepass|tls-(?:client-)?key-file-pass)\b(["']?\s+).*/gi,
      '$1$2[hidden]',
    )
    .replace(/([\s"'])[><#!][^\s"']{8,}/g, '$1[hidden]') // passwords and their hashes in access rules
    .replace(/[0-9a-f]{64,}/gi, '[hidden]')
    .replace(/\t/g, ' ')
    .replace(/[^\P{C}\n]/gu, '');
}
