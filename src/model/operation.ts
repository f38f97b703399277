/**
 * Operations: long work with an end. A row holds everything that is needed to go on after a crash: the input,
 * the step that was reached, and what is known from the last try.
 */
import type { Scope } from './resource.ts';

export type OperationStatus = 'queued' | 'running' | 'finished' | 'failed';

export interface Operation extends Scope {
  /** Sortable: later operations have greater ids. */
  readonly id: string;
  readonly version: number;
  /** Name of an operation kind, e.g. `create-replication-group`. */
  readonly kind: string;
  /** One worker per lock at a time, in order of id: the incarnation of the cache, or `<incarnation>/<shard>`. */
  readonly lock: string;
  readonly input: unknown;
  /** What `decide` of the kind returned last; null before the first step. */
  readonly state: unknown;
  readonly status: OperationStatus;
  /** Failed attempts of the present step, as far as recorded: the first one is not, since most end with it. */
  readonly attempts: number;
  /** Why the last recorded attempt failed; null without one. Never holds a secret. */
  readonly lastError: string | null;
  /** What was done last or is waited for, in a sentence for people. */
  readonly sentence: string;
  readonly createdAt: number;
  readonly updatedAt: number;
}
