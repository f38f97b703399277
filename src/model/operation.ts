/**
 * Operations: long work with an end. A row holds everything that is needed to go on after a crash: the input,
 * the step that was reached, and what is known from the last try.
 */
import type { OperatedCache, OperationInput, OperationKindName, OperationOrder } from './operation-input.ts';
import type { Cache, Scope } from './resource.ts';

export type OperationStatus = 'queued' | 'running' | 'finished' | 'failed';

export interface Operation extends Scope {
  /** Sortable: later operations have greater ids. */
  readonly id: string;
  readonly version: number;
  /** Name of an operation kind, e.g. `create-cache`; a newer version may have queued one that is not known here. */
  readonly kind: string;
  /**
   * The incarnation of the cache, or `<incarnation>/<shard>`. Operations whose locks exclude each other run one at a time,
   * in order of id. Equal locks exclude each other, and so do a cache's and each of its shards' (locks.ts).
   */
  readonly lock: string;
  /** What the operation is to do; its kind decodes it where it is read (`operation-input.ts`). */
  readonly input: unknown;
  /** What `decide` of the kind returned last; null before the first step. */
  readonly state: unknown;
  readonly status: OperationStatus;
  /** Failed attempts of the present step, as far as recorded: a first failure is not recorded, since most steps succeed after it. */
  readonly attempts: number;
  /** Why the last recorded attempt failed; null without one. Never holds a secret. */
  readonly lastError: string | null;
  /**
   * For how long Limbers have worked on the present step, whole milliseconds, as far as recorded. Time in which no Limber
   * ran does not count.
   */
  readonly workedMs: number;
  /** A sentence for people: what the operation did last, or waits for. */
  readonly sentence: string;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** The first version of an operation's row. */
export function newOperation<K extends OperationKindName>(
  kind: K,
  {
    kind: cacheKind,
    id: cacheId,
    incarnation,
    account,
    region,
  }: Pick<Cache, 'kind' | 'id' | 'incarnation' | keyof Scope>,
  order: OperationOrder<K>,
  { id, now }: { readonly id: string; readonly now: number },
): Operation {
  const cache: OperatedCache = { cacheKind, cacheId, cacheIncarnation: incarnation };
  const input: OperationInput<K> = { ...cache, ...order };
  return {
    ...{ id, account, region, kind, input },
    version: 1,
    lock: incarnation,
    state: null,
    status: 'queued',
    attempts: 0,
    lastError: null,
    workedMs: 0,
    sentence: 'queued',
    createdAt: now,
    updatedAt: now,
  };
}
