/**
 * Runs operations: one worker per lock at a time, in order of id, all locks side by side up to a bound. Everything
 * it needs after a crash is in the row; what was not finished is taken up again at the next start.
 */
import type { Operation, OperationStatus } from '../model/operation.ts';
import type { Clock } from '../platform/clock.ts';
import { faultPoint } from '../platform/fault-points.ts';
import type { Log } from '../platform/log.ts';
import { retryDelayMs } from '../platform/retry.ts';
import { type Change, StaleWrite, type Store } from '../store/contract.ts';
import type { AnyOperationKind, Tries } from './operation-kind.ts';

export interface Runner {
  /** Look for queued work soon. */
  wake(): void;
  /** Ends a wait of every running operation early: something that it may wait for has happened. */
  nudge(): void;
  /** Stops taking steps; resolves when the acts under way have ended or `graceMs` is over. */
  stop(graceMs: number): Promise<void>;
}

export interface RunnerOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly kinds: readonly AnyOperationKind[];
  /** Operations under way at one time. Judgement: enough to hide latencies, few enough for two cores. */
  readonly parallelMax?: number;
}

const untried: Tries = { attempts: 0, lastError: null, successes: 0 };

export function createRunner(options: RunnerOptions): Runner {
  const { store, clock, log } = options;
  const parallelMax = options.parallelMax ?? 64;
  const kinds = new Map(options.kinds.map((kind) => [kind.name, kind]));
  const active = new Map<string, Promise<void>>();
  const sleepers = new Set<() => void>();
  let stopped = false;
  let looking = false;
  let lookAgain = false;
  let nudges = 0;

  function sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        sleepers.delete(end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      sleepers.add(end);
    });
  }

  function nudge(): void {
    nudges += 1;
    for (const end of [...sleepers]) end();
  }

  /** Writes the row's next version together with `changes`; the caller goes on with what it returns. */
  async function record(
    operation: Operation,
    next: Partial<Operation>,
    changes: readonly Change[],
  ): Promise<Operation> {
    const row = { ...operation, ...next, version: operation.version + 1, updatedAt: clock.now() };
    await store.commit([{ put: 'operation', row }, ...changes]);
    return row;
  }

  async function perform(kind: AnyOperationKind, act: unknown, input: unknown, deadlineMs: number) {
    const deadline = AbortSignal.timeout(deadlineMs);
    await kind.perform(act, input, deadline);
  }

  /** Takes one operation to its end, or to the runner's stop. */
  async function run(id: string): Promise<void> {
    // The queue was read a moment ago: it may have ended since.
    const first = await store.operation(id);
    if (!first || hasEnded(first)) return;
    const kind = kinds.get(first.kind);
    if (!kind) {
      await record(first, { status: 'failed', sentence: `no operation kind ${first.kind}` }, []);
      return;
    }
    let operation = first;
    let tries: Tries = { ...untried, attempts: first.attempts };
    let staleInARow = 0;
    while (!stopped) {
      const nudgesBefore = nudges;
      try {
        if (operation.state === null) {
          operation = await record(operation, { status: 'running', state: kind.first(operation.input) }, []);
          faultPoint(`${kind.name}:begun`);
        }
        const seen = await kind.observe(operation.input, operation.state);
        const decision = kind.decide(operation.input, operation.state, seen, tries);
        log.debug(decision.sentence, { operation: operation.id, kind: kind.name, decision: decision.kind });
        switch (decision.kind) {
          case 'go':
            operation = await record(
              operation,
              { state: decision.state, attempts: 0, sentence: decision.sentence },
              decision.changes,
            );
            tries = untried;
            faultPoint(`${kind.name}:${stepOf(decision.state)}`);
            break;
          case 'act':
            await perform(kind, decision.act, operation.input, decision.deadlineMs);
            tries = { ...tries, successes: tries.successes + 1 };
            faultPoint(`${kind.name}:${stepOf(operation.state)}:acted`);
            break;
          case 'wait':
            // What it waits for may have happened while it looked.
            if (nudges === nudgesBefore) await sleep(decision.retryAfterMs);
            break;
          case 'finish':
          case 'fail': {
            const status: OperationStatus = decision.kind === 'finish' ? 'finished' : 'failed';
            await record(operation, { status, sentence: decision.sentence }, decision.changes);
            faultPoint(`${kind.name}:${status}`);
            log[status === 'finished' ? 'info' : 'error'](decision.sentence, { operation: operation.id });
            return;
          }
          default:
            decision satisfies never;
        }
        staleInARow = 0;
      } catch (error) {
        if (stopped) return;
        if (error instanceof StaleWrite) {
          const fresh = await store.operation(operation.id);
          if (!fresh || hasEnded(fresh)) return;
          operation = fresh;
          // Somebody was faster: once is usual, again and again is a defect that must not take a whole core.
          if (staleInARow > 0) await sleep(retryDelayMs(staleInARow));
          staleInARow += 1;
          continue;
        }
        tries = { ...tries, attempts: tries.attempts + 1, lastError: error as Error };
        log.warn('an attempt failed and is made again', { operation: operation.id, kind: kind.name, error });
        await sleep(retryDelayMs(tries.attempts));
      }
    }
  }

  function start(operation: Operation): void {
    const running = run(operation.id)
      .catch((error: unknown) => log.error('an operation stopped', { operation: operation.id, error }))
      .finally(() => {
        active.delete(operation.lock);
        wake();
      });
    active.set(operation.lock, running);
  }

  async function look(): Promise<void> {
    const seen = new Set<string>();
    for (const operation of await store.openOperations()) {
      if (stopped || active.size >= parallelMax) return;
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
          await sleep(1_000);
          lookAgain = true;
        });
      }
      looking = false;
    })();
  }

  return {
    wake,
    nudge,
    async stop(graceMs) {
      stopped = true;
      nudge();
      const grace = new Promise<void>((resolve) => setTimeout(resolve, graceMs).unref());
      await Promise.race([Promise.allSettled(active.values()), grace]);
    },
  };
}

const hasEnded = ({ status }: Operation): boolean => status === 'finished' || status === 'failed';

function stepOf(state: unknown): string {
  return typeof state === 'object' && state !== null && 'step' in state ? String(state.step) : 'only';
}
