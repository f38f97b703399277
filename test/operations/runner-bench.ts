/** A runner over a real store, with a small kind that does what the test says. */
import type { TestContext } from 'node:test';
import type { Operation } from '../../src/model/operation.ts';
import {
  act,
  type Decision,
  finish,
  type GivenUp,
  go,
  type OperationKind,
  type Tries,
} from '../../src/operations/operation-kind.ts';
import { createRunner, type Runner, type RunnerOptions } from '../../src/operations/runner.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import type { Store } from '../../src/store/contract.ts';
import { operation as row } from '../store/rows.ts';
import { openStore, temporaryDirectory } from '../store/stores.ts';
import { eventually } from '../support/eventually.ts';

export interface State {
  readonly step: 'first' | 'second';
}

/** What a test lets its kind do; every look and act is counted. */
export interface Script {
  readonly decide?: (input: number, state: State, seen: number, tries: Tries) => Decision<State, string>;
  readonly perform?: (what: string, input: number, signal: AbortSignal) => Promise<void>;
  readonly decodeInput?: (input: unknown) => number;
  readonly first?: (input: number) => State;
  readonly observe?: () => Promise<number>;
  readonly giveUp?: (input: number, reason: string) => Promise<GivenUp>;
  readonly cancelled?: (input: number, state: State) => State | null;
}

export interface Bench {
  readonly store: Store;
  readonly lines: string[];
  open(script: Script, options?: Partial<RunnerOptions>): Runner;
  enqueue(id: string, changes?: Partial<Operation>): Promise<void>;
  ended(id: string): Promise<Operation>;
}

/** Two acts, a step each, then the end. */
export const twoSteps: NonNullable<Script['decide']> = (_input, state, _seen, tries) => {
  if (tries.successes === 0) return act(state.step, `does ${state.step}`, 5_000);
  return state.step === 'first' ? go({ step: 'second' }, 'goes on') : finish('done');
};

export async function openBench(t: TestContext): Promise<Bench> {
  const store = await openStore(t, temporaryDirectory(t), { clock: systemClock });
  const lines: string[] = [];
  return {
    store,
    lines,
    open(script, options = {}) {
      let looks = 0;
      const kind: OperationKind<number, State, number, string> = {
        name: 'kind',
        decodeInput: script.decodeInput ?? ((input) => input as number),
        first: script.first ?? (() => ({ step: 'first' })),
        observe: script.observe ?? (async () => ++looks),
        ...(script.giveUp ? { giveUp: script.giveUp } : {}),
        ...(script.cancelled ? { cancelled: script.cancelled } : {}),
        decide: script.decide ?? twoSteps,
        async perform(what, input, signal) {
          lines.push(`${input}:${what}`);
          await script.perform?.(what, input, signal);
        },
      };
      const kinds = [kind, deletion(lines)];
      const runner = createRunner({ store, clock: systemClock, log: silentLog, kinds, ...options });
      t.after(() => runner.stop(1_000));
      return runner;
    },
    enqueue: (id, changes = {}) =>
      store.commit([{ put: 'operation', row: row(id, { kind: 'kind', input: Number(id), ...changes }) }]),
    ended: (id) =>
      eventually(async (see) => {
        const operation = see(await store.operation(id));
        return operation && ['finished', 'failed'].includes(operation.status) && operation;
      }),
  };
}

/** A kind that lets nobody go before it. */
const deletion = (lines: string[]): OperationKind<number, State, null, string> => ({
  name: 'delete',
  decodeInput: Number,
  cancelsOthers: true,
  first: () => ({ step: 'first' }),
  observe: async () => null,
  decide: (...[, , , { successes }]) => (successes > 0 ? finish('deleted') : act('delete', 'deletes', 5_000)),
  async perform(what, input) {
    lines.push(`${input}:${what}`);
  },
});

/** A door that acts wait at until the test opens it. */
export function door() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}
