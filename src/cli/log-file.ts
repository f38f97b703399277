/** The log of a Limber in the background. */
import {
  chmodSync,
  closeSync,
  copyFileSync,
  fstatSync,
  mkdirSync,
  openSync,
  readSync,
  statSync,
  truncateSync,
} from 'node:fs';
import { join } from 'node:path';
import { readDescriptor } from '../platform/proc.ts';
import { CommandFailed } from './arguments.ts';

const logBytesMax = 8 * 1024 * 1024;
const logLookMs = 60_000;
const lastLinesMax = 20;

export function logPath(dataDirectory: string): string {
  return join(dataDirectory, 'limber.log');
}

/** Opens the log for a child's output, which is appended. Throws `CommandFailed`. */
export function openLog(dataDirectory: string) {
  const path = logPath(dataDirectory);
  try {
    mkdirSync(dataDirectory, { recursive: true, mode: 0o700 });
    const descriptor = openSync(path, 'a', 0o600);
    const { size, mode } = fstatSync(descriptor);
    if ((mode & 0o077) !== 0) chmodSync(path, 0o600);
    return { path, descriptor, size };
  } catch (cause) {
    throw new CommandFailed(`the data directory cannot be used: ${(cause as Error).message}`, { cause });
  }
}

/** What was written after the byte `from`; the log of earlier starts says nothing about this one. */
export function lastWords(path: string, from: number): string {
  const descriptor = openSync(path, 'r');
  try {
    const size = fstatSync(descriptor).size;
    const start = Math.max(size < from ? 0 : from, size - 16_384);
    const bytes = Buffer.alloc(Math.max(0, size - start));
    readSync(descriptor, bytes, 0, bytes.length, start);
    return bytes
      .toString()
      .trimEnd()
      .split('\n')
      .slice(-lastLinesMax)
      .map((line) => `  ${line}`.trimEnd())
      .join('\n');
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Sets the log aside while we write to it: it is copied and then cut, since Node cannot exchange the file of a descriptor.
 * It was opened for appending, so that the next line starts the file anew; lines written in between may be lost.
 */
export function keepLogSmall(dataDirectory: string): NodeJS.Timeout | undefined {
  const path = logPath(dataDirectory);
  if (readDescriptor(process.pid, 2) !== path) return undefined;
  const look = () => {
    try {
      if (statSync(path).size <= logBytesMax) return;
      copyFileSync(path, `${path}.1`);
      truncateSync(path);
    } catch {
      // A full disk, or somebody moved it away: the log is not worth more than the service.
    }
  };
  look();
  return setInterval(look, logLookMs).unref();
}
