/**
 * Paging of Describe actions. A marker is the base64 of the key that the next page starts with, so a page stays
 * right when things before it come or go. Users must treat it as opaque. Source: spec/behaviour.md §1.
 */
import { ServiceError } from './service-errors.ts';

interface PageSizes {
  readonly min: number;
  readonly max: number;
  readonly usual: number;
}

/** Marker and MaxRecords of most actions. */
const usualPageSizes: PageSizes = { min: 20, max: 100, usual: 100 };
export const snapshotPageSizes: PageSizes = { min: 20, max: 50, usual: 50 };
/** NextToken and MaxResults of the serverless actions; the lower end is our reading (U). */
const serverlessPageSizes: PageSizes = { min: 1, max: 50, usual: 50 };

/** What a list in the store needs: at most `limit` items whose key is `fromKey` or greater, in the order of keys. */
interface PageRequest {
  readonly limit: number;
  /** Null for the first page. */
  readonly fromKey: string | null;
}

/** Reads `Marker` and `MaxRecords`; throws `InvalidParameterValue`. A blank marker is no marker. */
export function parsePage(
  input: { readonly Marker?: string | undefined; readonly MaxRecords?: number | undefined },
  sizes: PageSizes = usualPageSizes,
): PageRequest {
  return {
    limit: parseLimit('MaxRecords', input.MaxRecords, sizes),
    fromKey: input.Marker ? decodeMarker('Marker', input.Marker) : null,
  };
}

/** The same for `NextToken` and `MaxResults`. */
export function parseTokenPage(
  input: { readonly NextToken?: string | undefined; readonly MaxResults?: number | undefined },
  sizes: PageSizes = serverlessPageSizes,
): PageRequest {
  return {
    limit: parseLimit('MaxResults', input.MaxResults, sizes),
    fromKey: input.NextToken ? decodeMarker('NextToken', input.NextToken) : null,
  };
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Undefined on the last page. */
  readonly marker: string | undefined;
}

/**
 * One page of a complete list that is sorted by `keyOf` (by code units, as `<` compares). For lists that the store
 * pages by itself, ask it for `limit + 1` items from `fromKey` and give them here with the same request.
 */
export function pageOf<T>(
  sorted: readonly T[],
  keyOf: (item: T) => string,
  { limit, fromKey }: PageRequest,
): Page<T> {
  const rest = fromKey === null ? sorted : sorted.filter((item) => keyOf(item) >= fromKey);
  const next = rest[limit];
  return { items: rest.slice(0, limit), marker: next === undefined ? undefined : encodeMarker(keyOf(next)) };
}

export function encodeMarker(key: string): string {
  return Buffer.from(key, 'utf8').toString('base64');
}

function decodeMarker(parameterName: string, marker: string): string {
  const key = Buffer.from(marker, 'base64').toString('utf8');
  // Node decodes any text. A text that is not encoded to itself again was never a marker of ours.
  if (key === '' || encodeMarker(key) !== marker)
    throw new ServiceError(
      'InvalidParameterValue',
      `The parameter ${parameterName} is not valid; give the value of an earlier answer, unchanged.`,
    );
  return key;
}

function parseLimit(
  parameterName: string,
  value: number | undefined,
  { min, max, usual }: PageSizes,
): number {
  if (value === undefined) return usual;
  if (!Number.isInteger(value) || value < min || value > max)
    throw new ServiceError(
      'InvalidParameterValue',
      `The parameter ${parameterName} has the value ${value}; it must be a number from ${min} to ${max}.`,
    );
  return value;
}
