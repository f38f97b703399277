/**
 * Amazon resource names of ElastiCache: `arn:aws:elasticache:<region>:<account>:<type>:<id>`.
 * Source: spec/behaviour.md §3.
 */
import { invalidValue, ServiceError } from './service-errors.ts';

export const arnTypes = [
  'cluster',
  'replicationgroup',
  'snapshot',
  'parametergroup',
  'subnetgroup',
  'securitygroup',
  'user',
  'usergroup',
  'serverlesscache',
  'serverlesscachesnapshot',
  'reserved-instance',
  'globalreplicationgroup',
] as const;
export type ArnType = (typeof arnTypes)[number];

interface ArnScope {
  readonly region: string;
  readonly account: string;
}

/** A global replication group belongs to no region: its ARN leaves the region empty. */
export function buildArn(type: ArnType, id: string, scope: ArnScope): string {
  const region = type === 'globalreplicationgroup' ? '' : scope.region;
  return `arn:${partitionOf(scope.region)}:elasticache:${region}:${scope.account}:${type}:${id}`;
}

/**
 * The type and (lower-case) id of an ARN of this account and region. Throws `InvalidARN` for what is malformed or of
 * another service or type, and `InvalidParameterValue` for what is foreign: a resource of another region cannot be
 * reached through this one. The words are AWS's, where it is known to have some: programs match them.
 */
export function parseArn(
  arn: string,
  scope: ArnScope,
  parameterName = 'ResourceName',
): { type: ArnType; id: string } {
  const parts = arn.split(':');
  const [prefix, partition, service, region, account, type, id = ''] = parts;
  const shown = arn.length > 200 ? `${arn.slice(0, 200)}…` : arn;
  const refuse = (text: string): ServiceError => new ServiceError('InvalidARN', text);

  if (prefix !== 'arn' || parts.length !== 7) throw refuse('Input ARN string does not have 7 components.');
  const expectedPartition = partitionOf(scope.region);
  if (partition !== expectedPartition)
    throw refuse(`partition field is wrong. Expected value is ${expectedPartition}`);
  if (service !== 'elasticache') throw refuse('service field is wrong. Expected value is elasticache');
  if (!isArnType(type) || id === '')
    throw refuse(
      `The ${parameterName} "${shown}" does not end with a type and an id; the types are ${arnTypes.join(', ')}.`,
    );
  const expectedRegion = type === 'globalreplicationgroup' ? '' : scope.region;
  if (region !== expectedRegion)
    throw invalidValue('Unauthorized call. Please check the region or customer id');
  if (account !== scope.account)
    throw invalidValue("The resource ARN does not belong to the caller's account.");
  return { type, id: id.toLowerCase() };
}

/** `aws`, or the partition of China or GovCloud, which follows from the region's name. */
function partitionOf(region: string): string {
  if (region.startsWith('cn-')) return 'aws-cn';
  return region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws';
}

function isArnType(type: string | undefined): type is ArnType {
  return (arnTypes as readonly (string | undefined)[]).includes(type);
}
