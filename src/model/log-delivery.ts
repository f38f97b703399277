/** Log delivery: which logs of a cache's nodes go where, and in what form (spec/behaviour.md §22). */

export const logTypes = ['slow-log', 'engine-log'] as const;
export type LogType = (typeof logTypes)[number];
export const logDestinationTypes = ['cloudwatch-logs', 'kinesis-firehose'] as const;
export type LogDestinationType = (typeof logDestinationTypes)[number];
export const logFormats = ['json', 'text'] as const;
type LogFormat = (typeof logFormats)[number];

/** What was asked for. A cache has at most one of each type. */
export interface LogDelivery {
  readonly logType: LogType;
  readonly destinationType: LogDestinationType;
  /** A log group, or a delivery stream. */
  readonly destination: string;
  readonly format: LogFormat;
  /** When it was asked for, milliseconds since 1970; tells it from what was asked for before. */
  readonly since: number;
}

/** What was seen of it. */
export interface ObservedLogDelivery extends LogDelivery {
  readonly status: 'active' | 'error';
  /** Of an error. */
  readonly message: string | null;
}

/** True when these are one request, not only the same wish. */
export const isSameDelivery = (a: LogDelivery, b: LogDelivery): boolean =>
  a.logType === b.logType && a.since === b.since;

/** In the place of an endpoint: AWS's own, in the region of each cache. */
export const awsItself = 'aws';

/** URLs of services that answer AWS's API, or `aws`. Files take what is left out. */
export interface LogEndpoints {
  readonly cloudWatchLogs?: string;
  readonly firehose?: string;
}

/** Whose log it is. */
export interface LoggedNode {
  readonly cacheClusterId: string;
  readonly cacheNodeId: string;
}

/** A line for a destination; `at`: when it happened, milliseconds since 1970. */
export interface LogEvent {
  readonly at: number;
  readonly text: string;
}

export interface SlowLogEntry {
  /** Counts up from 0 with the start of a process. */
  readonly id: number;
  /** Seconds since 1970. */
  readonly timestamp: number;
  readonly durationUs: number;
  /** The command and the number of its arguments: keys and values do not leave the engine. */
  readonly command: string;
  readonly clientAddress: string;
  /** Empty unless the client has set one. */
  readonly clientName: string;
}

export function slowLogEvent(entry: SlowLogEntry, node: LoggedNode, format: LogFormat): LogEvent {
  const { id, timestamp, durationUs, command, clientAddress, clientName } = entry;
  const { cacheClusterId, cacheNodeId } = node;
  const text =
    format === 'text'
      ? [cacheClusterId, cacheNodeId, timestamp, durationUs, command, clientAddress, clientName].join(',')
      : JSON.stringify({
          CacheClusterId: cacheClusterId,
          CacheNodeId: cacheNodeId,
          Id: id,
          Timestamp: timestamp,
          'Duration (us)': durationUs,
          Command: command,
          ClientAddress: clientAddress,
          ClientName: clientName,
        });
  return { at: timestamp * 1_000, text };
}

/** A line of an engine's own log. */
export interface EngineLogEntry {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly level: EngineLogLevel;
  /** M: a primary; S: a replica; C: a child that writes a file. */
  readonly role: string;
  readonly message: string;
}

/** The engine's mark of each level. */
export const engineLogLevels = { '.': 'DEBUG', '-': 'VERBOSE', '*': 'NOTICE', '#': 'WARNING' } as const;
export type EngineLogLevel = keyof typeof engineLogLevels;

export function engineLogEvent(entry: EngineLogEntry, node: LoggedNode, format: LogFormat): LogEvent {
  const { at, level, role, message } = entry;
  const { cacheClusterId, cacheNodeId } = node;
  const time = timeText(new Date(at));
  const text =
    format === 'text'
      ? `${cacheClusterId}/${cacheNodeId}:${role} ${time} ${level} ${message}`
      : JSON.stringify({
          CacheClusterId: cacheClusterId,
          CacheNodeId: cacheNodeId,
          LogLevel: engineLogLevels[level],
          Role: role,
          Time: time,
          Message: message,
        });
  return { at, text };
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `12 Nov 2020 01:28:57.994 UTC` */
function timeText(date: Date): string {
  const [day = '', clock = ''] = date.toISOString().split(/[TZ]/);
  const [year, month, dayOfMonth] = day.split('-');
  return `${dayOfMonth} ${months[Number(month) - 1]} ${year} ${clock} UTC`;
}
