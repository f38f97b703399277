/**
 * The access key of whoever runs this Limber, made at the first start. It lies in a file of its own, because the
 * CLI must read it while Limber is not running, and because only the file's owner may (0600).
 */
import { chmod, link, mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readJson, writeFileAtomic } from '../platform/files.ts';
import type { Ids } from '../platform/ids.ts';

export interface RootCredentials {
  /** 20 characters: `LKIA` and 16 of A-Z and 2-7, the shape of AWS's `AKIA…`. */
  readonly accessKeyId: string;
  /** 40 letters and digits. AWS's have `/` and `+` too, which people's scripts quote badly. */
  readonly secretAccessKey: string;
  /** Twelve digits. */
  readonly account: string;
}

/** The account that owns everything here; part of ARNs. No customer of AWS has it. */
const rootAccount = '000000000000';

export function rootCredentialsPath(dataDirectory: string): string {
  return join(dataDirectory, 'credentials.json');
}

/** Null when there are none yet. Throws an Error that says what to do when the file is damaged or unreadable. */
export async function readRootCredentials(dataDirectory: string): Promise<RootCredentials | null> {
  const path = rootCredentialsPath(dataDirectory);
  let content: unknown;
  try {
    content = await readJson(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw error;
    throw new Error(`${path} cannot be read by this user; run as the user who started Limber`, {
      cause: error,
    });
  }
  if (content === null) return null;
  if (isRootCredentials(content)) return content;
  throw new Error(`${path} does not hold an access key; restore it, or move it away to have a new one made`);
}

/**
 * Reads the credentials, or makes them, with the directory, where there are none. Of two that start at once one
 * makes them and both get the same. A file that others could read is closed to them.
 */
export async function loadOrCreateRootCredentials(
  dataDirectory: string,
  ids: Pick<Ids, 'secret' | 'incarnation'>,
): Promise<RootCredentials> {
  const known = await readRootCredentials(dataDirectory);
  if (known) {
    await closeToOthers(rootCredentialsPath(dataDirectory));
    return known;
  }
  await mkdir(dataDirectory, { recursive: true, mode: 0o700 });
  const made: RootCredentials = {
    accessKeyId: `LKIA${base32(ids.secret()).slice(0, 16)}`,
    secretAccessKey: Buffer.from(ids.secret(), 'hex').toString('base64').replace(/[+/]/g, 'x').slice(0, 40),
    account: rootAccount,
  };
  return await putUnlessThere(dataDirectory, ids.incarnation(), made);
}

/** A rename would replace the key that another Limber has just made, and perhaps handed out; a hard link fails instead. */
async function putUnlessThere(
  dataDirectory: string,
  suffix: string,
  made: RootCredentials,
): Promise<RootCredentials> {
  const path = rootCredentialsPath(dataDirectory);
  const temporary = `${path}.${suffix}`;
  try {
    await writeFileAtomic(temporary, `${JSON.stringify(made, null, 2)}\n`);
    await link(temporary, path);
    return made;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return (await readRootCredentials(dataDirectory)) ?? made;
  } finally {
    await rm(temporary, { force: true });
  }
}

async function closeToOthers(path: string): Promise<void> {
  if (((await stat(path)).mode & 0o077) !== 0) await chmod(path, 0o600);
}

function isRootCredentials(content: unknown): content is RootCredentials {
  const { accessKeyId, secretAccessKey, account } = content as Partial<Record<string, unknown>>;
  return (
    typeof accessKeyId === 'string' &&
    /^\w{16,128}$/.test(accessKeyId) &&
    typeof secretAccessKey === 'string' &&
    secretAccessKey.length >= 40 &&
    typeof account === 'string' &&
    /^\d{12}$/.test(account)
  );
}

const base32Digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

function base32(hex: string): string {
  return [...Buffer.from(hex, 'hex')].map((byte) => base32Digits[byte % 32]).join('');
}
