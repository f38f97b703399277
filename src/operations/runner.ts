/**
 * Runs operations: one worker per lock at a time, in order of id, all locks side by side up to a bound. Everything
 * it needs after a crash is in the row; what was not finished is taken up again at the next start.
 */
import type { Operation } from '../model/operation.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { Store } from '../store/contract.ts';
import type { AnyOperationKind } from './operation-kind.ts';
import {
  createWorker,
  failuresMax,
  type OperationProgress,
  type Worker,
  type WorkerContext,
} from './worker.ts';

export interface Runner {
  /** Look for queued work soon. */
  wake(): void;
  /** Ends a wait of every running operation early: something that it may wait for has happened. */
  nudge(): void;
  /** What is under way, oldest first. Each holds its lock until it has ended: no other operation of its cache begins. */
  progress(): readonly OperationProgress[];
  /** Stops taking steps; resolves when the acts under way have ended or `graceMs` is over. */
  stop(graceMs: number): Promise<void>;
}

export interface RunnerOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly kinds: readonly AnyOperationKind[];
  /** Operations under way at one time, without failing ones. Judgement: enough to hide latencies, few enough for two cores. */
  readonly parallelMax?: number;
  /** After so many failures in a row to look at or judge its facts an operation is given up. */
  readonly failuresMax?: WorkerContext['failuresMax'];
}

interface Active {
  readonly worker: Worker;
  readonly ended: Promise<void>;
}

export function createRunner(options: RunnerOptions): Runner {
  const { store, clock, log } = options;
  const parallelMax = options.parallelMax ?? 64;
  const active = new Map<string, Active>();
  const sleepers = new Map<() => void, { readonly isWait: boolean }>();
  let stopped = false;
  let looking = false;
  let lookAgain = false;
  let nudges = 0;
  const context: WorkerContext = {
    ...{ store, clock, log, sleep },
    kinds: new Map(options.kinds.map((kind) => [kind.name, kind])),
    failuresMax: options.failuresMax ?? failuresMax,
    isStopped: () => stopped,
    nudges: () => nudges,
  };

  function sleep(ms: number, isWait: boolean): Promise<void> {
    if (stopped) return Promise.resolve();
    // One that failed leaves its place to others meanwhile.
    if (!isWait) wake();
    return new Promise((resolve) => {
      const end = () => {
        timer.stop();
        sleepers.delete(end);
        resolve();
      };
      const timer = clock.after(ms, end);
      sleepers.set(end, { isWait });
    });
  }

  /** Back-offs are slept out: what happens elsewhere is no reason to try again what has just failed. */
  function nudge(): void {
    nudges += 1;
    for (const [end, { isWait }] of [...sleepers]) if (isWait) end();
  }

  function start(operation: Operation): void {
    const worker = createWorker(context, operation.id);
    const ended = worker
      .run()
      .catch((error: unknown) => log.error('an operation stopped', { operation: operation.id, error }))
      .finally(() => {
        active.delete(operation.lock);
        wake();
      });
    active.set(operation.lock, { worker, ended });
  }

  /** Without those that cannot go on: however many these are, the others do. */
  function busy(): number {
    return [...active.values()].filter(({ worker }) => {
      const progress = worker.progress();
      return !progress?.isOverdue && progress?.activity !== 'backing-off';
    }).length;
  }

  async function look(): Promise<void> {
    const seen = new Set<string>();
    for (const operation of await store.openOperations()) {
      if (stopped || busy() >= parallelMax) return;
      if (seen.has(operation.lock)) continue;
      seen.add(operation.lock);
      if (!active.has(operation.lock)) start(operation);
    }
  }

  function wake(): void {
    lookAgain = true;
    if (looking || stopped) return;
    looking = true;
    void (async () => {
      while (lookAgain && !stopped) {
        lookAgain = false;
        await look().catch(async (error: unknown) => {
          log.error('the queue of operations could not be read', { error });
          await sleep(1_000, false);
          lookAgain = true;
        });
      }
      looking = false;
    })();
  }

  return {
    wake,
    nudge,
    progress: () =>
      [...active.values()]
        .flatMap(({ worker }) => worker.progress() ?? [])
        .sort((a, b) => (a.id < b.id ? -1 : 1)),
    async stop(graceMs) {
      stopped = true;
      for (const end of [...sleepers.keys()]) end();
      await new Promise<void>((resolve) => {
        const grace = clock.after(graceMs, resolve);
        void Promise.allSettled([...active.values()].map(({ ended }) => ended)).then(() => {
          grace.stop();
          resolve();
        });
      });
    },
  };
}
