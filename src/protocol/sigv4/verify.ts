/**
 * Verifies AWS Signature Version 4, in the Authorization header or presigned in the query. In two steps: the head of a
 * request is checked before its body is read, so that a body costs nothing unless a known key claims it.
 *
 * Errors: MissingAuthenticationToken 403 (not signed), IncompleteSignature 400 (malformed), RequestExpired 400
 * (clock or expiry), InvalidClientTokenId 403 (unknown key or session token), SignatureDoesNotMatch 403 (all else).
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { ServiceError } from '../../model/service-errors.ts';
import {
  canonicalRequest,
  type HeaderValues,
  headerValues,
  sha256Hex,
  splitTarget,
  type Target,
} from './canonical-request.ts';
import { readClaim } from './claim.ts';
import type {
  Credential,
  RequestHead,
  SignatureClaim,
  VerifiedSignature,
  VerifyOptions,
} from './contract.ts';

/** AWS's tolerance for clocks that differ. */
const clockSkewMsMax = 15 * 60 * 1000;

/** A claim that may be true: a known key made it, for this service, a moment ago. Only the body has not been checked. */
export interface CheckedClaim {
  readonly claim: SignatureClaim;
  readonly credential: Credential;
  readonly head: RequestHead;
  readonly headers: HeaderValues;
  readonly target: Target;
}

export async function checkClaim(
  head: RequestHead,
  { lookUpCredential, services, now }: VerifyOptions,
): Promise<CheckedClaim> {
  const headers = headerValues(head.rawHeaders);
  const target = splitTarget(head.target);
  const claim = readClaim(headers, target.query);
  checkScope(claim, services);
  checkTime(claim, now);
  checkSignedHeaders(claim, headers);
  const credential = await lookUpCredential(claim.accessKeyId);
  if (!credential || !sessionTokenMatches(credential, claim)) {
    throw new ServiceError('InvalidClientTokenId', 'The security token included in the request is invalid.');
  }
  return { claim, credential, head, headers, target };
}

export function verifyBody(checked: CheckedClaim, body: Uint8Array): VerifiedSignature {
  const { claim, credential } = checked;
  const payloadHash = sha256Hex(body);
  if (!sameHex(expectedSignature(checked, payloadHash), claim.signature)) {
    throw mismatch(
      'The request signature we calculated does not match the signature you provided. Check your secret access key and signing method.',
    );
  }
  if (claim.contentSha256 !== undefined && claim.contentSha256 !== payloadHash) {
    throw mismatch('X-Amz-Content-Sha256 is not the SHA-256 of the body; unsigned bodies are not accepted.');
  }
  return {
    accessKeyId: claim.accessKeyId,
    account: credential.account,
    region: claim.region,
    service: claim.service,
  };
}

function checkScope(claim: SignatureClaim, services: readonly string[]): void {
  if (!services.includes(claim.service)) {
    throw mismatch(
      `Credential should be scoped to the service '${services.join("' or '")}', not '${claim.service}'.`,
    );
  }
  if (claim.date !== claim.timestamp.slice(0, 8)) {
    throw mismatch(`The date in Credential is ${claim.date}, but the request's time is ${claim.timestamp}.`);
  }
}

function checkTime(claim: SignatureClaim, now: number): void {
  const signedAt = timeOf(claim.timestamp);
  const until = claim.expiresSeconds === undefined ? clockSkewMsMax : claim.expiresSeconds * 1000;
  const server = new Date(now).toISOString().replace(/[-:]|\.\d{3}/g, '');
  if (signedAt - now > clockSkewMsMax) {
    throw expired(`Signature not yet current: it was made at ${claim.timestamp}, and here it is ${server}.`);
  }
  if (now - signedAt > until) {
    throw expired(`Signature expired: it was made at ${claim.timestamp}, and here it is ${server}.`);
  }
}

function timeOf(timestamp: string): number {
  const [, date, time] = /^(\d{8})T(\d{6})Z$/.exec(timestamp) ?? ['', '', ''];
  const iso = `${date.replace(/(....)(..)(..)/, '$1-$2-$3')}T${time.replace(/(..)(..)(..)/, '$1:$2:$3')}Z`;
  const value = Date.parse(iso);
  if (Number.isNaN(value)) throw new ServiceError('IncompleteSignature', `${timestamp} is not a time.`);
  return value;
}

/**
 * The host and every X-Amz- header must be covered ("Create a canonical request", required headers). Not so the
 * content type, whatever that page says: the AWS SDK for PHP does not sign it, and changing it can only make us
 * refuse. A signed header that is absent is most often one that a proxy removed.
 */
function checkSignedHeaders(claim: SignatureClaim, headers: HeaderValues): void {
  const signed = new Set(claim.signedHeaders);
  if (!signed.has('host')) throw mismatch("'host' must be a signed header.");
  for (const name of headers.keys()) {
    const mustBeSigned = name.startsWith('x-amz-') && name !== 'x-amz-user-agent';
    if (mustBeSigned && !signed.has(name)) {
      throw mismatch(`'${name}' must be a signed header: the request has it.`);
    }
  }
  for (const name of signed) {
    if (!headers.has(name)) throw mismatch(`The signed header '${name}' is not in the request.`);
  }
}

/** No token is expected from permanent keys: one that comes belongs to somebody else's credentials. */
function sessionTokenMatches(credential: Credential, claim: SignatureClaim): boolean {
  if (credential.sessionToken === undefined || claim.sessionToken === undefined) {
    return credential.sessionToken === claim.sessionToken;
  }
  return sameHex(sha256Hex(credential.sessionToken), sha256Hex(claim.sessionToken));
}

function expectedSignature(checked: CheckedClaim, payloadHash: string): string {
  const { claim, credential, head, headers, target } = checked;
  const canonical = canonicalRequest({
    method: head.method,
    target,
    headers,
    signedHeaders: claim.signedHeaders,
    payloadHash,
  });
  const scope = `${claim.date}/${claim.region}/${claim.service}/aws4_request`;
  const toSign = `AWS4-HMAC-SHA256\n${claim.timestamp}\n${scope}\n${sha256Hex(canonical)}`;
  const dateKey = hmac(`AWS4${credential.secretAccessKey}`, claim.date);
  const signingKey = hmac(hmac(hmac(dateKey, claim.region), claim.service), 'aws4_request');
  return hmac(signingKey, toSign).toString('hex');
}

function hmac(key: string | Uint8Array, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest();
}

/** Compares in constant time. */
function sameHex(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}

function mismatch(message: string): ServiceError {
  return new ServiceError('SignatureDoesNotMatch', message);
}

function expired(message: string): ServiceError {
  return new ServiceError('RequestExpired', message);
}
