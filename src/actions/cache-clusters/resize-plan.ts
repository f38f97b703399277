/** More or fewer nodes of a Memcached cluster, as ModifyCacheCluster asks for them. Rules: behaviour.md §6. */
import type { ModifyCacheClusterMessage } from '@aws-sdk/client-elasticache';
import { parseCacheNodeId } from '../../model/identifiers.ts';
import { checkQuota, checkRange, memcachedNodesMax, quotas } from '../../model/limits.ts';
import { nextFourDigitIds } from '../../model/naming.ts';
import type { CacheNode } from '../../model/node.ts';
import type { CacheCluster } from '../../model/resource.ts';
import { invalidCombination, invalidValue } from '../../model/service-errors.ts';
import { parseZone, zonesForJoining } from '../../model/zones.ts';
import type { ActionContext, ActionDeps } from '../action.ts';

/** A change of the number of nodes. */
export interface Resize {
  readonly add: readonly { readonly cacheNodeId: string; readonly availabilityZone: string }[];
  readonly remove: readonly string[];
  readonly to: number;
}

/** Null when the number stays as it is; that also cancels a change which is pending. */
export async function planResize(
  deps: ActionDeps,
  context: ActionContext,
  cluster: CacheCluster,
  nodes: readonly CacheNode[],
  input: ModifyCacheClusterMessage,
): Promise<Resize | null> {
  const { NumCacheNodes: to } = input;
  const remove = (input.CacheNodeIdsToRemove ?? []).map((id) => parseCacheNodeId(id, 'CacheNodeIdsToRemove'));
  const zones = (input.NewAvailabilityZones ?? []).map((zone) => parseZone(zone, context.region));
  checkZoneMode(cluster, nodes, zones, input.AZMode);
  if (to === undefined) {
    if (remove.length > 0 || zones.length > 0)
      throw invalidCombination('CacheNodeIdsToRemove and NewAvailabilityZones need NumCacheNodes.');
    return null;
  }
  if (cluster.desired.engine !== 'memcached') {
    if (to !== 1)
      throw invalidValue(`NumCacheNodes should be 1 if engine is ${cluster.desired.engine}; it is ${to}.`);
    return null;
  }
  if (to > memcachedNodesMax) checkQuota(quotas.memcachedNodesPerCluster, 0, to);
  checkRange('NumCacheNodes', to, 1, memcachedNodesMax);
  if (to < nodes.length) return planRemoval(cluster, nodes, to, remove);
  if (remove.length > 0)
    throw invalidCombination('CacheNodeIdsToRemove can only be given when nodes are removed.');
  if (to === nodes.length) return null;
  return planAddition(deps, context, nodes, to, zones, input.AZMode);
}

async function planAddition(
  deps: ActionDeps,
  context: ActionContext,
  nodes: readonly CacheNode[],
  to: number,
  asked: readonly string[],
  mode: string | undefined,
): Promise<Resize> {
  const count = to - nodes.length;
  if (asked.length > 0 && asked.length !== count)
    throw invalidCombination(`NewAvailabilityZones has ${asked.length} zones for ${count} new nodes.`);
  checkQuota(quotas.nodesPerRegion, await deps.store.countNodes(context), count);
  const ids = nextFourDigitIds(
    nodes.map((node) => node.cacheNodeId),
    count,
  );
  const existing = nodes.map((node) => node.availabilityZone);
  const isSpread = mode === 'cross-az' || new Set(existing).size > 1;
  const chosen = isSpread
    ? zonesForJoining(context.region, existing, count)
    : Array<string>(count).fill(existing[0] ?? '');
  const zones = asked.length > 0 ? asked : chosen;
  const add = zones.map((availabilityZone, index) => ({ cacheNodeId: ids[index]!, availabilityZone }));
  return { add, remove: [], to };
}

/** AZMode is about the nodes that are added; those that stand stay where they are. */
function checkZoneMode(
  cluster: CacheCluster,
  nodes: readonly CacheNode[],
  added: readonly string[],
  mode: string | undefined,
): void {
  if (mode === undefined) return;
  if (cluster.desired.engine !== 'memcached')
    throw invalidCombination(`AZMode is for memcached; ${cluster.id} runs ${cluster.desired.engine}.`);
  const zones = new Set([...nodes.map((node) => node.availabilityZone), ...added]);
  if (mode === 'single-az' && zones.size > 1)
    throw invalidCombination(
      `AZMode single-az cannot be: ${cluster.id} would have nodes in ${[...zones].join(', ')}.`,
    );
}

function planRemoval(
  cluster: CacheCluster,
  nodes: readonly CacheNode[],
  to: number,
  remove: readonly string[],
): Resize {
  const count = nodes.length - to;
  if (new Set(remove).size !== count || remove.length !== count)
    throw invalidCombination(
      `CacheNodeIdsToRemove must name exactly the ${count} nodes to remove; it names ${remove.length}.`,
    );
  const unknown = remove.find((id) => !nodes.some((node) => node.cacheNodeId === id));
  if (unknown)
    throw invalidValue(`CacheNodeIdsToRemove names ${unknown}, which ${cluster.id} does not have.`);
  return { add: [], remove, to };
}
