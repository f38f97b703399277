/**
 * What every action gets. An action reads, checks, records intent and shapes the answer: it sees the store and
 * the queue of operations, so that an API call cannot touch a process.
 */

import type { EngineOffer } from '../catalog/engine-versions.ts';
import type { NodeGroup } from '../model/node.ts';
import type { Scope } from '../model/resource.ts';
import type { Clock } from '../platform/clock.ts';
import type { Ids } from '../platform/ids.ts';
import { type Change, StaleWrite, type Store } from '../store/contract.ts';

/** The identity and the time of one request; region from the credential scope, account from the access key. */
export interface ActionContext extends Scope {
  readonly requestId: string;
  readonly accessKeyId: string;
  readonly now: Date;
  readonly signal: AbortSignal;
}

/** Wakes the workers after an operation row was committed. Waking is free and may be repeated. */
interface OperationQueue {
  wake(): void;
}

/** By fresh facts of the processes, which an action may look at and not touch. Sentences for people; null when all is well. */
interface Copies {
  /** Why these nodes (incarnations) cannot leave their node group now: nobody else is known to hold its data. */
  whyNeeded(shard: ShardReference, going: readonly string[]): Promise<string | null>;
  /** Why nobody could take over from the primary of the node group now. */
  whyNoHeir(shard: ShardReference): Promise<string | null>;
}

type ShardReference = Pick<NodeGroup, 'cacheIncarnation' | 'nodeGroupId'>;

export interface ActionDeps {
  readonly store: Store;
  readonly copies: Copies;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly queue: OperationQueue;
  /** The engine versions that can be asked for. */
  readonly engineOffer: () => Promise<EngineOffer>;
  /** DNS suffix of endpoint names (`cache.example.com`), or null: then endpoints are shown as addresses. */
  readonly dnsZone: string | null;
  /** How long a Describe of one id that is still changing is held, milliseconds; 0 = never. */
  readonly describeHoldMs: number;
  /** Node groups that TestFailover may be called for in any 24 hours, per account. */
  readonly testFailoversPerDay: number;
  /** Whether CreateCacheCluster makes single Valkey nodes. */
  readonly allowValkeyCacheClusters: boolean;
  /** A cache that has been creating or changing for this long can be deleted all the same, milliseconds. */
  readonly deleteAnywayAfterMs: number;
}

export type Action<Input, Output> = (input: Input, context: ActionContext) => Promise<Output>;

/**
 * Commits what `plan` returns; when a row changed under it, plans anew from fresh rows. So two requests that race
 * for one id end as one success and one AlreadyExists, which the second plan finds.
 */
export async function commitPlanned<T>(
  store: Store,
  plan: () => Promise<{ readonly changes: readonly Change[]; readonly result: T }>,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    const { changes, result } = await plan();
    try {
      await store.commit(changes);
      return result;
    } catch (error) {
      if (!(error instanceof StaleWrite) || attempt >= 10) throw error;
    }
  }
}
