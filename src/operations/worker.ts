/**
 * Takes one operation to its end: look, decide, do, look again. What fails is tried again with back-off, and what
 * that means is told apart by who failed:
 * - an act: `decide` is told how often, and gives up where its kind says so. From the second failure on the count is
 *   in the row, so that a Limber that dies does not begin anew.
 * - looking or deciding: facts that nobody thought of. After a limit the kind's `giveUp` says how it ends.
 * - the store: nothing can be recorded now, and nobody is to blame: tried on for as long as it takes.
 */
import type { Operation, OperationStatus } from '../model/operation.ts';
import { type Clock, timeLimit } from '../platform/clock.ts';
import { faultPoint } from '../platform/fault-points.ts';
import type { Log } from '../platform/log.ts';
import { retryDelayMs } from '../platform/retry.ts';
import { type Change, StaleWrite, type Store, StoreUnavailable } from '../store/contract.ts';
import type { AnyOperationKind, Decision, Tries } from './operation-kind.ts';

export interface WorkerContext {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly kinds: ReadonlyMap<string, AnyOperationKind>;
  isStopped(): boolean;
  readonly failuresMax: Readonly<Record<'decision' | 'look', number>>;
  /** How often waits were ended early. */
  nudges(): number;
  /** Ends with the stop of the runner; `isWait`: with a nudge too. */
  sleep(ms: number, isWait: boolean): Promise<void>;
}

/** What an operation does at the moment, for people. */
export interface OperationProgress {
  readonly id: string;
  readonly kind: string;
  readonly lock: string;
  readonly step: string;
  readonly activity: 'looking' | 'acting' | 'waiting' | 'backing-off';
  readonly sentence: string;
  /** Since when it does this, monotonic milliseconds. */
  readonly since: number;
  /** It has passed its deadline and has not ended: nothing else happens with its cache meanwhile. */
  readonly isOverdue: boolean;
  /** Failures in a row. */
  readonly attempts: number;
  readonly lastError: string | null;
}

export interface Worker {
  /** Resolves when the operation has ended, or the runner stops. */
  run(): Promise<void>;
  /** Null before it has begun. */
  progress(): OperationProgress | null;
}

/** An act may take this much longer than its deadline before anybody is told: it is to see the signal within a second. */
const overdueAfterMs = 1_000;
/** Looks read the store and /proc. */
const lookDeadlineMs = 10_000;
/**
 * Failures in a row. The same facts give the same decision: half a minute of back-off is enough. Looks may fail for
 * reasons that pass, as too many open files: five minutes.
 */
export const failuresMax = { decision: 12, look: 66 } as const;
/** Between two attempts of what cannot be given up. */
const stuckDelayMs = 60_000;

type Failing = 'act' | 'look' | 'decision';

export function createWorker(context: WorkerContext, id: string): Worker {
  const { store, clock, log } = context;
  let operation: Operation;
  /** Of the operation, as its kind decoded it. */
  let input: unknown;
  let tries: Tries;
  let progress: OperationProgress | null = null;
  /** Of looks and decisions, in a row. */
  let failures = 0;
  let lastFailure: string | null = null;
  let staleInARow = 0;
  let isKnownStuck = false;

  function tell(activity: OperationProgress['activity'], sentence: string): void {
    const { kind, lock, state } = operation;
    const isSame = progress?.activity === activity && progress.sentence === sentence;
    progress = {
      ...{ id, kind, lock, activity, sentence, isOverdue: false },
      step: state === null ? 'beginning' : stepOf(state),
      since: isSame && progress ? progress.since : clock.monotonic(),
      attempts: Math.max(tries.attempts, failures),
      lastError: lastFailure,
    };
  }

  /** Writes the row's next version together with `changes`. */
  async function record(next: Partial<Operation>, changes: readonly Change[] = []): Promise<void> {
    const row = { ...operation, ...next, version: operation.version + 1, updatedAt: clock.now() };
    await store.commit([{ put: 'operation', row }, ...changes]);
    operation = row;
  }

  /** Nobody takes its place while it has not ended, however long that is; so it is said who holds the lock. */
  async function watched<T>(work: Promise<T>, deadlineMs: number): Promise<T> {
    const startedAt = clock.monotonic();
    let timer = clock.after(deadlineMs + overdueAfterMs, complain);
    function complain() {
      if (!progress) return;
      progress = { ...progress, isOverdue: true };
      const { kind, lock, step, activity, sentence } = progress;
      const forMs = Math.round(clock.monotonic() - startedAt);
      log.error('an operation does not end at its deadline, and nothing else can be done with its cache', {
        ...{ operation: id, kind, lock, step, activity, sentence, deadlineMs, forMs },
      });
      timer = clock.after(Math.max(forMs, 1_000), complain);
    }
    try {
      return await work;
    } finally {
      timer.stop();
    }
  }

  /** False when it has ended. */
  async function obey(kind: AnyOperationKind, decision: Decision<unknown, unknown>, nudgesBefore: number) {
    switch (decision.kind) {
      case 'go': {
        const { state, sentence, changes } = decision;
        await record({ state, attempts: 0, lastError: null, sentence }, changes);
        [tries, lastFailure] = [untried, null];
        faultPoint(`${kind.name}:${stepOf(state)}`);
        return true;
      }
      case 'act':
        tell('acting', decision.sentence);
        await perform(kind, decision.act, decision.deadlineMs);
        tries = { ...tries, successes: tries.successes + 1 };
        faultPoint(`${kind.name}:${stepOf(operation.state)}:acted`);
        return true;
      case 'wait':
        tell('waiting', decision.sentence);
        // What it waits for may have happened while it looked.
        if (context.nudges() === nudgesBefore) await context.sleep(decision.retryAfterMs, true);
        return true;
      case 'finish':
      case 'fail': {
        const status: OperationStatus = decision.kind === 'finish' ? 'finished' : 'failed';
        await record({ status, sentence: decision.sentence }, decision.changes);
        faultPoint(`${kind.name}:${status}`);
        log[status === 'finished' ? 'info' : 'error'](decision.sentence, { operation: id });
        return false;
      }
      default:
        return decision satisfies never;
    }
  }

  async function perform(kind: AnyOperationKind, act: unknown, deadlineMs: number): Promise<void> {
    const limit = timeLimit(clock, deadlineMs);
    try {
      await watched(kind.perform(act, input, limit.signal), deadlineMs);
    } finally {
      limit.stop();
    }
  }

  /** One round. False when there is nothing more to do. */
  async function round(kind: AnyOperationKind): Promise<boolean> {
    const nudgesBefore = context.nudges();
    let failing: Failing = 'decision';
    try {
      if (operation.state === null) {
        await record({ status: 'running', state: kind.first(input) });
        faultPoint(`${kind.name}:begun`);
      }
      failing = 'look';
      if (progress?.activity !== 'waiting') tell('looking', operation.sentence);
      const seen = await watched(kind.observe(input, operation.state), lookDeadlineMs);
      failing = 'decision';
      const decision = kind.decide(input, operation.state, seen, tries);
      log.debug(decision.sentence, { operation: id, kind: kind.name, decision: decision.kind });
      failing = decision.kind === 'act' ? 'act' : 'look';
      const goesOn = await obey(kind, decision, nudgesBefore);
      [failures, staleInARow, isKnownStuck] = [0, 0, false];
      return goesOn;
    } catch (error) {
      if (context.isStopped()) return false;
      if (error instanceof StaleWrite && staleInARow < context.failuresMax.look) return await lookAgain();
      return await failed(kind, error as Error, failing);
    }
  }

  /** Somebody was faster: once is usual, again and again is a defect that must not take a whole core. */
  async function lookAgain(): Promise<boolean> {
    if (!(await readAgain())) return false;
    if (staleInARow > 0) await context.sleep(retryDelayMs(staleInARow), false);
    staleInARow += 1;
    return true;
  }

  async function readAgain(): Promise<boolean> {
    const fresh = await store.operation(id);
    if (!fresh || hasEnded(fresh)) return false;
    operation = fresh;
    return true;
  }

  async function failed(kind: AnyOperationKind, error: Error, failing: Failing): Promise<boolean> {
    const isStore = error instanceof StoreUnavailable;
    lastFailure = error.message;
    if (failing === 'act' && !isStore) {
      tries = { ...tries, attempts: tries.attempts + 1, lastError: error };
      if (tries.attempts > 1) await keepCount();
    } else failures += 1;
    const attempts = failing === 'act' && !isStore ? tries.attempts : failures;
    log.warn('an attempt failed and is made again', { operation: id, kind: kind.name, attempts, error });
    const limit = context.failuresMax[failing === 'decision' ? 'decision' : 'look'];
    const isStuck = failing !== 'act' && !isStore && attempts >= limit;
    if (isStuck && !isKnownStuck && (await giveUp(kind, error))) return false;
    tell('backing-off', `attempt ${attempts} failed: ${error.message}`);
    await context.sleep(isStuck ? stuckDelayMs : retryDelayMs(attempts), false);
    return true;
  }

  /** Costs a write, but only where something fails again. Without it the next Limber counts from where the last one wrote. */
  async function keepCount(): Promise<void> {
    try {
      await record({ attempts: tries.attempts, lastError: tries.lastError?.message ?? null });
    } catch (error) {
      log.debug('a failed attempt was not counted', { operation: id, error });
    }
  }

  /** True when it has ended. */
  async function giveUp(kind: AnyOperationKind, error: Error): Promise<boolean> {
    const { message } = error;
    log.error('an operation cannot go on: its facts cannot be read or judged', { operation: id, error });
    try {
      if (!(await readAgain())) return true;
      const { ends, changes } = (await kind.giveUp?.(input, message)) ?? {
        ends: false,
        changes: [],
      };
      const sentence = `it cannot go on: ${message}`;
      await record({ sentence, lastError: message, ...(ends ? { status: 'failed' } : {}) }, changes);
      isKnownStuck = true;
      if (ends) faultPoint(`${kind.name}:failed`);
      return ends;
    } catch (failure) {
      log.error('an operation that cannot go on could not be given up', { operation: id, error: failure });
      return false;
    }
  }

  /** The kind, and its input decoded; or why this version of Limber cannot run the operation. */
  function understand(): AnyOperationKind | string {
    const kind = context.kinds.get(operation.kind);
    if (!kind) return `no operation kind ${operation.kind}`;
    try {
      input = kind.decodeInput(operation.input);
      return kind;
    } catch (error) {
      return `the input of ${operation.kind} is not understood: ${(error as Error).message}`;
    }
  }

  /** A Limber that died in a back-off did not fail less often for that. */
  async function sleepWhatIsLeft(): Promise<void> {
    if (tries.attempts === 0) return;
    const delayMs = retryDelayMs(tries.attempts);
    const leftMs = operation.updatedAt + delayMs - clock.now();
    tell('backing-off', `attempt ${tries.attempts} failed: ${tries.lastError?.message}`);
    await context.sleep(Math.min(delayMs, Math.max(0, leftMs)), false);
  }

  return {
    progress: () => progress,
    async run() {
      // The queue was read a moment ago: it may have ended since.
      const first = await store.operation(id);
      if (!first || hasEnded(first)) return;
      operation = first;
      tries = triesOf(first);
      lastFailure = first.lastError;
      const kind = understand();
      if (typeof kind === 'string') {
        await record({ status: 'failed', sentence: kind });
        return;
      }
      await sleepWhatIsLeft();
      while (!context.isStopped() && (await round(kind)));
    },
  };
}

const untried: Tries = { attempts: 0, lastError: null, successes: 0 };

const triesOf = ({ attempts, lastError }: Operation): Tries => ({
  ...untried,
  attempts,
  lastError: lastError === null ? null : new Error(lastError),
});

const hasEnded = ({ status }: Operation): boolean => status === 'finished' || status === 'failed';

function stepOf(state: unknown): string {
  return typeof state === 'object' && state !== null && 'step' in state ? String(state.step) : 'only';
}
