/**
 * Where the Limber of a data directory serves, or served last: `<data>/limber.json`, written by `up` once it
 * serves and never removed. The file does not say whether that Limber still runs: its process and its answer do.
 */
import { get } from 'node:http';
import { basename, dirname, join } from 'node:path';
import { readJson, writeFileAtomic } from '../platform/files.ts';
import { bootId, isDead, listDescriptors, readDescriptor, readProcess } from '../platform/proc.ts';

export interface StartRecord {
  readonly pid: number;
  /** Clock ticks since boot, and the boot: a pid alone is reused. */
  readonly startTime: number;
  readonly bootId: string;
  readonly port: number;
  /** CIDR. */
  readonly pool: string;
  readonly dnsZone: string | null;
  /** Where the zone is served, on 127.0.0.1; null without one. */
  readonly dnsPort: number | null;
  readonly version: string;
  /** ISO 8601. */
  readonly startedAt: string;
}

/**
 * `serving`: it answers on its port. `silent`: its process is there, but does not answer. `stopped`: it is gone;
 * without a record none has ever served here.
 */
export type Presence =
  | { readonly kind: 'serving' | 'silent'; readonly record: StartRecord }
  | { readonly kind: 'stopped'; readonly record: StartRecord | null };

const healthDeadlineMs = 2_000;

export function startRecordPath(dataDirectory: string): string {
  return join(dataDirectory, 'limber.json');
}

export async function writeStartRecord(
  dataDirectory: string,
  started: Pick<StartRecord, 'port' | 'pool' | 'dnsZone' | 'dnsPort' | 'version'>,
): Promise<void> {
  const record: StartRecord = {
    ...started,
    pid: process.pid,
    startTime: readProcess(process.pid)?.startTime ?? 0,
    bootId: bootId(),
    startedAt: new Date().toISOString(),
  };
  await writeFileAtomic(startRecordPath(dataDirectory), `${JSON.stringify(record, null, 2)}\n`);
}

/** The record; null when none was written, or it cannot be used: all of it can be found out anew. */
export async function readStartRecord(dataDirectory: string): Promise<StartRecord | null> {
  const content = (await readJson(startRecordPath(dataDirectory)).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'EACCES') throw error;
    return null;
  })) as Partial<StartRecord> | null;
  const isUsable = typeof content?.pid === 'number' && typeof content.port === 'number';
  return isUsable ? (content as StartRecord) : null;
}

/** Looks whether the Limber of this data directory runs; at most 2 s, as a rule 5 ms. */
export async function findLimber(dataDirectory: string): Promise<Presence> {
  const record = await readStartRecord(dataDirectory);
  if (!record || !isRunning(record)) return { kind: 'stopped', record };
  const pid = await askHealth(record.port);
  if (pid === record.pid) return { kind: 'serving', record };
  return isRunning(record) ? { kind: 'silent', record } : { kind: 'stopped', record };
}

/** True when that very process lives; one that is dead and not yet reaped does not. */
export function isRunning(record: StartRecord): boolean {
  if (record.bootId !== bootId()) return false;
  const stat = readProcess(record.pid);
  return stat !== null && stat.startTime === record.startTime && !isDead(stat);
}

/**
 * The data directory that this Limber has open. `/healthz` does not tell it, since anybody may ask there; null when its
 * process is of another user.
 */
export function dataDirectoryOf(pid: number): string | null {
  const open = listDescriptors(pid).map((descriptor) => readDescriptor(pid, descriptor));
  const database = open.find((path) => path !== null && basename(path) === 'state.db');
  return database ? dirname(database) : null;
}

/** `another Limber (pid 1234, data directory /home/me/.limber)`. */
export function describeLimber(pid: number): string {
  const directory = dataDirectoryOf(pid);
  return `another Limber (pid ${pid}, ${directory === null ? 'of another user' : `data directory ${directory}`})`;
}

/** The pid of the Limber that serves on this port, from `GET /healthz`; null when none answers in time. */
export function askHealth(port: number, deadlineMs = healthDeadlineMs): Promise<number | null> {
  return new Promise((resolve) => {
    const request = get({ host: '127.0.0.1', port, path: '/healthz', agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
        if (text.length > 65_536) finish(null);
      });
      response.on('error', () => finish(null));
      response.on('end', () => finish(response.statusCode === 200 ? parsePid(text) : null));
    });
    const timer = setTimeout(() => finish(null), deadlineMs);
    const finish = (pid: number | null) => {
      clearTimeout(timer);
      request.destroy();
      resolve(pid);
    };
    request.on('error', () => finish(null));
  });
}

function parsePid(text: string): number | null {
  try {
    const { pid } = JSON.parse(text) as { readonly pid?: unknown };
    return typeof pid === 'number' ? pid : null;
  } catch {
    return null;
  }
}
