/**
 * The private authority that signs the certificates of this Limber's caches: one file, 0600, replaced whole, so that a
 * certificate and the key that belongs to it are never parted. Beside it, for programs, what clients trust.
 */
import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { chmod, link, mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readJson, writeFileAtomic } from '../../platform/files.ts';
import type { Ids } from '../../platform/ids.ts';
import { certificatesIn } from './pem.ts';
import { signatureOf, signCertificate } from './sign.ts';

export interface AuthorityContent {
  /** PEM: the certificate that signs, then those that it was signed by, up to one that clients trust. */
  readonly chain: string;
  /** PEM, PKCS #8. */
  readonly key: string;
  /** PEM: authorities before this one, whose certificates may still be in use. */
  readonly former: string;
  /** Names of the operator's own that lead to caches: they stand in every certificate. */
  readonly names: readonly string[];
}

const dayMs = 86_400_000;
/** How long an authority is valid. Clients keep its certificate in their trust stores, and people have to replace it there. */
const ownValidityMs = 20 * 365 * dayMs;
/** Certificates are valid from this long before they were made: a client's clock may be behind, or ours ahead. A judgement. */
export const backdatedMs = 7 * dayMs;

export const authorityPath = (dataDirectory: string): string => join(dataDirectory, 'authority.json');
/** What clients trust, for programs that want a file. */
export const trustPath = (dataDirectory: string): string => join(dataDirectory, 'ca.pem');

/** PEM of every authority that a client may meet. */
export const trustedBy = ({ chain, former }: AuthorityContent): string => `${chain}${former}`;

/** Null when there is none yet. Throws an Error that says what to do when it is damaged or unreadable. */
export async function readAuthority(dataDirectory: string): Promise<AuthorityContent | null> {
  const path = authorityPath(dataDirectory);
  const content = (await readJson(path)) as Partial<Record<keyof AuthorityContent, unknown>> | null;
  if (content === null) return null;
  const { chain, key, former, names } = content;
  if (typeof chain === 'string' && typeof key === 'string' && typeof former === 'string')
    return { chain, key, former, names: Array.isArray(names) ? names.map(String) : [] };
  throw new Error(
    `${path} does not hold an authority; restore it, or move it away to have a new one made, which clients then have to trust`,
  );
}

/** Reads the authority, or makes it. Of two that do so at once one makes it and both get the same. */
export async function loadOrCreateAuthority(
  dataDirectory: string,
  now: number,
  ids: Pick<Ids, 'incarnation'>,
): Promise<AuthorityContent> {
  const known = await readAuthority(dataDirectory);
  if (known) {
    await closeToOthers(authorityPath(dataDirectory));
    return known;
  }
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const chain = await signCertificate(
    {
      commonName: `Limber CA ${ids.incarnation().slice(0, 8)}`,
      publicKey,
      notBefore: now - backdatedMs,
      notAfter: now + ownValidityMs,
      usage: 'authority',
    },
    { certificate: null, key: privateKey },
  );
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  await mkdir(dataDirectory, { recursive: true, mode: 0o700 });
  return await putUnlessThere(dataDirectory, ids.incarnation(), { chain, key, former: '', names: [] });
}

/** A rename would replace the authority that another Limber has just made, and perhaps signed with; a hard link fails instead. */
async function putUnlessThere(
  dataDirectory: string,
  suffix: string,
  made: AuthorityContent,
): Promise<AuthorityContent> {
  const path = authorityPath(dataDirectory);
  const temporary = `${path}.${suffix}`;
  let content = made;
  try {
    await writeFileAtomic(temporary, `${JSON.stringify(made, null, 2)}\n`);
    await link(temporary, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    content = (await readAuthority(dataDirectory)) ?? made;
  } finally {
    await rm(temporary, { force: true });
  }
  await writeFileAtomic(trustPath(dataDirectory), trustedBy(content));
  return content;
}

/**
 * Takes an authority of the operator's own in place of the present one, which stays trusted until it expires. Throws an
 * Error that says what is wrong with it. `chain`: the certificate that signs first, then its own issuers.
 */
export async function replaceAuthority(
  dataDirectory: string,
  given: { readonly chain: string; readonly key: string },
  now: number,
): Promise<AuthorityContent> {
  const [first, ...issuers] = certificatesIn(given.chain);
  if (first === undefined) throw new Error('there is no certificate in the file');
  const certificate = new X509Certificate(first);
  const key = readKey(given.key);
  if (!certificate.ca)
    throw new Error(`${nameOf(certificate)} is not an authority: it must not sign certificates`);
  if (!certificate.checkPrivateKey(key)) throw new Error(`the key does not belong to ${nameOf(certificate)}`);
  if (signatureOf(key) === null) throw new Error('an authority has an RSA, P-256 or P-384 key');
  if (Date.parse(certificate.validTo) <= now)
    throw new Error(`${nameOf(certificate)} has expired, ${certificate.validTo}`);
  const last = new X509Certificate(issuers.at(-1) ?? first);
  if (!last.checkIssued(last))
    throw new Error(
      `${nameOf(last)} was signed by another authority: put its certificate, up to the root, behind it in the file`,
    );
  const present = await readAuthority(dataDirectory);
  const chain = [first, ...issuers].join('');
  const former = certificatesIn(present ? trustedBy(present) : '').filter(
    (one) => !chain.includes(one) && Date.parse(new X509Certificate(one).validTo) > now,
  );
  const content = {
    chain,
    key: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
    former: former.join(''),
    names: present?.names ?? [],
  };
  await writeFileAtomic(authorityPath(dataDirectory), `${JSON.stringify(content, null, 2)}\n`);
  await writeFileAtomic(trustPath(dataDirectory), trustedBy(content));
  return content;
}

/** Throws an Error that says which name is none. */
export async function setNames(
  dataDirectory: string,
  names: readonly string[],
  now: number,
  ids: Pick<Ids, 'incarnation'>,
): Promise<void> {
  const label = '[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?';
  const form = new RegExp(`^(\\*\\.)?${label}(\\.${label})*$`);
  const wrong = names.find((name) => name.length > 253 || !form.test(name));
  if (wrong !== undefined)
    throw new Error(
      `${JSON.stringify(wrong)} is no name: expected one such as redis.example.com or *.caches.example.com`,
    );
  const content = { ...(await loadOrCreateAuthority(dataDirectory, now, ids)), names: [...new Set(names)] };
  await writeFileAtomic(authorityPath(dataDirectory), `${JSON.stringify(content, null, 2)}\n`);
}

/** The library's own words are left out: they may quote the file. */
function readKey(pem: string) {
  try {
    return createPrivateKey(pem);
  } catch {
    throw new Error('the key cannot be read: expected PEM without a passphrase');
  }
}

const nameOf = ({ subject }: X509Certificate): string => JSON.stringify(subject.replaceAll('\n', ', '));

async function closeToOthers(path: string): Promise<void> {
  if (((await stat(path)).mode & 0o077) !== 0) await chmod(path, 0o600);
}
