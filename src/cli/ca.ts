import { readFile } from 'node:fs/promises';
import { systemClock } from '../platform/clock.ts';
import { systemIds } from '../platform/ids.ts';
import {
  loadOrCreateAuthority,
  readAuthority,
  replaceAuthority,
  setNames,
  trustedBy,
} from '../security/certificates/authority-file.ts';
import { connectAdmin } from './admin-client.ts';
import { CommandFailed, dataOption, readArguments, readDataDirectory, UsageError } from './arguments.ts';

export const usage = `Usage: limber ca [--data DIR]
       limber ca import CERTIFICATE KEY [--data DIR]
       limber ca names [NAME ... | none] [--data DIR]

Prints, as PEM, the certificate of the authority that signs the certificates of this Limber's caches: what a client
with rediss:// has to trust. The same lies in ca.pem in the data directory.

  limber ca > ca.pem
  valkey-cli --tls --cacert ca.pem -h HOST

limber ca import takes an authority of your own in its place. CERTIFICATE is a PEM file with the certificate that is to
sign and, behind it, those that it was signed by, up to the root that clients trust; KEY is its key, without a
passphrase. Caches get certificates of the new one without a restart and without losing a connection. The former one
stays in what is printed until it expires, so that clients can be told first.

limber ca names says which names of your own stand in every certificate, beside those that Limber gives, and with names
sets them: for CNAMEs and other names that lead to your caches.

  limber ca names redis.example.com '*.caches.example.com'`;

export async function run(argv: string[]): Promise<number> {
  const { values, positionals } = readArguments(argv, dataOption, 100);
  const [word, ...rest] = positionals;
  const dataDirectory = readDataDirectory(values.data);
  if (word === undefined) {
    const authority =
      (await readAuthority(dataDirectory)) ??
      (await loadOrCreateAuthority(dataDirectory, systemClock.now(), systemIds));
    process.stdout.write(trustedBy(authority));
    return 0;
  }
  if (word === 'names') return await names(dataDirectory, rest);
  const [certificatePath, keyPath, more] = rest;
  if (word !== 'import' || certificatePath === undefined || keyPath === undefined || more !== undefined)
    throw new UsageError('expected limber ca, limber ca import CERTIFICATE KEY, or limber ca names');
  return await takeAuthority(dataDirectory, certificatePath, keyPath);
}

async function names(dataDirectory: string, given: readonly string[]): Promise<number> {
  if (given.length === 0) {
    for (const name of (await readAuthority(dataDirectory))?.names ?? []) console.log(name);
    return 0;
  }
  const wanted = given.length === 1 && given[0] === 'none' ? [] : given.map((name) => name.toLowerCase());
  const since = systemClock.now();
  await setNames(dataDirectory, wanted, since, systemIds).catch((error: Error) => {
    throw new CommandFailed(error.message, { cause: error });
  });
  return await renew(dataDirectory, 'The names are noted.', since);
}

async function takeAuthority(
  dataDirectory: string,
  certificatePath: string,
  keyPath: string,
): Promise<number> {
  const given = { chain: await read(certificatePath), key: await read(keyPath) };
  const since = systemClock.now();
  await replaceAuthority(dataDirectory, given, since).catch((error: Error) => {
    throw new CommandFailed(`${certificatePath} cannot be the authority: ${error.message}`, { cause: error });
  });
  return await renew(dataDirectory, 'The authority is taken.', since);
}

/** Caches get their certificates at once where Limber runs, else when it is started. `since`: when that began to be done. */
async function renew(dataDirectory: string, done: string, since: number): Promise<number> {
  const admin = await connectAdmin(dataDirectory);
  if (!admin) {
    console.log(`${done} Caches get their certificates when Limber is started.`);
    return 0;
  }
  const { replaced, failed } = await admin.call('renew-certificates', { since });
  for (const { node, reason } of failed)
    console.error(`limber: ${node} keeps its certificate for now: ${reason}`);
  console.log(`${done} Certificates that were replaced: ${replaced}.`);
  return failed.length === 0 ? 0 : 1;
}

async function read(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new CommandFailed(`${path} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}
