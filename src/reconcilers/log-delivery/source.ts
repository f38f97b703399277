/** What a log of a node is read from, bit by bit: nothing waits in Limber, so that an endpoint that is away costs no memory and no engine anything. */
import type { LogDelivery, LogEvent } from '../../model/log-delivery.ts';
import type { CacheNode } from '../../model/node.ts';

/** Up to where a log has been delivered: plain data, kept beside the node's files. */
export type LogPosition = Readonly<Record<string, string | number>>;

export interface LogPart {
  readonly events: readonly LogEvent[];
  /** Where to go on once these are delivered. */
  readonly next: LogPosition;
  /** There is more to be had at once. */
  readonly hasMore: boolean;
}

/** `position`: null before the first part. Throws when the node does not give it now. */
export type ReadLog = (
  node: CacheNode,
  delivery: LogDelivery,
  position: LogPosition | null,
) => Promise<LogPart>;
