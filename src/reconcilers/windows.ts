/** Applies in the maintenance window what ApplyImmediately=false has left waiting (behaviour.md §6, §12). */
import type { Fleet } from '../fleet/fleet.ts';
import { nextFourDigitIds } from '../model/naming.ts';
import type { Cache, CacheCluster, ReplicationGroup } from '../model/resource.ts';
import { isInWindow, parseMaintenanceWindow } from '../model/windows.ts';
import { type Change, StaleWrite } from '../store/contract.ts';
import { enqueue } from '../store/enqueue.ts';

export async function applyPendingValues(fleet: Fleet, wake: () => void): Promise<void> {
  const now = fleet.clock.now();
  for (const cache of await fleet.store.cachesWithPendingValues()) {
    const window = parseMaintenanceWindow(cache.desired.maintenanceWindow);
    if (cache.status !== 'available' || !isInWindow(window, new Date(now))) continue;
    const changes = await changesFor(fleet, cache, now);
    if (changes.length === 0) continue;
    try {
      await fleet.store.commit(changes);
    } catch (error) {
      // Somebody changed the cache a moment ago: the next round sees what they wanted.
      if (!(error instanceof StaleWrite)) throw error;
    }
    wake();
  }
}

async function changesFor(fleet: Fleet, cache: Cache, now: number): Promise<Change[]> {
  if (cache.kind !== 'cache-cluster') return promotion(fleet, cache as ReplicationGroup, now);
  const cluster = cache as CacheCluster;
  const { numCacheNodes, cacheNodeIdsToRemove = [], newAvailabilityZones = [] } = cluster.desired.pending;
  if (numCacheNodes === undefined) return [];
  const nodes = (await fleet.store.nodesOf([cluster.incarnation])).filter(
    (node) => node.intent !== 'deleted',
  );
  const ids = nextFourDigitIds(
    nodes.map((node) => node.cacheNodeId),
    newAvailabilityZones.length,
  );
  const add = newAvailabilityZones.map((availabilityZone, index) => ({
    cacheNodeId: ids[index] as string,
    availabilityZone,
  }));
  return [
    {
      put: 'resource',
      row: { ...cluster, version: cluster.version + 1, status: 'modifying', updatedAt: now },
    },
    enqueue(fleet, 'resize-memcached', cluster, {
      from: nodes.length,
      add,
      remove: cacheNodeIdsToRemove,
    }),
  ];
}

/** A planned promotion (ModifyReplicationGroup with PrimaryClusterId, not at once). */
function promotion(fleet: Fleet, group: ReplicationGroup, now: number): Change[] {
  const { primaryClusterId: clusterId } = group.desired.pending;
  if (clusterId === undefined) return [];
  return [
    {
      put: 'resource',
      row: { ...group, version: group.version + 1, status: 'modifying', updatedAt: now },
    },
    enqueue(fleet, 'promote-member', group, { clusterId }),
  ];
}
