import type { Scope } from './resource.ts';

export const eventSourceTypes = [
  'cache-cluster',
  'cache-parameter-group',
  'cache-security-group',
  'cache-subnet-group',
  'replication-group',
  'serverless-cache',
  'serverless-cache-snapshot',
  'user',
  'user-group',
] as const;
export type EventSourceType = (typeof eventSourceTypes)[number];

/** An event as DescribeEvents answers it. Events are kept for 14 days. */
export interface CacheEvent extends Scope {
  readonly sourceType: EventSourceType;
  readonly sourceId: string;
  readonly message: string;
  /** `ElastiCache:FailoverComplete` …, or a name of ours. */
  readonly eventId: string;
  /** Milliseconds since 1970. */
  readonly date: number;
}
