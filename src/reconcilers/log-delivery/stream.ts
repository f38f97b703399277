/** Takes one log of one node to its destination: reads a part, delivers it, records how far it came. Whoever dies in between delivers that part again. */
import type { LogDelivery } from '../../model/log-delivery.ts';
import type { CacheNode } from '../../model/node.ts';
import type { Clock } from '../../platform/clock.ts';
import { faultPoint } from '../../platform/fault-points.ts';
import type { Log } from '../../platform/log.ts';
import type { LogDestination, LogStream } from './destination.ts';
import type { createPositions } from './positions.ts';
import type { ReadLog } from './source.ts';

interface Course {
  readonly read: ReadLog;
  readonly destination: LogDestination;
  readonly positions: ReturnType<typeof createPositions>;
  readonly clock: Clock;
  readonly log: Log;
}

/** What became of the last attempt to deliver; null before the first one of this delivery. */
export type Outcome = { readonly failure: string | null } | null;

interface Way {
  readonly node: CacheNode;
  readonly delivery: LogDelivery;
  readonly stream: LogStream;
}

export interface StreamWorker {
  readonly outcome: Outcome;
  /** Begins a round unless one is under way, or the destination has failed a moment ago. Never throws. */
  nudge(way: Way): void;
  /** Resolves when no round is under way; none begins any more. */
  stop(): Promise<void>;
}

const pauseMs = { least: 1_000, most: 30_000 };

export function createStreamWorker(course: Course): StreamWorker {
  const { clock, log } = course;
  let isChecked = false;
  let outcome: Outcome = null;
  let failures = 0;
  let notBefore = 0;
  let round: Promise<void> | null = null;
  let isStopped = false;

  /** What the destination does is the outcome; that a node does not give its log now is none. */
  async function deliver(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      failures = 0;
      outcome = { failure: null };
      return true;
    } catch (error) {
      failures += 1;
      notBefore = clock.monotonic() + Math.min(pauseMs.most, pauseMs.least * 2 ** (failures - 1));
      outcome = { failure: (error as Error).message };
      return false;
    }
  }

  async function run({ node, delivery, stream }: Way): Promise<void> {
    const { read, destination, positions } = course;
    if (!isChecked) {
      isChecked = await deliver(() => destination.check(stream));
      if (!isChecked) return;
    }
    for (let hasMore = true; hasMore && !isStopped; ) {
      const position = await positions.read(node.incarnation, delivery.logType);
      const part = await read(node, delivery, position);
      hasMore = part.hasMore;
      if (part.events.length > 0) {
        if (!(await deliver(() => destination.deliver(stream, part.events)))) return;
        faultPoint('log-delivery:delivered');
      }
      if (JSON.stringify(part.next) !== JSON.stringify(position))
        await positions.write(node.incarnation, delivery.logType, part.next);
    }
  }

  return {
    get outcome() {
      return outcome;
    },
    nudge(way) {
      if (isStopped || round || clock.monotonic() < notBefore) return;
      round = run(way)
        .catch((error: unknown) => {
          // It does not answer, is loading, has not been started: it is asked again with the next round.
          log.debug('a log is read later', { node: way.node.cacheClusterId, error });
        })
        .finally(() => {
          round = null;
        });
    },
    async stop() {
      isStopped = true;
      await round;
    },
  };
}
