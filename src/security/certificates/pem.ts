/** Reading what stands in PEM files. */
import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';

/** The certificates of a chain, first to last. Throws when one of them cannot be read. */
export function certificatesIn(pem: string): string[] {
  const found = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return found.map((text) => new X509Certificate(text).toString());
}

/** Short and the same for the same text: names of files. */
export const fingerprint = (text: string): string =>
  createHash('sha256').update(text).digest('hex').slice(0, 16);

/** What the first certificate of a chain is good for. */
interface CertificateFacts {
  readonly notBefore: number;
  readonly notAfter: number;
  /** Sorted. */
  readonly dnsNames: readonly string[];
  /** Sorted. */
  readonly addresses: readonly string[];
  isIssuedBy(authority: string): boolean;
}

/** Null for what is no certificate. */
export function readCertificate(chain: string): CertificateFacts | null {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(chain);
  } catch {
    return null;
  }
  const names = (certificate.subjectAltName ?? '')
    .split(', ')
    .map((name) => name.split(':') as [string, string]);
  const ofKind = (kind: string) =>
    names
      .filter(([one]) => one === kind)
      .map(([, name]) => name)
      .sort();
  return {
    notBefore: Date.parse(certificate.validFrom),
    notAfter: Date.parse(certificate.validTo),
    dnsNames: ofKind('DNS'),
    addresses: ofKind('IP Address'),
    isIssuedBy(authority) {
      const issuer = new X509Certificate(authority);
      return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
    },
  };
}

/** True for a certificate and the key that belongs to it; false for anything else. */
export function isPair({
  certificate,
  key,
}: {
  readonly certificate: string;
  readonly key: string;
}): boolean {
  try {
    return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key));
  } catch {
    return false;
  }
}
