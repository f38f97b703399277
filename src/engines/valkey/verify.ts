/**
 * How a control connection with TLS knows the engine. Like every client, but for one thing: a certificate that has expired,
 * or is not valid yet, is taken. A clock that jumps would otherwise part Limber from all of its nodes, and with it the
 * only one who can give them new certificates.
 */
import { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { type ConnectionOptions, createSecureContext, TLSSocket } from 'node:tls';

/** Contexts are large (50 KB), and there is a connection for every node: those with the same authorities share one. */
let latest: { readonly trusted: string; readonly options: ConnectionOptions } | null = null;

export function tlsOptions(trusted: string): ConnectionOptions {
  if (latest?.trusted !== trusted) {
    const secureContext = createSecureContext({ ca: trusted, minVersion: 'TLSv1.2' });
    // Whom it leads to is checked by `whyDistrust`, before anything is sent.
    latest = { trusted, options: { secureContext, rejectUnauthorized: false } };
  }
  return latest.options;
}

const oldOrEarly = ['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID'];

/** For people; null: the peer is the engine at this address. */
export function whyDistrust(
  stream: Socket,
  { address, trusted = '' }: { readonly address: string; readonly trusted?: string },
): string | null {
  if (!(stream instanceof TLSSocket)) return 'it does not speak TLS';
  if (stream.authorized) return null;
  const reason = String(stream.authorizationError);
  const certificate = stream.getPeerX509Certificate();
  if (!certificate || !oldOrEarly.includes(reason)) return reason;
  // The time was the last thing that was found wrong, and need not be the only one.
  const isOurs = (trusted.match(/-----BEGIN [^-]+-----[^-]+-----END [^-]+-----/g) ?? []).some((pem) => {
    const authority = new X509Certificate(pem);
    return certificate.checkIssued(authority) && certificate.verify(authority.publicKey);
  });
  if (!isOurs) return 'no authority of ours has signed its certificate';
  return certificate.checkIP(address) === undefined ? `its certificate is not for ${address}` : null;
}
