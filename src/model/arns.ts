/**
 * Amazon resource names of ElastiCache: `arn:aws:elasticache:<region>:<account>:<type>:<id>`.
 * Source: spec/behaviour.md §3.
 */
import { ServiceError } from './service-errors.ts';

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

export interface ArnScope {
  readonly region: string;
  readonly account: string;
}

/** A global replication group belongs to no region: its ARN leaves the region empty. */
export function buildArn(type: ArnType, id: string, scope: ArnScope): string {
  const region = type === 'globalreplicationgroup' ? '' : scope.region;
  return `arn:${partitionOf(scope.region)}:elasticache:${region}:${scope.account}:${type}:${id}`;
}

/**
 * The type and (lower-case) id of an ARN of this account and region. Throws `InvalidARN` for what is malformed,
 * of another service or type, or foreign: a resource of another region cannot be reached through this one.
 */
export function parseArn(
  arn: string,
  scope: ArnScope,
  parameterName = 'ResourceName',
): { type: ArnType; id: string } {
  const [prefix, partition, service, region, account, type, ...rest] = arn.split(':');
  const id = rest.join(':').toLowerCase();
  const shown = arn.length > 200 ? `${arn.slice(0, 200)}…` : arn;
  const refuse = (reason: string): ServiceError =>
    new ServiceError('InvalidARN', `The ${parameterName} "${shown}" is not a valid ARN: ${reason}`);

  if (prefix !== 'arn' || service !== 'elasticache' || id === '')
    throw refuse('expected arn:aws:elasticache:<region>:<account>:<type>:<id>.');
  if (!isArnType(type)) throw refuse(`the type "${type}" is not one of ${arnTypes.join(', ')}.`);
  const expectedRegion = type === 'globalreplicationgroup' ? '' : scope.region;
  if (partition !== partitionOf(scope.region) || region !== expectedRegion)
    throw refuse(`it is not of the region ${scope.region}, which this request is signed for.`);
  if (account !== scope.account) throw refuse(`it is not of the account ${scope.account}.`);
  return { type, id };
}

/** `aws`, or the partitions of China and GovCloud, told by the region's name. */
export function partitionOf(region: string): string {
  if (region.startsWith('cn-')) return 'aws-cn';
  return region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws';
}

function isArnType(type: string | undefined): type is ArnType {
  return (arnTypes as readonly (string | undefined)[]).includes(type);
}
