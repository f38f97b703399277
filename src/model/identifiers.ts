/**
 * Names that users give: one parser per kind. Each returns the name as it is stored (lower-case where ElastiCache
 * folds it), or throws a ServiceError `InvalidParameterValue` that names the parameter, the value and what is
 * allowed. Source: spec/behaviour.md §2 and the model's patterns.
 *
 * These are for *new* names. To look something up by a name that may be older or reserved
 * (`default.valkey8`, `automatic.orders-…`), use `parseReference`, which only folds the case.
 */
import { ServiceError } from './service-errors.ts';

const identifierRules =
  'Identifiers must begin with a letter; must contain only ASCII letters, digits, and hyphens; ' +
  'and must not end with a hyphen or contain two consecutive hyphens.';

/** 1–50 characters. */
export function parseCacheClusterId(value: string, parameterName = 'CacheClusterId'): string {
  return parseIdentifier(value, parameterName, 50);
}

/** 1–40 characters, which leaves room for `-0001-001` within a cache cluster id. */
export function parseReplicationGroupId(value: string, parameterName = 'ReplicationGroupId'): string {
  return parseIdentifier(value, parameterName, 40);
}

/** 1–255 characters; never a name of the service's own (`default`, and `default.…` by the alphabet). */
export function parseCacheParameterGroupName(
  value: string,
  parameterName = 'CacheParameterGroupName',
): string {
  return parseGroupName(value, parameterName);
}

export function parseCacheSubnetGroupName(value: string, parameterName = 'CacheSubnetGroupName'): string {
  return parseGroupName(value, parameterName);
}

export function parseCacheSecurityGroupName(value: string, parameterName = 'CacheSecurityGroupName'): string {
  return parseGroupName(value, parameterName);
}

export function parseReservedCacheNodeId(value: string, parameterName = 'ReservedCacheNodeId'): string {
  return parseIdentifier(value, parameterName, 255);
}

/** 1–4 digits, returned as four: `1` and `0001` are one node group (U: AWS only shows the long form). */
export function parseNodeGroupId(value: string, parameterName = 'NodeGroupId'): string {
  requireText(value, parameterName);
  if (!/^\d{1,4}$/.test(value) || Number(value) === 0)
    throw invalid(parameterName, value, 'Give 1 to 4 digits from 0001 to 9999.');
  return value.padStart(4, '0');
}

/** Four digits from `0001`. */
export function parseCacheNodeId(value: string, parameterName = 'CacheNodeId'): string {
  requireText(value, parameterName);
  if (!/^\d{4}$/.test(value) || value === '0000')
    throw invalid(parameterName, value, 'Give 4 digits, from 0001 on.');
  return value;
}

/** Any text of 0–255 characters, kept as it is. */
export function parseDescription(value: string, parameterName = 'Description'): string {
  if (value.length > 255)
    throw new ServiceError(
      'InvalidParameterValue',
      `The parameter ${parameterName} has ${value.length} characters; at most 255 are allowed.`,
    );
  return value;
}

/** A name to look up: anything but blank, lower-case. Whether it exists is for the caller to say. */
export function parseReference(value: string, parameterName: string): string {
  requireText(value, parameterName);
  return value.toLowerCase();
}

function parseGroupName(value: string, parameterName: string): string {
  const name = parseIdentifier(value, parameterName, 255);
  if (name === 'default')
    throw invalid(parameterName, value, 'The name default is reserved: give another one.');
  return name;
}

function parseIdentifier(value: string, parameterName: string, lengthMax: number): string {
  requireText(value, parameterName);
  if (!/^[a-z](?:-?[a-z0-9])*$/i.test(value))
    throw invalid(parameterName, value, identifierRules, 'identifier');
  if (value.length > lengthMax)
    throw invalid(
      parameterName,
      value,
      `It has ${value.length} characters; at most ${lengthMax} are allowed.`,
    );
  return value.toLowerCase();
}

/** AWS's own words for a blank required argument. */
function requireText(value: string, parameterName: string): void {
  if (value.trim() === '')
    throw new ServiceError(
      'InvalidParameterValue',
      `The parameter ${parameterName} must be provided and must not be blank.`,
    );
}

/** Long values are cut: an error text must not echo a megabyte back. */
function invalid(parameterName: string, value: string, allowed: string, what = 'value'): ServiceError {
  const shown = value.length > 80 ? `${value.slice(0, 80)}…` : value;
  return new ServiceError(
    'InvalidParameterValue',
    `The parameter ${parameterName} is not a valid ${what}. ${allowed} Found: "${shown}".`,
  );
}
