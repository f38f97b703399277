/**
 * What a changed parameter group means for the caches that use it: immediate parameters are applied by an operation
 * `apply-parameters` on each, the others wait for a reboot. Rules: spec/behaviour.md §10.
 */
import type { ParameterChangeType } from '../../catalog/parameters.ts';
import type { Cache, CacheObserved, ParameterGroup } from '../../model/resource.ts';
import type { Change } from '../../store/contract.ts';
import { enqueue } from '../../store/enqueue.ts';
import type { ActionDeps } from '../action.ts';
import { nextVersion } from '../shared/rows.ts';

export type ChangedNames = Readonly<Record<ParameterChangeType, readonly string[]>>;

/**
 * For every cache: its status (`pending-reboot` with the nodes to reboot, else `applying`) and the operation, with
 * input `{ parameterGroupName, names }`. When the operation has applied its names, the cache is `in-sync` only if
 * its `cacheNodeIdsToReboot` is empty. For a cache cluster these are node ids (`0001`), for a replication group
 * the ids of its members (`orders-001`), since each member's only node is `0001`.
 */
export async function applyToCaches(
  deps: ActionDeps,
  group: ParameterGroup,
  changed: ChangedNames,
  caches: readonly Cache[],
): Promise<readonly Change[]> {
  // Memcached reads all of its parameters at its start only, also those that AWS calls immediate.
  const isMemcached = group.desired.family.startsWith('memcached');
  const names = isMemcached ? [] : changed.immediate;
  const needsReboot = changed['requires-reboot'].length > 0 || names.length < changed.immediate.length;
  if (names.length === 0 && !needsReboot) return [];
  const living = caches.filter((cache) => !['deleting', 'create-failed'].includes(cache.status));
  const nodeIds = needsReboot ? await nodesToReboot(deps, living) : () => [];
  return living.flatMap((cache) => [
    { put: 'resource', row: withStatus(cache, nodeIds(cache), deps.clock.now()) },
    ...(names.length > 0
      ? [enqueue(deps, 'apply-parameters', cache, { parameterGroupName: group.id, names })]
      : []),
  ]);
}

function withStatus(cache: Cache, nodeIds: readonly string[], now: number): Cache {
  const cacheNodeIdsToReboot = [...new Set([...cache.observed.cacheNodeIdsToReboot, ...nodeIds])].sort();
  const observed: CacheObserved = {
    ...cache.observed,
    cacheNodeIdsToReboot,
    parameterApplyStatus: cacheNodeIdsToReboot.length > 0 ? 'pending-reboot' : 'applying',
  };
  return nextVersion<Cache['kind']>(cache, now, { observed }) as Cache;
}

async function nodesToReboot(
  deps: ActionDeps,
  caches: readonly Cache[],
): Promise<(cache: Cache) => readonly string[]> {
  const nodes = await deps.store.nodesOf(caches.map((cache) => cache.incarnation));
  const living = nodes.filter((node) => node.intent !== 'deleted');
  return (cache) =>
    living
      .filter((node) => node.cacheIncarnation === cache.incarnation)
      .map((node) => (cache.kind === 'replication-group' ? node.cacheClusterId : node.cacheNodeId));
}
