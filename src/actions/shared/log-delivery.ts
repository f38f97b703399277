/** LogDeliveryConfigurations of a request: checked, and put over what a cache has. Rules: spec/behaviour.md §22. */
import type { DestinationDetails, LogDeliveryConfigurationRequest } from '@aws-sdk/client-elasticache';
import { isAtLeast } from '../../catalog/version-order.ts';
import {
  type LogDelivery,
  type LogDestinationType,
  type LogType,
  logDestinationTypes,
  logFormats,
  logTypes,
} from '../../model/log-delivery.ts';
import type { CacheSettings } from '../../model/resource.ts';
import { invalidCombination, invalidValue } from '../../model/service-errors.ts';
import { blank } from './refusals.ts';

type Current = Pick<CacheSettings, 'engine' | 'engineVersion' | 'logDelivery'>;

/** The first version of Redis OSS that has it; every Valkey does. */
const firstVersion: Readonly<Record<LogType, string>> = { 'slow-log': '6.0', 'engine-log': '6.2' };

/** ElastiCache changes log delivery at once or not at all. */
export function requireAtOnce(input: {
  readonly LogDeliveryConfigurations?: readonly unknown[] | undefined;
  readonly ApplyImmediately?: boolean | undefined;
}): void {
  if ((input.LogDeliveryConfigurations ?? []).length > 0 && !input.ApplyImmediately)
    throw invalidValue(
      'To modify the log delivery configuration, set the apply-immediately parameter to true.', // AWS's words
    );
}

/** Types that are not named stay as they are. */
export function withLogDelivery(
  current: Current,
  requests: readonly LogDeliveryConfigurationRequest[],
  now: number,
): readonly LogDelivery[] {
  let deliveries = current.logDelivery ?? [];
  const named = new Set<LogType>();
  for (const request of requests) {
    const logType = oneOf('LogType', request.LogType, logTypes);
    if (named.has(logType))
      throw invalidCombination(`LogDeliveryConfigurations name ${logType} more than once.`);
    named.add(logType);
    requireLog(current, logType);
    const before = deliveries.find((one) => one.logType === logType);
    const others = deliveries.filter((one) => one.logType !== logType);
    deliveries =
      request.Enabled === false ? others : [...others, unlessSame(before, parse(logType, request, now))];
  }
  return deliveries;
}

function requireLog({ engine, engineVersion }: Current, logType: LogType): void {
  if (engine === 'memcached') throw invalidCombination('Log delivery is not available with memcached.');
  if (engine === 'redis' && !isAtLeast(engineVersion, firstVersion[logType]))
    throw invalidValue(`${logType} log delivery is not available for this redis engine version.`); // AWS's words
}

function parse(logType: LogType, request: LogDeliveryConfigurationRequest, now: number): LogDelivery {
  const destinationType = oneOf('DestinationType', request.DestinationType, logDestinationTypes);
  const destination = destinationOf(destinationType, request.DestinationDetails);
  return {
    logType,
    destinationType,
    destination,
    format: oneOf('LogFormat', request.LogFormat, logFormats),
    since: now,
  };
}

/** What is asked for once more is not begun anew. */
function unlessSame(before: LogDelivery | undefined, asked: LogDelivery): LogDelivery {
  const isSame = before && JSON.stringify({ ...before, since: 0 }) === JSON.stringify({ ...asked, since: 0 });
  return isSame ? before : asked;
}

function destinationOf(type: LogDestinationType, details: DestinationDetails | undefined): string {
  const { CloudWatchLogsDetails: group, KinesisFirehoseDetails: stream } = details ?? {};
  if (type === 'cloudwatch-logs') {
    if (stream) throw otherDetails(type, 'KinesisFirehoseDetails');
    return named('LogGroup', group?.LogGroup, /^[\w.\-/#]{1,512}$/);
  }
  if (group) throw otherDetails(type, 'CloudWatchLogsDetails');
  return named('DeliveryStream', stream?.DeliveryStream, /^[\w.-]{1,64}$/);
}

const otherDetails = (type: LogDestinationType, given: string) =>
  invalidCombination(`DestinationType is ${type}, and DestinationDetails has ${given}.`);

/** As CloudWatch Logs and Firehose allow it. */
function named(parameter: string, value: string | undefined, pattern: RegExp): string {
  if (!value) throw blank(parameter);
  if (!pattern.test(value))
    throw invalidValue(`${parameter} cannot be ${value}: it has to match ${pattern.source}.`);
  return value;
}

function oneOf<T extends string>(parameter: string, value: string | undefined, allowed: readonly T[]): T {
  if (!value) throw blank(parameter);
  const known = allowed.find((one) => one === value);
  if (known === undefined) throw invalidValue(`${parameter} is ${value}; it can be ${allowed.join(' or ')}.`);
  return known;
}
