/** Operation rows, as actions commit them together with the intent that they serve. */
import type { Cache, ResourceKind } from '../../model/resource.ts';
import type { Change } from '../../store/contract.ts';
import type { ActionDeps } from '../action.ts';

/** Which cache an operation works on; the first part of every operation's input. */
export interface CacheReference {
  readonly cacheKind: Extract<ResourceKind, 'replication-group' | 'cache-cluster'>;
  readonly cacheId: string;
  readonly cacheIncarnation: string;
}

/** The change that queues an operation on a cache. Call `deps.queue.wake()` after the commit. */
export function enqueue(
  deps: Pick<ActionDeps, 'ids' | 'clock'>,
  kind: string,
  cache: Pick<Cache, 'kind' | 'id' | 'incarnation' | 'account' | 'region'>,
  input: Readonly<Record<string, unknown>> = {},
): Change {
  const now = deps.clock.now();
  const reference: CacheReference = {
    cacheKind: cache.kind,
    cacheId: cache.id,
    cacheIncarnation: cache.incarnation,
  };
  return {
    put: 'operation',
    row: {
      id: deps.ids.operationId(now),
      version: 1,
      account: cache.account,
      region: cache.region,
      kind,
      lock: cache.incarnation,
      input: { ...reference, ...input },
      state: null,
      status: 'queued',
      attempts: 0,
      lastError: null,
      sentence: 'queued',
      createdAt: now,
      updatedAt: now,
    },
  };
}
