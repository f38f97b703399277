/** ModifyCacheCluster: Memcached nodes up and down, and the settings that touch no node. Rules: behaviour.md §6. */
import type { ModifyCacheClusterMessage, ModifyCacheClusterResult } from '@aws-sdk/client-elasticache';
import { parseCacheNodeId, parseReference } from '../model/identifiers.ts';
import { checkQuota, checkRange, memcachedNodesMax, quotas } from '../model/limits.ts';
import { nextFourDigitIds } from '../model/naming.ts';
import type { CacheNode } from '../model/node.ts';
import type { CacheCluster, PendingCacheClusterValues } from '../model/resource.ts';
import { ServiceError } from '../model/service-errors.ts';
import { parseZone, zonesForJoining } from '../model/zones.ts';
import type { Change } from '../store/contract.ts';
import { type Action, type ActionContext, type ActionDeps, commitPlanned } from './action.ts';
import { groupsStand, notYet, refuseNotYet } from './cache-settings.ts';
import { requireAvailableCluster } from './cache-state.ts';
import { answerCluster, requireCacheCluster } from './describe-caches.ts';
import { enqueue } from './enqueue.ts';
import { nextVersion } from './group-row.ts';
import { changeParameterGroup } from './modify-parameter-group.ts';
import { isUnchanged, modifiedSettings } from './modify-settings.ts';

const notBuilt = ['AuthToken', 'AuthTokenUpdateStrategy', 'LogDeliveryConfigurations', 'ScaleConfig'];

const combination = (message: string) => new ServiceError('InvalidParameterCombination', message);
const invalid = (message: string) => new ServiceError('InvalidParameterValue', message);

export const modifyCacheCluster =
  (deps: ActionDeps): Action<ModifyCacheClusterMessage, ModifyCacheClusterResult> =>
  async (input, context) => {
    const id = parseReference(input.CacheClusterId ?? '', 'CacheClusterId');
    refuseNotYet(input, notBuilt);
    const cluster = await commitPlanned(deps.store, async () => {
      const cluster = await requireCacheCluster(deps.store, context, id);
      if (cluster.desired.replicationGroupId)
        throw combination(
          `${id} is a member of ${cluster.desired.replicationGroupId}; use ModifyReplicationGroup.`,
        );
      refuseMoves(cluster, input);
      requireAvailableCluster(cluster, 'modify');
      return plan(deps, context, cluster, input);
    });
    deps.queue.wake();
    return { CacheCluster: await answerCluster(deps, cluster) };
  };

function refuseMoves({ desired }: CacheCluster, input: ModifyCacheClusterMessage): void {
  const asked: readonly (readonly [string, unknown, unknown])[] = [
    ['CacheNodeType', input.CacheNodeType, desired.cacheNodeType],
    ['Engine', input.Engine, desired.engine],
    ['EngineVersion', input.EngineVersion, desired.engineVersion],
  ];
  for (const [name, value, current] of asked)
    if (value !== undefined && value !== current) throw notYet(name, value, String(current));
}

/** A change of the number of nodes. */
interface Resize {
  readonly add: readonly { readonly cacheNodeId: string; readonly availabilityZone: string }[];
  readonly remove: readonly string[];
  readonly to: number;
}

async function plan(
  deps: ActionDeps,
  context: ActionContext,
  cluster: CacheCluster,
  input: ModifyCacheClusterMessage,
): Promise<{ changes: readonly Change[]; result: CacheCluster }> {
  const settings = await modifiedSettings(deps, context, cluster.desired, input);
  const nodes = (await deps.store.nodesOf([cluster.incarnation])).filter((node) => node.intent !== 'deleted');
  const resize = await planResize(deps, context, cluster, nodes, input);
  const asked = input.CacheParameterGroupName;
  const parameters = asked === undefined ? null : await changeParameterGroup(deps, context, cluster, asked);
  const isNamed =
    Object.keys(settings).length > 0 ||
    [asked, input.NumCacheNodes, input.AZMode].some((given) => given !== undefined);
  if (!isNamed) throw combination('No modifications were requested');
  const pending = pendingAfter(cluster, resize, input);
  if (isUnchanged(cluster.desired, { ...settings, pending }) && !parameters && !resize)
    return { changes: [], result: cluster };
  const isNow = resize !== null && (input.ApplyImmediately ?? false);
  const row = nextVersion(cluster, deps.clock.now(), {
    status: isNow ? 'modifying' : cluster.status,
    desired: {
      ...cluster.desired,
      ...settings,
      pending,
      ...(parameters ? { parameterGroupName: parameters.parameterGroupName } : {}),
    },
    observed: { ...cluster.observed, ...parameters?.observed },
  });
  const changes: Change[] = [...groupsStand(row), { put: 'resource', row }, ...(parameters?.changes ?? [])];
  if (isNow)
    changes.push(
      enqueue(deps, 'resize-memcached', cluster, {
        from: nodes.length,
        add: resize.add,
        remove: resize.remove,
      }),
    );
  return { changes, result: row };
}

/** Null when the number stays as it is; that also cancels a change which is pending. */
async function planResize(
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
      throw combination('CacheNodeIdsToRemove and NewAvailabilityZones need NumCacheNodes.');
    return null;
  }
  if (cluster.desired.engine !== 'memcached') {
    if (to !== 1)
      throw invalid(`NumCacheNodes should be 1 if engine is ${cluster.desired.engine}; it is ${to}.`);
    return null;
  }
  if (to > memcachedNodesMax) checkQuota(quotas.memcachedNodesPerCluster, 0, to);
  checkRange('NumCacheNodes', to, 1, memcachedNodesMax);
  if (to < nodes.length) return planRemoval(cluster, nodes, to, remove);
  if (remove.length > 0) throw combination('CacheNodeIdsToRemove can only be given when nodes are removed.');
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
    throw combination(`NewAvailabilityZones has ${asked.length} zones for ${count} new nodes.`);
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
    throw combination(`AZMode is for memcached; ${cluster.id} runs ${cluster.desired.engine}.`);
  const zones = new Set([...nodes.map((node) => node.availabilityZone), ...added]);
  if (mode === 'single-az' && zones.size > 1)
    throw combination(
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
    throw combination(
      `CacheNodeIdsToRemove must name exactly the ${count} nodes to remove; it names ${remove.length}.`,
    );
  const unknown = remove.find((id) => !nodes.some((node) => node.cacheNodeId === id));
  if (unknown) throw invalid(`CacheNodeIdsToRemove names ${unknown}, which ${cluster.id} does not have.`);
  return { add: [], remove, to };
}

/** What waits for the maintenance window after this request. */
function pendingAfter(
  cluster: CacheCluster,
  resize: Resize | null,
  input: ModifyCacheClusterMessage,
): PendingCacheClusterValues {
  if (input.NumCacheNodes === undefined) return cluster.desired.pending;
  const { numCacheNodes, cacheNodeIdsToRemove, newAvailabilityZones, ...rest } = cluster.desired.pending;
  if (!resize) return rest;
  return {
    ...rest,
    numCacheNodes: resize.to,
    ...(resize.remove.length > 0 ? { cacheNodeIdsToRemove: resize.remove } : {}),
    ...(resize.add.length > 0
      ? { newAvailabilityZones: resize.add.map((slot) => slot.availabilityZone) }
      : {}),
  };
}
