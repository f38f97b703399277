/**
 * Runs operations: of those whose locks exclude each other one at a time, in order of id; all others side by side up to
 * a bound. Everything it needs after a crash is in the row; what was not finished is taken up again at the next start.
 *
 * - A deletion waits for nothing: what is under way or queued before it on the same cache is cancelled.
 * - A kind or step that this version does not know, since a newer one has written it, is left as it is for a newer one;
 *   `limber status` shows that. It keeps its lock, so that only a deletion changes its cache meanwhile.
 */
import { excludes, LockSet, rootOf } from '../model/locks.ts';
import type { Operation } from '../model/operation.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import { StaleWrite, type Store } from '../store/contract.ts';
import type { AnyOperationKind } from './operation-kind.ts';
import { type OperationProgress, unknownProgress } from './progress.ts';
import { createWorker, failuresMax, type Worker, type WorkerContext } from './worker.ts';

export interface Runner {
  /** Makes the runner look for queued work soon. */
  wake(): void;
  /** Ends a wait of every running operation early: something that it may wait for has happened. */
  nudge(): void;
  /** What is under way, oldest first. Each holds its lock until it has ended: no other operation of its cache begins. */
  progress(): readonly OperationProgress[];
  /**
   * Takes no further step; resolves when the acts under way have ended or `graceMs` is over. `interrupt`: their
   * signals abort now, and they are done again by the next Limber, or after `resume`.
   */
  stop(graceMs: number, options?: { readonly interrupt: boolean }): Promise<void>;
  /** Goes on after `stop`. */
  resume(): void;
}

export interface RunnerOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly kinds: readonly AnyOperationKind[];
  /** Operations under way at one time, without failing ones. Judgement: enough to hide latencies, few enough for two cores. */
  readonly parallelMax?: number;
  /** A factor over the limits of all waits; 1 when absent. */
  readonly patience?: number;
  /** After so many failures in a row to read or judge its facts an operation is given up. */
  readonly failuresMax?: WorkerContext['failuresMax'];
}

interface Active {
  readonly lock: string;
  readonly worker: Worker;
  readonly ended: Promise<void>;
}

export function createRunner(options: RunnerOptions): Runner {
  const { store, clock, log } = options;
  const parallelMax = options.parallelMax ?? 64;
  const kinds = new Map(options.kinds.map((kind) => [kind.name, kind]));
  /** By id. */
  const active = new Map<string, Active>();
  /** By id: what is left to a newer version. */
  const unknown = new Map<string, OperationProgress>();
  const sleepers = new Map<() => void, { readonly isWait: boolean }>();
  let stopped = false;
  let looking = false;
  let lookAgain = false;
  let nudges = 0;
  const context: WorkerContext = {
    ...{ store, clock, log, sleep },
    failuresMax: options.failuresMax ?? failuresMax,
    patience: options.patience ?? 1,
    isStopped: () => stopped,
    nudges: () => nudges,
  };

  function sleep(ms: number, isWait: boolean, signal?: AbortSignal): Promise<void> {
    if (stopped || signal?.aborted) return Promise.resolve();
    // An operation that failed leaves its place to others meanwhile.
    if (!isWait) wake();
    return new Promise((resolve) => {
      const end = () => {
        timer.stop();
        signal?.removeEventListener('abort', end);
        sleepers.delete(end);
        resolve();
      };
      const timer = clock.after(ms, end);
      signal?.addEventListener('abort', end);
      sleepers.set(end, { isWait });
    });
  }

  /** Back-offs are slept out: what happens elsewhere is no reason to try again what has just failed. */
  function nudge(): void {
    nudges += 1;
    for (const [end, { isWait }] of [...sleepers]) if (isWait) end();
  }

  function start(operation: Operation, kind: AnyOperationKind): Worker {
    const { id, lock } = operation;
    const worker = createWorker(context, kind, id);
    const ended = worker
      .run()
      .then((why) => {
        if (why !== null) leave(operation, why);
      })
      .catch((error: unknown) => log.error('an operation stopped', { operation: id, error }))
      .finally(() => {
        active.delete(id);
        wake();
      });
    active.set(id, { lock, worker, ended });
    return worker;
  }

  /** To a newer version of Limber. */
  function leave(operation: Operation, why: string): void {
    const { id, kind, lock } = operation;
    const progress = unknownProgress(operation, why, clock.monotonic());
    unknown.set(id, progress);
    log.error(`an operation is left alone: ${progress.sentence}`, { operation: id, kind, lock });
  }

  /** Without those that cannot go on: however many these are, the others do. */
  function busy(): number {
    return [...active.values()].filter(({ worker }) => {
      const progress = worker.progress();
      return !progress?.isOverdue && progress?.activity !== 'backing-off';
    }).length;
  }

  async function look(): Promise<void> {
    const open = await store.openOperations();
    const isOpen = new Set(open.map(({ id }) => id));
    for (const id of unknown.keys()) if (!isOpen.has(id)) unknown.delete(id);
    const cancelled = reasonsToCancel(open);
    for (const operation of open) {
      const reason = cancelled.get(operation.id);
      if (reason === undefined) continue;
      active.get(operation.id)?.worker.cancel(reason);
      if (canBeWithdrawn(operation)) await withdraw(operation, reason);
    }
    if (lookAgain) return;
    const taken = new LockSet();
    for (const { lock } of active.values()) taken.add(lock);
    for (const operation of open) {
      const { id, lock } = operation;
      if (stopped || busy() >= parallelMax) return;
      if (active.has(id)) continue;
      const isFree = !taken.excludes(lock);
      taken.add(lock);
      if (!isFree || unknown.has(id)) continue;
      const kind = kinds.get(operation.kind);
      const reason = cancelled.get(id);
      if (!kind) leave(operation, 'does not know operations of this kind');
      else if (reason === undefined) start(operation, kind);
      else start(operation, kind).cancel(reason);
    }
  }

  /** By id, of what has to make room for a later one. */
  function reasonsToCancel(open: readonly Operation[]): Map<string, string> {
    const cancelling = new Map<string, Operation>();
    for (const operation of open)
      if (kinds.get(operation.kind)?.cancelsOthers) cancelling.set(rootOf(operation.lock), operation);
    const reasons = new Map<string, string>();
    for (const { id, lock } of open) {
      const later = cancelling.get(rootOf(lock));
      if (later && later.id > id && excludes(later.lock, lock))
        reasons.set(id, `${later.kind} takes its place`);
    }
    return reasons;
  }

  /** One that has not begun, or that nobody here can go on with, has nothing to put back. */
  const canBeWithdrawn = ({ id, kind, state }: Operation): boolean =>
    !active.has(id) && (state === null || unknown.has(id) || !kinds.has(kind));

  async function withdraw(operation: Operation, reason: string): Promise<void> {
    const { id, kind, version } = operation;
    const [sentence, updatedAt] = [`cancelled: ${reason}`, clock.now()];
    const row: Operation = { ...operation, version: version + 1, status: 'failed', sentence, updatedAt };
    try {
      await store.commit([{ put: 'operation', row }]);
      log.info(sentence, { operation: id, kind });
    } catch (error) {
      if (!(error instanceof StaleWrite)) throw error;
    }
    // The rows that were read are old now.
    unknown.delete(id);
    lookAgain = true;
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
      [...[...active.values()].flatMap(({ worker }) => worker.progress() ?? []), ...unknown.values()].sort(
        (a, b) => (a.id < b.id ? -1 : 1),
      ),
    async stop(graceMs, { interrupt } = { interrupt: false }) {
      stopped = true;
      for (const end of [...sleepers.keys()]) end();
      if (interrupt) for (const { worker } of active.values()) worker.interrupt();
      await new Promise<void>((resolve) => {
        const grace = clock.after(graceMs, resolve);
        void Promise.allSettled([...active.values()].map(({ ended }) => ended)).then(() => {
          grace.stop();
          resolve();
        });
      });
    },
    resume() {
      stopped = false;
      wake();
    },
  };
}
