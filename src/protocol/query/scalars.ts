/** Single values of the Query wire. Each parser throws InvalidParameterValue naming the parameter and the value. */
import { invalidValue } from '../../model/service-errors.ts';
import { shorten } from './param-tree.ts';

function refuse(text: string, path: string, allowed: string): never {
  throw invalidValue(`Invalid value "${shorten(text)}" for ${shorten(path)}: must be ${allowed}.`);
}

/** SDKs send `true` and `false`; hand-written clients also `True`. */
export function parseBoolean(text: string, path: string): boolean {
  const lower = text.toLowerCase();
  if (lower === 'true') return true;
  if (lower === 'false') return false;
  return refuse(text, path, 'true or false');
}

/** 32 bits, as all integers of the API are. */
export function parseInteger(text: string, path: string): number {
  const value = /^[+-]?\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= -(2 ** 31) && value < 2 ** 31)) {
    return refuse(text, path, 'an integer between -2147483648 and 2147483647');
  }
  return value === 0 ? 0 : value; // "-0" is 0
}

const iso8601 = /^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:?\d\d)?)?$/i;

/** ISO 8601, from a date alone to nanoseconds (cut to milliseconds); UTC when no offset is given. */
export function parseTimestamp(text: string, path: string): Date {
  const found = iso8601.exec(text);
  if (!found) return refuse(text, path, 'a time in ISO 8601, for example 2026-01-02T03:04:05Z');
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '0', zone = 'Z'] = found;
  const millisecond = Math.trunc(Number(`0.${fraction}`) * 1000);
  const fields = [year, Number(month) - 1, day, hour, minute, second, millisecond].map(Number);
  const local = new Date(0);
  local.setUTCFullYear(fields[0]!, fields[1]!, fields[2]!);
  local.setUTCHours(fields[3]!, fields[4]!, fields[5]!, fields[6]!);
  // Date carries over what does not exist (30 February, 25:00): compare to find out.
  const same =
    local.getUTCMonth() === fields[1] &&
    local.getUTCDate() === fields[2] &&
    local.getUTCHours() === fields[3];
  if (!same || fields[4]! > 59 || fields[5]! > 59)
    return refuse(text, path, 'a time that exists, in ISO 8601');
  return new Date(local.getTime() - offsetMs(zone));
}

function offsetMs(zone: string): number {
  if (zone.toUpperCase() === 'Z') return 0;
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2));
  return (zone.startsWith('-') ? -minutes : minutes) * 60_000;
}
