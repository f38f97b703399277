/**
 * The canonical form that both sides hash (Signature Version 4, "Create a canonical request"), for services other
 * than S3: the path is normalised and encoded once more than on the wire.
 */
import { createHash } from 'node:crypto';
import { type FormParams, parseForm } from '../form.ts';

/** Every value of a header, by lower-case name. */
export type HeaderValues = ReadonlyMap<string, readonly string[]>;

export function headerValues(rawHeaders: readonly string[]): HeaderValues {
  const values = new Map<string, string[]>();
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase();
    const known = values.get(name);
    if (known) known.push(rawHeaders[i + 1]!);
    else values.set(name, [rawHeaders[i + 1]!]);
  }
  return values;
}

export interface Target {
  /** As on the wire. */
  readonly path: string;
  /** Decoded; an undecodable query throws MalformedQueryString. */
  readonly query: FormParams;
}

export function splitTarget(target: string): Target {
  const mark = target.indexOf('?');
  if (mark < 0) return { path: target, query: [] };
  return { path: target.slice(0, mark), query: parseForm(target.slice(mark + 1)) };
}

interface CanonicalInput {
  readonly method: string;
  readonly target: Target;
  readonly headers: HeaderValues;
  readonly signedHeaders: readonly string[];
  /** Lower-case hex. */
  readonly payloadHash: string;
}

export function canonicalRequest(input: CanonicalInput): string {
  const { method, target, headers, signedHeaders, payloadHash } = input;
  const headerLines = signedHeaders.map((name) => `${name}:${canonicalHeader(headers.get(name) ?? [])}\n`);
  return [
    method,
    canonicalPath(target.path),
    canonicalQuery(target.query),
    headerLines.join(''),
    signedHeaders.join(';'),
    payloadHash,
  ].join('\n');
}

function canonicalPath(path: string): string {
  const kept: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '' || segment === '.') continue;
    if (segment === '..') kept.pop();
    else kept.push(segment);
  }
  const trailing = kept.length > 0 && path.endsWith('/') ? '/' : '';
  return `/${kept.map(escapeUri).join('/')}${trailing}`;
}

/** Sorted by encoded name, then by encoded value; the signature itself is not part of it. */
function canonicalQuery(query: FormParams): string {
  return query
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map(([name, value]) => [escapeUri(name), escapeUri(value)] as const)
    .sort(([nameA, valueA], [nameB, valueB]) => compare(nameA, nameB) || compare(valueA, valueB))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

/** By code unit, as the specification sorts; `localeCompare` would not. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function canonicalHeader(values: readonly string[]): string {
  return values.map((value) => value.trim().replace(/[ \t]+/g, ' ')).join(',');
}

/** RFC 3986: everything but letters, digits and `-._~`. */
function escapeUri(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

export function sha256Hex(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}
