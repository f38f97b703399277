/** Refusals that many actions share. */
import { invalidCombination, invalidValue, type ServiceError } from '../../model/service-errors.ts';

export const blank = (parameter: string): ServiceError =>
  invalidValue(`The parameter ${parameter} must be provided and must not be blank.`);

/** A parameter that ElastiCache has and Limber does not serve: refused, never ignored. */
export function notYet(parameter: string, value: unknown, allowed?: string): ServiceError {
  const hint = allowed === undefined ? 'leave it out' : `allowed: ${allowed}`;
  return invalidValue(
    `The parameter ${parameter} with the value ${String(value)} is not supported by Limber yet; ${hint}.`,
  );
}

/** Cache clusters of Redis OSS have no encryption in transit on ElastiCache, which AUTH needs, and Memcached has no AUTH. */
export const noAuthToken = (engine: string): ServiceError =>
  invalidCombination(
    engine === 'memcached'
      ? 'AuthToken is not available with memcached.'
      : 'The AUTH token is only supported when encryption-in-transit is enabled', // AWS's words
  );

/** Refuses each of these parameters that was given (an empty list and `false` are not). */
export function refuseNotYet(input: object, parameters: readonly string[]): void {
  for (const name of parameters) {
    const value = (input as Readonly<Record<string, unknown>>)[name];
    if (value === undefined || value === false || (Array.isArray(value) && value.length === 0)) continue;
    throw notYet(name, typeof value === 'object' ? 'given' : name.includes('Token') ? '(hidden)' : value);
  }
}
