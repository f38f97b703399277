/** Whether a cache may be changed now (behaviour.md §6). */
import type { Cache, CacheCluster, ReplicationGroup } from '../../model/resource.ts';
import { ServiceError } from '../../model/service-errors.ts';

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
