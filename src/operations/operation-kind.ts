/**
 * How long work is written: a row plus a pure `decide`. It may be killed between any two lines and must resume:
 * `observe` reads the facts again, `decide` chooses from them, acts may be repeated.
 *
 * ```
 * queued ──> running: observe → decide ─┬─ go      record a new step (and changes with it), decide again
 *               ^                       ├─ act     do something repeatable, then observe again
 *               └───────────────────────┼─ wait    not yet; look again later. At its limit: go, finish or fail
 *                                       ├─ finish  ──> finished
 *                                       └─ fail    ──> failed
 * ```
 */
import {
  decodeOperationInput,
  type OperationInput,
  type OperationKindName,
} from '../model/operation-input.ts';
import type { Change } from '../store/contract.ts';

/** A decision that leaves the present step. */
export type Leaving<State> =
  | {
      readonly kind: 'go';
      readonly state: State;
      readonly sentence: string;
      readonly changes: readonly Change[];
    }
  | { readonly kind: 'finish'; readonly sentence: string; readonly changes: readonly Change[] }
  | { readonly kind: 'fail'; readonly sentence: string; readonly changes: readonly Change[] };

/** For how long something is waited for, and what follows when it has not come. */
export interface WaitLimit<State> {
  /** Until the next look, if nothing happens before. */
  readonly retryAfterMs: number;
  /**
   * The limit of the whole step: once Limbers have worked on it for so long, `otherwise` takes the place of the wait. Time
   * in which no Limber ran does not count.
   */
  readonly limitMs: number;
  /** `reason` says what was waited for in vain, and for how long. */
  otherwise(reason: string): Leaving<State>;
}

export type Decision<State, Act> =
  | Leaving<State>
  | { readonly kind: 'act'; readonly act: Act; readonly sentence: string; readonly deadlineMs: number }
  | ({ readonly kind: 'wait'; readonly sentence: string } & WaitLimit<State>);

export const go = <State>(state: State, sentence: string, changes: readonly Change[] = []) =>
  ({ kind: 'go', state, sentence, changes }) as const;
export const act = <Act>(what: Act, sentence: string, deadlineMs: number) =>
  ({ kind: 'act', act: what, sentence, deadlineMs }) as const;
export const wait = <State>(sentence: string, limit: WaitLimit<State>) =>
  ({ kind: 'wait', sentence, ...limit }) as const;
export const finish = (sentence: string, changes: readonly Change[] = []) =>
  ({ kind: 'finish', sentence, changes }) as const;
export const fail = (sentence: string, changes: readonly Change[] = []) =>
  ({ kind: 'fail', sentence, changes }) as const;

/** How an operation ends that cannot go on because of a defect of ours. */
export interface GivenUp {
  /** True: the operation ends as failed, with the changes. False: they are recorded once, and the operation is tried again, rarely. */
  readonly ends: boolean;
  readonly changes: readonly Change[];
}

/** What the runner knows about the tries of the present step. */
export interface Tries {
  /** Failed attempts of acts since the last `go`, those of a Limber before this one among them. */
  readonly attempts: number;
  readonly lastError: Error | null;
  /** Acts that ended well since the last `go`, in this life of Limber: for work whose effect cannot be asked for. */
  readonly successes: number;
}

export interface OperationKind<Input, State, Seen, Act> {
  readonly name: string;
  /** Decodes the input of a row. Throws a `TypeError` when it is not what this version writes. */
  decodeInput(input: unknown): Input;
  /** True for a kind that cancels what is under way or queued before it on the same lock: a deletion waits for nothing. */
  readonly cancelsOthers?: boolean;
  first(input: Input): State;
  observe(input: Input, state: State): Promise<Seen>;
  /** Pure: every row of its table has a unit test that needs no process. */
  decide(input: Input, state: State, seen: Seen, tries: Tries): Decision<State, Act>;
  /**
   * Repeatable. The signal aborts at the act's deadline, or when the operation is cancelled, and within a second of that
   * it is to have ended and to do nothing any more: no other operation of the cache begins before.
   */
  perform(act: Act, input: Input, signal: AbortSignal): Promise<void>;
  /**
   * The state to go on with when the operation is cancelled, for a kind that has to put something back first. Null, and for
   * a kind without this: it ends where it is.
   */
  cancelled?(input: Input, state: State): State | null;
  /**
   * Called when looking or deciding failed again and again with `reason`. It must not rely on what may have failed, and must
   * not delete anything. An operation of a kind without this is tried again, rarely.
   */
  giveUp?(input: Input, reason: string): Promise<GivenUp>;
}

/** Under which name a kind is queued, and what its rows hold. */
export const queuedAs = <K extends OperationKindName>(name: K) => ({
  name,
  decodeInput: (input: unknown): OperationInput<K> => decodeOperationInput(name, input),
});

/** The runner treats all kinds alike; each kind's own types are checked where it is written. */
// biome-ignore lint/suspicious/noExplicitAny: existential type of a heterogeneous list
export type AnyOperationKind = OperationKind<any, any, any, any>;
