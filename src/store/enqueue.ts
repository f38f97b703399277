/** Queues operations, each in the same commit as the intent that it serves. */
import { newOperation } from '../model/operation.ts';
import type { OperationKindName, OperationOrder } from '../model/operation-input.ts';
import type { Cache } from '../model/resource.ts';
import type { Clock } from '../platform/clock.ts';
import type { Ids } from '../platform/ids.ts';
import type { Change } from './contract.ts';

/** The change that queues an operation on a cache. Wake the queue after the commit. */
export function enqueue<K extends OperationKindName>(
  { clock, ids }: { readonly clock: Pick<Clock, 'now'>; readonly ids: Pick<Ids, 'operationId'> },
  kind: K,
  cache: Pick<Cache, 'kind' | 'id' | 'incarnation' | 'account' | 'region'>,
  order: OperationOrder<K>,
): Change {
  const now = clock.now();
  return { put: 'operation', row: newOperation(kind, cache, order, { id: ids.operationId(now), now }) };
}
