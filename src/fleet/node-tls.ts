/**
 * The certificate of one node, in files of its directory. Their names tell what is in them, so that what an engine says of
 * the files that it has loaded is enough to know whether it has the newest.
 */
import { X509Certificate } from 'node:crypto';
import { basename, join } from 'node:path';
import type { TlsFiles } from '../engines/valkey/tls.ts';
import type { CacheNode } from '../model/node.ts';
import type { Cache } from '../model/resource.ts';
import type { Certificate } from '../security/certificates/certificates.ts';
import { fingerprint, isPair } from '../security/certificates/pem.ts';
import { serverNames } from './certificate-names.ts';
import { secretNames } from './connections.ts';
import type { Fleet } from './fleet.ts';

export type TlsParts = Pick<Fleet, 'certificates' | 'dnsZone' | 'log' | 'runtime' | 'store'>;

/** File name → content. */
export type FileContents = Readonly<Record<string, string>>;

/** What a node with TLS starts with. Throws when it has no certificate and none can be issued. */
export async function nodeTls(
  fleet: TlsParts,
  cache: Cache,
  node: CacheNode,
): Promise<{ readonly tls: TlsFiles; readonly files: FileContents }> {
  const certificate = certificateFiles(await goodCertificate(fleet, cache, node));
  const trust = await trustFile(fleet, cache);
  const link = await linkCertificate(fleet, cache);
  const directory = fleet.runtime.directoryOf(node.incarnation);
  return {
    tls: {
      certificate: join(directory, certificate.name),
      key: join(directory, certificate.keyName),
      trust: join(directory, trust.name),
      linkCertificate: join(directory, 'tls-link.crt'),
      linkKey: join(directory, 'tls-link.key'),
    },
    files: {
      ...certificate.files,
      ...trust.files,
      'tls-link.crt': link.certificate,
      'tls-link.key': link.key,
    },
  };
}

/**
 * The one that lies in the node's directory while it is good, else a new one. When none can be issued, one that is only
 * old goes on: clients that still take it are served.
 */
export async function goodCertificate(fleet: TlsParts, cache: Cache, node: CacheNode): Promise<Certificate> {
  const names = await namesOf(fleet, cache, node);
  const present = await presentCertificates(fleet, node);
  for (const one of present)
    if ((await fleet.certificates.whyReplace(one.certificate, names).catch(() => '')) === null) return one;
  try {
    return await fleet.certificates.issue(names);
  } catch (error) {
    const [newest] = present;
    if (!newest) throw error;
    fleet.log.error('no certificate can be issued, and an older one is kept', {
      ...{ node: node.cacheClusterId, error },
    });
    return newest;
  }
}

/** Why the certificate in this file, which the node's process has loaded, has to be replaced; null: it is good. */
export async function whyReplaceLoaded(
  fleet: TlsParts,
  cache: Cache,
  node: CacheNode,
  path: string,
): Promise<string | null> {
  const certificate = await fleet.runtime.files.read(path).catch(() => '');
  // The process has what was in the file when it was loaded, and that is in the name.
  if (certificateFiles({ certificate, key: '' }).name !== basename(path)) return 'its file has changed';
  return await fleet.certificates.whyReplace(certificate, await namesOf(fleet, cache, node));
}

export function certificateFiles({ certificate, key }: Certificate) {
  const stem = `tls-${fingerprint(certificate)}`;
  const [name, keyName] = [`${stem}.crt`, `${stem}.key`];
  return { name, keyName, files: { [name]: certificate, [keyName]: key } as FileContents };
}

/** Whom the nodes of a cache trust: the authorities that sign what listeners show, and the cache's own link certificate. */
export async function trustFile(fleet: TlsParts, cache: Cache) {
  const link = await linkCertificate(fleet, cache);
  const trusted = `${await fleet.certificates.trusted()}${link.certificate}`;
  const name = `tls-trust-${fingerprint(trusted)}.pem`;
  return { name, files: { [name]: trusted } as FileContents };
}

/** Removes files of certificates and authorities that the node's process has not loaded. */
export async function removeOtherTlsFiles(
  { runtime }: Pick<Fleet, 'runtime'>,
  { incarnation }: CacheNode,
  loaded: readonly string[],
): Promise<void> {
  const directory = runtime.directoryOf(incarnation);
  const kept = loaded.map((path) => basename(path));
  for (const { name } of await runtime.files.list(directory))
    if (/^tls-(trust-)?[0-9a-f]{16}\.(crt|key|pem)$/.test(name) && !kept.includes(name))
      await runtime.files.remove(join(directory, name));
}

async function namesOf(fleet: TlsParts, cache: Cache, node: CacheNode) {
  const endpoints = await fleet.store.endpointsOf([cache.incarnation]);
  return serverNames(cache, node, endpoints, fleet.dnsZone);
}

/** With keys that fit; the one that lasts longest first. */
async function presentCertificates(
  { runtime }: TlsParts,
  { incarnation }: CacheNode,
): Promise<Certificate[]> {
  const directory = runtime.directoryOf(incarnation);
  const found: { readonly notAfter: number; readonly pair: Certificate }[] = [];
  for (const { name } of await runtime.files.list(directory).catch(() => [])) {
    if (!/^tls-[0-9a-f]{16}\.crt$/.test(name)) continue;
    const pair = await readPair(runtime, join(directory, name)).catch(() => null);
    if (pair) found.push({ pair, notAfter: Date.parse(new X509Certificate(pair.certificate).validTo) });
  }
  return found.sort((a, b) => b.notAfter - a.notAfter).map(({ pair }) => pair);
}

async function readPair({ files }: Fleet['runtime'], path: string): Promise<Certificate | null> {
  const [certificate, key] = await Promise.all([
    files.read(path),
    files.read(path.replace(/\.crt$/, '.key')),
  ]);
  return isPair({ certificate, key }) ? { certificate, key } : null;
}

async function linkCertificate(
  { store }: Pick<Fleet, 'store'>,
  { id, incarnation }: Cache,
): Promise<Certificate> {
  const [certificate, key] = await Promise.all([
    store.secret(incarnation, secretNames.linkCertificate),
    store.secret(incarnation, secretNames.linkKey),
  ]);
  if (!certificate || !key) throw new Error(`no link certificate is stored for cache ${id}`);
  return { certificate, key };
}
