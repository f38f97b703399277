/**
 * Takes one operation to its end: look, decide, do, look again. What fails is tried again with back-off, and what
 * follows depends on who failed:
 * - an act: `decide` gets to know how often, and gives up where its kind says so. From the second failure on the count is
 *   in the row, so that a Limber that dies does not begin anew.
 * - looking or deciding: facts that nobody thought of. After a limit the kind's `giveUp` says how it ends.
 * - the store: nothing can be recorded now, and nobody is to blame: it is tried again for as long as it takes.
 *
 * What does not come is not waited for without end: each wait names its limit and what follows. The time that counts is
 * that of waits and acts in which a worker was there; it is in the row, so that neither a Limber that is away nor one
 * that dies often changes the limit.
 */
import type { Operation, OperationStatus } from '../model/operation.ts';
import { type Clock, timeLimit } from '../platform/clock.ts';
import { faultPoint } from '../platform/fault-points.ts';
import type { Log } from '../platform/log.ts';
import { retryDelayMs } from '../platform/retry.ts';
import { type Change, StaleWrite, type Store, StoreUnavailable } from '../store/contract.ts';
import type { AnyOperationKind, Decision, Tries } from './operation-kind.ts';
import { createProgress, durationText, type OperationProgress, stepOf } from './progress.ts';

export interface WorkerContext {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  isStopped(): boolean;
  readonly failuresMax: Readonly<Record<'decision' | 'look', number>>;
  /** A factor over the limits of all waits. */
  readonly patience: number;
  /** How often waits were ended early. */
  nudges(): number;
  /** Ends with the stop of the runner and with the signal; `isWait`: with a nudge too. */
  sleep(ms: number, isWait: boolean, signal: AbortSignal): Promise<void>;
}

export interface Worker {
  /**
   * Resolves when the operation has ended, or the runner stops; to the reason when it has to be left to a newer version,
   * e.g. `does not know its step dividing`.
   */
  run(): Promise<string | null>;
  /** What the operation does; null before it has begun. */
  progress(): OperationProgress | null;
  /** Lets the operation end as failed at its next step, after it has put back what its kind says; the signal of its present act aborts. */
  cancel(reason: string): void;
  /** Aborts the signal of the present act, which the next Limber does again. For a runner that stops. */
  interrupt(): void;
}

/** Looks read the store and /proc. */
const lookDeadlineMs = 10_000;
/**
 * Failures in a row. The same facts give the same decision: half a minute of back-off is enough. Looks may fail for
 * reasons that pass, as too many open files: five minutes.
 */
export const failuresMax = { decision: 12, look: 66 } as const;
/** Between two attempts of an operation that cannot be given up. */
const stuckDelayMs = 60_000;
/** The time of work on a step that a Limber which is killed may leave uncounted. */
const uncountedMaxMs = 15_000;
/** A deletion waits no longer for what an operation that it cancels has to put back. A judgement. */
const putBackMaxMs = 5 * 60_000;
/** When a round took this much longer than it was to take, Limber or its machine slept, and nobody worked. */
const lateMs = 1_000;

type Failing = 'act' | 'look' | 'decision';
/** `unknown`: the state is of a newer version. */
type Outcome = 'goes-on' | 'over' | 'unknown';

/** How it was when a round began. */
interface RoundStart {
  readonly nudges: number;
  /** Monotonic milliseconds. */
  readonly at: number;
}

export function createWorker(context: WorkerContext, kind: AnyOperationKind, id: string): Worker {
  const { store, clock, log } = context;
  const progress = createProgress(clock, log);
  let operation: Operation;
  /** Of the operation, as its kind decoded it. */
  let input: unknown;
  let tries: Tries;
  /** Of looks and decisions, in a row. */
  let failures = 0;
  let lastFailure: string | null = null;
  let staleInARow = 0;
  let isKnownStuck = false;
  /** On the present step. */
  let workedMs = 0;
  /** What was done last without an end of the step, and how often in a row. */
  let repeated = { sentence: '', count: 0 };
  let cancelReason: string | null = null;
  /** When it began to put back what it had to, monotonic milliseconds. */
  let cancelledAt: number | null = null;
  /** Of what is done at the moment. */
  let interruption = new AbortController();

  function tell(activity: OperationProgress['activity'], sentence: string, limitMs: number | null = null) {
    const { kind: name, lock, state } = operation;
    progress.set({
      ...{ id, kind: name, lock, activity, sentence, limitMs, step: stepOf(state) },
      stepMs: Math.round(workedMs),
      attempts: Math.max(tries.attempts, failures),
      lastError: lastFailure,
    });
  }

  /** Writes the row's next version together with `changes`. */
  async function record(next: Partial<Operation>, changes: readonly Change[] = []): Promise<void> {
    const worked = Math.round(workedMs);
    const now = clock.now();
    const row = { ...operation, workedMs: worked, ...next, version: operation.version + 1, updatedAt: now };
    await store.commit([{ put: 'operation', row }, ...changes]);
    operation = row;
  }

  const sleep = (ms: number, isWait: boolean) => context.sleep(ms, isWait, interruption.signal);

  /** Time has passed for the limit of the step; no more of it counts than was to be taken. */
  function count(since: number, mostMs: number): void {
    workedMs += Math.min(clock.monotonic() - since, mostMs + lateMs);
  }

  async function obey(decision: Decision<unknown, unknown>, start: RoundStart): Promise<Outcome> {
    switch (decision.kind) {
      case 'go':
        await goTo(decision.state, decision.sentence, decision.changes);
        return 'goes-on';
      case 'act':
        tell('acting', decision.sentence);
        await perform(decision.act, decision.deadlineMs);
        tries = { ...tries, successes: tries.successes + 1 };
        faultPoint(`${kind.name}:${stepOf(operation.state)}:acted`);
        await pauseIfRepeated(decision.sentence);
        return 'goes-on';
      case 'wait':
        return await waitFor(decision, start);
      case 'finish':
      case 'fail':
        await end(decision.kind === 'finish' ? 'finished' : 'failed', decision.sentence, decision.changes);
        return 'over';
      default:
        decision satisfies never;
        return 'unknown';
    }
  }

  async function waitFor(
    { sentence, retryAfterMs, ...limit }: Extract<Decision<unknown, unknown>, { kind: 'wait' }>,
    start: RoundStart,
  ): Promise<Outcome> {
    const limitMs = limit.limitMs * context.patience;
    if (workedMs >= limitMs) {
      const reason = `not within ${durationText(limitMs)}: ${sentence}`;
      log.warn('a step has taken as long as it may', { operation: id, reason });
      return await obey(limit.otherwise(reason), start);
    }
    tell('waiting', sentence, limitMs);
    // What the operation waits for may have happened while it looked.
    if (context.nudges() === start.nudges) await sleep(retryAfterMs, true);
    count(start.at, lookDeadlineMs + retryAfterMs);
    if (workedMs - operation.workedMs > uncountedMaxMs) await record({});
    return 'goes-on';
  }

  async function goTo(state: unknown, sentence: string, changes: readonly Change[] = []): Promise<void> {
    await record({ state, attempts: 0, lastError: null, workedMs: 0, sentence }, changes);
    [tries, lastFailure, workedMs] = [untried, null, 0];
    repeated = { sentence: '', count: 0 };
    faultPoint(`${kind.name}:${stepOf(state)}`);
  }

  async function end(
    status: Extract<OperationStatus, 'finished' | 'failed'>,
    sentence: string,
    changes: readonly Change[] = [],
  ): Promise<void> {
    await record({ status, sentence }, changes);
    faultPoint(`${kind.name}:${status}`);
    log[status === 'finished' ? 'info' : 'error'](sentence, { operation: id });
  }

  async function perform(act: unknown, deadlineMs: number): Promise<void> {
    const limit = timeLimit(clock, deadlineMs);
    const signal = AbortSignal.any([limit.signal, interruption.signal]);
    const startedAt = clock.monotonic();
    try {
      await progress.watched(kind.perform(act, input, signal), deadlineMs);
    } finally {
      limit.stop();
      count(startedAt, deadlineMs);
    }
  }

  /** An act that is asked for again, though it ended well, has changed nothing. */
  async function pauseIfRepeated(sentence: string): Promise<void> {
    repeated = { sentence, count: repeated.sentence === sentence ? repeated.count + 1 : 0 };
    if (repeated.count > 0) await sleep(retryDelayMs(repeated.count), false);
  }

  /** One round. */
  async function round(): Promise<Outcome> {
    const start: RoundStart = { nudges: context.nudges(), at: clock.monotonic() };
    let failing: Failing = 'decision';
    interruption = new AbortController();
    try {
      if (cancelReason !== null && (await isOverByCancelling(cancelReason, start.at))) return 'over';
      if (operation.state === null) {
        await record({ status: 'running', state: kind.first(input) });
        faultPoint(`${kind.name}:begun`);
      }
      failing = 'look';
      if (progress.present()?.activity !== 'waiting') tell('looking', operation.sentence);
      const looking = kind.observe(input, operation.state);
      const seen = await progress.watched(looking, lookDeadlineMs);
      failing = 'decision';
      const decision = kind.decide(input, operation.state, seen, tries);
      if (!decision) return 'unknown';
      log.debug(decision.sentence, { operation: id, kind: kind.name, decision: decision.kind });
      failing = decision.kind === 'act' ? 'act' : 'look';
      const outcome = await obey(decision, start);
      [failures, staleInARow, isKnownStuck] = [0, 0, false];
      return outcome;
    } catch (error) {
      if (context.isStopped()) return 'over';
      if (cancelReason !== null && interruption.signal.aborted) return 'goes-on';
      if (error instanceof StaleWrite && staleInARow < context.failuresMax.look) return await lookAgain();
      return await failed(error as Error, failing);
    }
  }

  /** True when it has ended; else it has something to put back first, for which it has some minutes. */
  async function isOverByCancelling(reason: string, now: number): Promise<boolean> {
    if (cancelledAt !== null) {
      if (now - cancelledAt < putBackMaxMs * context.patience) return false;
      await end('failed', `cancelled: ${reason}. ${lastFailure ?? 'What it had to put back took too long'}`);
      return true;
    }
    const { state } = operation;
    const next: unknown = state === null ? null : (kind.cancelled?.(input, state) ?? null);
    if (next === null) {
      await end('failed', `cancelled: ${reason}`);
      return true;
    }
    // A Limber before this one may have begun with it.
    if (stepOf(next) !== stepOf(state)) await goTo(next, `cancelled: ${reason}`);
    cancelledAt = now;
    return false;
  }

  /** Reads the row again, since somebody was faster: once is usual, again and again is a defect that must not take a whole core. */
  async function lookAgain(): Promise<Outcome> {
    if (!(await readAgain())) return 'over';
    if (staleInARow > 0) await sleep(retryDelayMs(staleInARow), false);
    staleInARow += 1;
    return 'goes-on';
  }

  async function readAgain(): Promise<boolean> {
    const fresh = await store.operation(id);
    if (!fresh || hasEnded(fresh)) return false;
    operation = fresh;
    return true;
  }

  async function failed(error: Error, failing: Failing): Promise<Outcome> {
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
    if (isStuck && !isKnownStuck && (await giveUp(error))) return 'over';
    tell('backing-off', `attempt ${attempts} failed: ${error.message}`);
    await sleep(isStuck ? stuckDelayMs : retryDelayMs(attempts), false);
    return 'goes-on';
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
  async function giveUp(error: Error): Promise<boolean> {
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

  /** What was worked on the step counts for the next Limber too. */
  async function keepTime(): Promise<void> {
    if (Math.round(workedMs) === operation.workedMs) return;
    await record({}).catch((error: unknown) =>
      log.debug('the time of a step was not recorded', { operation: id, error }),
    );
  }

  /** Waits for the rest of a back-off in which the Limber before this one died. */
  async function sleepWhatIsLeft(): Promise<void> {
    if (tries.attempts === 0) return;
    const delayMs = retryDelayMs(tries.attempts);
    const leftMs = operation.updatedAt + delayMs - clock.now();
    tell('backing-off', `attempt ${tries.attempts} failed: ${tries.lastError?.message}`);
    await sleep(Math.min(delayMs, Math.max(0, leftMs)), false);
  }

  return {
    progress: progress.present,
    cancel(reason) {
      if (cancelReason !== null) return;
      cancelReason = reason;
      interruption.abort();
    },
    interrupt: () => interruption.abort(),
    async run() {
      // The queue was read a moment ago: the operation may have ended since.
      const first = await store.operation(id);
      if (!first || hasEnded(first)) return null;
      operation = first;
      tries = triesOf(first);
      lastFailure = first.lastError;
      workedMs = first.workedMs;
      try {
        input = kind.decodeInput(first.input);
      } catch (error) {
        return `does not understand its input (${(error as Error).message})`;
      }
      if (cancelReason === null) await sleepWhatIsLeft();
      let outcome: Outcome = 'goes-on';
      while (!context.isStopped() && outcome === 'goes-on') outcome = await round();
      if (outcome === 'goes-on') await keepTime();
      return outcome === 'unknown' ? `does not know its step ${stepOf(operation.state)}` : null;
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
