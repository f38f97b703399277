/**
 * Simulated time. Everything that takes time is an event in one queue; between two of them all that was awaited goes on
 * until nothing can go on any more, so that a seed gives one order of everything.
 */
import type { Timer } from '../../src/platform/clock.ts';

export interface Scheduler {
  /** Milliseconds since the simulation began. */
  now(): number;
  after(ms: number, work: () => void): Timer;
  /** Runs events in the order of their time until `isOver`, or until simulated time has come to `until`. */
  run(until: number, isOver: () => boolean): Promise<void>;
}

interface Event {
  readonly at: number;
  /** Of two at the same time the one that was made first. */
  readonly number: number;
  work: (() => void) | null;
}

export function createScheduler(): Scheduler {
  const heap: Event[] = [];
  let now = 0;
  let made = 0;

  return {
    now: () => now,
    after(ms, work) {
      const event: Event = { at: now + Math.max(0, ms), number: ++made, work };
      push(heap, event);
      return {
        stop: () => {
          event.work = null;
        },
      };
    },
    async run(until, isOver) {
      await quiet();
      while (!isOver()) {
        const event = pop(heap);
        if (!event) return;
        if (event.work === null) continue;
        if (event.at > until) {
          push(heap, event);
          now = until;
          return;
        }
        now = event.at;
        event.work();
        await quiet();
      }
    },
  };
}

/** All microtasks have run: what the last event made possible has happened. */
const quiet = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const isBefore = (a: Event, b: Event): boolean => a.at < b.at || (a.at === b.at && a.number < b.number);

function push(heap: Event[], event: Event): void {
  let index = heap.push(event) - 1;
  while (index > 0) {
    const parent = (index - 1) >> 1;
    if (!isBefore(heap[index]!, heap[parent]!)) return;
    swap(heap, index, parent);
    index = parent;
  }
}

function pop(heap: Event[]): Event | undefined {
  const first = heap[0];
  const last = heap.pop();
  if (first === undefined || last === undefined || heap.length === 0) return first;
  heap[0] = last;
  for (let index = 0; ; ) {
    const [left, right] = [2 * index + 1, 2 * index + 2];
    let least = index;
    if (left < heap.length && isBefore(heap[left]!, heap[least]!)) least = left;
    if (right < heap.length && isBefore(heap[right]!, heap[least]!)) least = right;
    if (least === index) return first;
    swap(heap, index, least);
    index = least;
  }
}

function swap(heap: Event[], a: number, b: number): void {
  [heap[a], heap[b]] = [heap[b]!, heap[a]!];
}
