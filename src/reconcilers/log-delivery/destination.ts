/** Where logs are delivered to. Implementations: files of this machine, and services of AWS's APIs. */
import type { LogDestinationType, LogEvent, LoggedNode, LogType } from '../../model/log-delivery.ts';
import type { Engine, Scope } from '../../model/resource.ts';

/** One log of one node on its way to one destination. */
export interface LogStream extends Scope, LoggedNode {
  readonly destinationType: LogDestinationType;
  /** A log group, or a delivery stream. */
  readonly destination: string;
  readonly engine: Engine;
  readonly logType: LogType;
}

export interface LogDestination {
  /** Throws, with a message for the cache's owner, where nothing could be delivered. May be repeated. */
  check(stream: LogStream): Promise<void>;
  /** All of these, in order; the oldest first. Throws like `check`: then some may have arrived, and all are sent again. */
  deliver(stream: LogStream, events: readonly LogEvent[]): Promise<void>;
}

/** As ElastiCache names it within a log group. */
export const streamName = ({ engine, cacheClusterId, cacheNodeId, logType }: LogStream): string =>
  ['elasticache', engine, cacheClusterId, cacheNodeId, logType].join('/');
