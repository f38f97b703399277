/** The certificates of caches: issued for names and addresses, and when one has to be replaced. */
import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Clock } from '../../platform/clock.ts';
import type { Ids } from '../../platform/ids.ts';
import {
  type AuthorityContent,
  backdatedMs,
  loadOrCreateAuthority,
  trustedBy,
  trustPath,
} from './authority-file.ts';
import { certificatesIn, readCertificate } from './pem.ts';
import { signCertificate } from './sign.ts';

/** What a listener is reached by, beside the operator's own names. */
export interface ServerNames {
  readonly commonName: string;
  /** `*.orders.ab12cd.use1.cache.internal` covers one label. */
  readonly dnsNames: readonly string[];
  readonly addresses: readonly string[];
}

/** PEM both; the certificate is followed by those that a client needs on the way to the root that it trusts. */
export interface Certificate {
  readonly certificate: string;
  readonly key: string;
}

export interface Certificates {
  /** PEM of what clients and nodes trust, also while the authority itself cannot be read. Makes the authority when there is none yet. */
  trusted(): Promise<string>;
  /** A new key and its certificate. Throws when the authority cannot sign: damaged, expired. */
  issue(names: ServerNames): Promise<Certificate>;
  /** Why such a certificate has to be replaced, for people; null: it is good. Also says so of what is no certificate. */
  whyReplace(certificate: string, names: ServerNames): Promise<string | null>;
}

const dayMs = 86_400_000;
const validityMs = 90 * dayMs;

export function createCertificates(options: {
  readonly dataDirectory: string;
  readonly clock: Pick<Clock, 'now'>;
  readonly ids: Pick<Ids, 'incarnation'>;
}): Certificates {
  const { dataDirectory, clock, ids } = options;
  // Read anew each time: the operator may have brought another one.
  const authority = () => loadOrCreateAuthority(dataDirectory, clock.now(), ids);
  return {
    async trusted() {
      try {
        return trustedBy(await authority());
      } catch (error) {
        // Nothing can be signed with a damaged authority, and what it has signed is as good as before.
        const trusted = await readFile(trustPath(dataDirectory), 'utf8').catch(() => null);
        if (trusted === null) throw error;
        return trusted;
      }
    },
    async issue(names) {
      const content = await authority();
      return await issue(content, withOwn(content, names), clock.now());
    },
    async whyReplace(certificate, names) {
      const content = await authority();
      return whyReplace(content, certificate, withOwn(content, names), clock.now());
    },
  };
}

async function issue(
  { chain, key }: AuthorityContent,
  names: ServerNames,
  now: number,
): Promise<Certificate> {
  const [signer = '', ...issuers] = certificatesIn(chain);
  const authorityEnds = Date.parse(new X509Certificate(signer).validTo);
  if (authorityEnds <= now)
    throw new Error(
      `the authority of this Limber expired ${new Date(authorityEnds).toISOString()}: bring another one, see limber help ca`,
    );
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const certificate = await signCertificate(
    {
      ...names,
      publicKey,
      notBefore: now - backdatedMs,
      notAfter: Math.min(now + validityMs, authorityEnds),
      usage: 'server',
    },
    { certificate: signer, key: createPrivateKey(key) },
  );
  return {
    certificate: [certificate, ...withoutRoot([signer, ...issuers])].join(''),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

const withOwn = ({ names: own }: AuthorityContent, names: ServerNames): ServerNames => ({
  ...names,
  dnsNames: [...new Set([...names.dnsNames, ...own])],
});

/** The root certificate is not sent along: a client that trusts it has it, and one that has it not would not trust it. */
function withoutRoot(chain: readonly string[]): readonly string[] {
  return chain.filter((pem) => {
    const certificate = new X509Certificate(pem);
    return !certificate.checkIssued(certificate);
  });
}

function whyReplace(
  { chain }: AuthorityContent,
  certificate: string,
  names: ServerNames,
  now: number,
): string | null {
  const facts = readCertificate(certificate);
  if (!facts) return 'it cannot be read';
  const { notBefore, notAfter, dnsNames, addresses } = facts;
  const [signer = ''] = certificatesIn(chain);
  if (!facts.isIssuedBy(signer)) return 'another authority has signed it';
  if (notBefore > now) return `it is not valid before ${new Date(notBefore).toISOString()}`;
  // A certificate is replaced when a third of its time is left: people then have time to act when that fails.
  if (notAfter - now < (notAfter - notBefore - backdatedMs) / 3)
    return `it expires ${new Date(notAfter).toISOString()}`;
  const isSame = (some: readonly string[], others: readonly string[]) =>
    JSON.stringify([...some].sort()) === JSON.stringify(others);
  if (!isSame(names.dnsNames, dnsNames) || !isSame(names.addresses, addresses))
    return 'names or addresses have changed';
  return null;
}

/**
 * The certificate with which the nodes of one cache log in at each other. It is signed with its own key, and is the only one for
 * that use which these nodes trust: no certificate of anybody else opens the bus of the cluster, whoever has signed it. A cache
 * keeps it for as long as it exists.
 */
export async function issueLinkCertificate(commonName: string, now: number): Promise<Certificate> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const certificate = await signCertificate(
    { commonName, publicKey, notBefore: now - backdatedMs, notAfter: now + linkValidityMs, usage: 'client' },
    { certificate: null, key: privateKey },
  );
  return { certificate, key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
}

const linkValidityMs = 30 * 365 * dayMs;
