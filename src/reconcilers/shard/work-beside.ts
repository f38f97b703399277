/**
 * Work of one shard that takes its time and that nobody waits for, beside the loop of its worker: one piece per node, and
 * its end wakes the loop. Whatever goes wrong, the same node is not worked on again and again without a pause: after some
 * pieces in a short time each further one begins later.
 */
import type { Clock } from '../../platform/clock.ts';

/** Starts, follows and confirmations of an ordinary failover or creation, and as many again. */
const freely = 8;
const withinMs = 5_000;
const pauseMaxMs = 500;

interface Piece<Kind> {
  readonly node: string;
  readonly kind: Kind;
}

export function createWorkBeside<Kind extends string>(clock: Clock, onEnd: () => void) {
  const running = new Map<string, { readonly kind: Kind; readonly work: Promise<void> }>();
  /** By node: when its latest pieces ended, monotonic milliseconds. */
  const ends = new Map<string, readonly number[]>();
  let ended = 0;

  /** When the next piece of a node may begin, monotonic milliseconds. */
  function notBefore(node: string): number {
    const recent = (ends.get(node) ?? []).filter((at) => clock.monotonic() - at < withinMs);
    ends.set(node, recent);
    if (recent.length < freely) return Number.NEGATIVE_INFINITY;
    return recent.at(-1)! + Math.min(pauseMaxMs, 10 * 2 ** (recent.length - freely));
  }

  return {
    /** How many pieces have ended. */
    ended: () => ended,
    isIdle: () => running.size === 0,
    kindOf: (node: string): Kind | undefined => running.get(node)?.kind,
    /** For how long the work of a node is put off, milliseconds; 0 when it may begin, or is under way. */
    putOffMs: (node: string): number =>
      running.has(node) ? 0 : Math.max(0, notBefore(node) - clock.monotonic()),
    /** False, and nothing begun, while the node is worked on or that is put off. `work` does not reject. */
    begin({ node, kind }: Piece<Kind>, work: () => Promise<void>): boolean {
      if (running.has(node) || notBefore(node) > clock.monotonic()) return false;
      const piece = work().finally(() => {
        running.delete(node);
        ended += 1;
        ends.set(node, [...(ends.get(node) ?? []), clock.monotonic()]);
        onEnd();
      });
      running.set(node, { kind, work: piece });
      return true;
    },
    /** Resolves when what is under way has ended. */
    settled: async (): Promise<void> => {
      await Promise.all([...running.values()].map(({ work }) => work));
    },
  };
}
