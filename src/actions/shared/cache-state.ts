/** Whether a cache may be changed now (behaviour.md §6). */
import { rootOf } from '../../model/locks.ts';
import type { Cache, CacheCluster, ReplicationGroup } from '../../model/resource.ts';
import { ServiceError } from '../../model/service-errors.ts';
import type { ActionDeps } from '../action.ts';

/** `verb`: what the request wants to do, as AWS's text says it: `modify`, `delete`, `reboot`. */
export function requireAvailableGroup(group: ReplicationGroup, verb: string): void {
  if (group.status === 'available') return;
  throw new ServiceError(
    'InvalidReplicationGroupState',
    `Replication group must be in available state to ${verb}. ${group.id} is ${group.status}.`,
  );
}

export function requireAvailableCluster(cluster: CacheCluster, verb: string): void {
  if (cluster.status === 'available') return;
  throw new ServiceError(
    'InvalidCacheClusterState',
    `Cache cluster must be in available state to ${verb}. ${cluster.id} is ${cluster.status}.`,
  );
}

/** A cache that could not be made can be deleted, too. */
export const isDeletable = ({ status }: Pick<Cache, 'status'>): boolean =>
  status === 'available' || status === 'create-failed';

/**
 * What is being created or changed is held up: its deletion is not refused then, as ElastiCache does, because it is the
 * one way out of whatever holds it up. So it is when nothing is under way that could end that state.
 */
export async function isHeldUp(
  { store, clock, deleteAnywayAfterMs }: Pick<ActionDeps, 'store' | 'clock' | 'deleteAnywayAfterMs'>,
  { incarnation, status }: Pick<Cache, 'incarnation' | 'status'>,
): Promise<boolean> {
  if (status === 'deleting') return false;
  const own = (await store.openOperations()).filter(({ lock }) => rootOf(lock) === incarnation);
  const since = clock.now() - deleteAnywayAfterMs;
  return own.length === 0 || own.some(({ createdAt }) => createdAt <= since);
}

/** The other half of a refusal, for people. */
export const whenHeldUp = (
  { deleteAnywayAfterMs }: Pick<ActionDeps, 'deleteAnywayAfterMs'>,
  { status }: Pick<Cache, 'status'>,
): string =>
  status === 'deleting' ? '' : `, or once that has taken ${Math.round(deleteAnywayAfterMs / 1_000)} seconds`;
