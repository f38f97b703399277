/** Reads what a request claims about its signature, from its Authorization header or from a presigned query. */
import { ServiceError } from '../../model/service-errors.ts';
import type { FormParams } from '../form.ts';
import type { HeaderValues } from './canonical-request.ts';
import type { SignatureClaim } from './contract.ts';

const algorithm = 'AWS4-HMAC-SHA256';

/** Seven days, the limit of AWS for presigned requests. */
const expiresSecondsMax = 7 * 24 * 3600;

/** Throws MissingAuthenticationToken when nothing is claimed, IncompleteSignature when the claim is malformed. */
export function readClaim(headers: HeaderValues, query: FormParams): SignatureClaim {
  const isPresigned = query.some(([name]) => name === 'X-Amz-Signature' || name === 'X-Amz-Algorithm');
  const authorization = headers.get('authorization');
  if (authorization && isPresigned) {
    throw incomplete('The request is signed twice: in the Authorization header and in the query.');
  }
  if (authorization) return headerClaim(authorization, headers);
  if (isPresigned) return presignedClaim(query, headers);
  throw new ServiceError(
    'MissingAuthenticationToken',
    'The request is not signed. Sign it with AWS Signature Version 4 and an access key of this server.',
  );
}

function headerClaim(authorization: readonly string[], headers: HeaderValues): SignatureClaim {
  const [value = '', ...others] = authorization;
  if (others.length > 0) throw incomplete('The request has more than one Authorization header.');
  const [scheme = '', fields] = splitOnce(value.trim(), ' ');
  if (scheme !== algorithm) {
    throw incomplete(`The Authorization header must begin with ${algorithm}, the only algorithm supported.`);
  }
  const named = authorizationFields(fields);
  const timestamp = single(headers, 'x-amz-date') ?? httpDate(single(headers, 'date'));
  if (timestamp === undefined) throw incomplete('The request needs an X-Amz-Date or a Date header.');
  return {
    kind: 'header',
    ...credentialScope(required(named, 'Credential')),
    signedHeaders: signedHeaderNames(required(named, 'SignedHeaders')),
    signature: hexSignature(required(named, 'Signature')),
    timestamp: isoBasic(timestamp),
    expiresSeconds: undefined,
    sessionToken: single(headers, 'x-amz-security-token'),
    contentSha256: single(headers, 'x-amz-content-sha256'),
  };
}

function presignedClaim(query: FormParams, headers: HeaderValues): SignatureClaim {
  const named = new Map<string, string>();
  for (const [name, value] of query) {
    if (!/^x-amz-/i.test(name)) continue;
    if (named.has(name)) throw incomplete(`The query has more than one ${name}.`);
    named.set(name, value);
  }
  if (named.get('X-Amz-Algorithm') !== algorithm) {
    throw incomplete(`X-Amz-Algorithm must be ${algorithm}, the only algorithm supported.`);
  }
  const insensitive = new Map([...named].map(([name, value]) => [name.toLowerCase(), value]));
  return {
    kind: 'presigned',
    ...credentialScope(required(named, 'X-Amz-Credential')),
    signedHeaders: signedHeaderNames(required(named, 'X-Amz-SignedHeaders')),
    signature: hexSignature(required(named, 'X-Amz-Signature')),
    timestamp: isoBasic(required(named, 'X-Amz-Date')),
    expiresSeconds: expiresSeconds(required(named, 'X-Amz-Expires')),
    sessionToken: named.get('X-Amz-Security-Token') ?? single(headers, 'x-amz-security-token'),
    contentSha256: insensitive.get('x-amz-content-sha256') ?? single(headers, 'x-amz-content-sha256'),
  };
}

/** `Credential=…, SignedHeaders=…, Signature=…`; botocore puts a blank after the comma, others do not. */
function authorizationFields(fields: string): ReadonlyMap<string, string> {
  const named = new Map<string, string>();
  for (const field of fields.split(',')) {
    const [name, value] = splitOnce(field.trim(), '=');
    if (named.has(name)) throw incomplete(`The Authorization header has more than one ${name}.`);
    named.set(name, value);
  }
  return named;
}

function credentialScope(credential: string) {
  const [accessKeyId, date, region, service, terminator, ...others] = credential.split('/');
  if (!accessKeyId || !date || !region || !service || others.length > 0) {
    throw incomplete('Credential must have the form ACCESS_KEY_ID/YYYYMMDD/REGION/SERVICE/aws4_request.');
  }
  if (terminator !== 'aws4_request') throw incomplete("Credential must end with 'aws4_request'.");
  if (!/^\d{8}$/.test(date)) throw incomplete('The date in Credential must have the form YYYYMMDD.');
  return { accessKeyId, date, region, service };
}

function signedHeaderNames(list: string): readonly string[] {
  const names = list.split(';');
  const isValid = names.every((name) => /^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name));
  if (!isValid || new Set(names).size !== names.length) {
    throw incomplete('SignedHeaders must be lower-case header names, separated by semicolons, each once.');
  }
  return names;
}

function hexSignature(signature: string): string {
  if (!/^[0-9a-f]{64}$/.test(signature))
    throw incomplete('Signature must be 64 lower-case hexadecimal digits.');
  return signature;
}

function isoBasic(timestamp: string): string {
  if (!/^\d{8}T\d{6}Z$/.test(timestamp)) throw incomplete('X-Amz-Date must have the form YYYYMMDDTHHMMSSZ.');
  return timestamp;
}

function expiresSeconds(text: string): number {
  const value = /^\d{1,7}$/.test(text) ? Number(text) : 0;
  if (value < 1 || value > expiresSecondsMax) {
    throw incomplete(`X-Amz-Expires must be a number of seconds between 1 and ${expiresSecondsMax}.`);
  }
  return value;
}

/** Clients that set no X-Amz-Date send `Date` (RFC 9110) or the basic form itself. */
function httpDate(value: string | undefined): string | undefined {
  if (value === undefined || /^\d{8}T\d{6}Z$/.test(value)) return value;
  const time = Date.parse(value);
  return Number.isNaN(time) ? undefined : new Date(time).toISOString().replace(/[-:]|\.\d{3}/g, '');
}

function single(headers: HeaderValues, name: string): string | undefined {
  const values = headers.get(name) ?? [];
  if (values.length > 1) throw incomplete(`The request has more than one ${name} header.`);
  return values[0]?.trim();
}

function required(named: ReadonlyMap<string, string>, name: string): string {
  const value = named.get(name);
  if (!value) throw incomplete(`The signature lacks ${name}.`);
  return value;
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + separator.length)];
}

function incomplete(message: string): ServiceError {
  return new ServiceError('IncompleteSignature', message);
}
