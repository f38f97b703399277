/**
 * `application/x-www-form-urlencoded`, read strictly: what cannot be decoded without guessing is refused, because
 * the signature and the action must see the same values.
 */
import { ServiceError } from '../model/service-errors.ts';

/** Name and value in the order given; names may repeat. */
export type FormParams = readonly (readonly [name: string, value: string])[];

/**
 * A replication group of 500 node groups, each with slots, zones and five replicas, needs some 5,000 parameters.
 * The limit is a judgement: twice that.
 */
const paramsMax = 10_000;

/** Throws MalformedQueryString for bad percent-encoding, bad UTF-8 or more than `paramsMax` parameters. */
export function parseForm(text: string): FormParams {
  if (text === '') return [];
  const params: [string, string][] = [];
  let start = 0;
  while (start <= text.length) {
    const ampersand = text.indexOf('&', start);
    const end = ampersand < 0 ? text.length : ampersand;
    if (end > start) {
      if (params.length === paramsMax) {
        throw new ServiceError('MalformedQueryString', `The request has more than ${paramsMax} parameters.`);
      }
      params.push(parsePair(text.slice(start, end)));
    }
    start = end + 1;
  }
  return params;
}

function parsePair(pair: string): [string, string] {
  const equals = pair.indexOf('=');
  if (equals < 0) return [decode(pair), ''];
  return [decode(pair.slice(0, equals)), decode(pair.slice(equals + 1))];
}

function decode(text: string): string {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text;
  if (!spaced.includes('%')) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    throw new ServiceError(
      'MalformedQueryString',
      `The request holds invalid percent-encoding or UTF-8 near "${text.slice(0, 40)}".`,
    );
  }
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Throws MalformedQueryString when the bytes are not UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    throw new ServiceError('MalformedQueryString', 'The request body is not valid UTF-8.');
  }
}
