/** ModifyCacheCluster: Memcached nodes up and down, and the settings that touch no node. Rules: behaviour.md §6. */
import type { ModifyCacheClusterMessage, ModifyCacheClusterResult } from '@aws-sdk/client-elasticache';
import { parseReference } from '../../model/identifiers.ts';
import type { CacheCluster, PendingCacheClusterValues } from '../../model/resource.ts';
import { invalidCombination } from '../../model/service-errors.ts';
import type { Change } from '../../store/contract.ts';
import { enqueue } from '../../store/enqueue.ts';
import { type Action, type ActionContext, type ActionDeps, commitPlanned } from '../action.ts';
import { groupsStand } from '../shared/cache-settings.ts';
import { requireAvailableCluster } from '../shared/cache-state.ts';
import { requireAtOnce } from '../shared/log-delivery.ts';
import { requireCacheCluster } from '../shared/look-ups.ts';
import { changeParameterGroup } from '../shared/modify-parameter-group.ts';
import { isUnchanged, modifiedSettings } from '../shared/modify-settings.ts';
import { noAuthToken, notYet, refuseNotYet } from '../shared/refusals.ts';
import { nextVersion } from '../shared/rows.ts';
import { answerCluster } from './describe-cache-clusters.ts';
import { planResize, type Resize } from './resize-plan.ts';

const notBuilt = ['ScaleConfig'];

export const modifyCacheCluster =
  (deps: ActionDeps): Action<ModifyCacheClusterMessage, ModifyCacheClusterResult> =>
  async (input, context) => {
    const id = parseReference(input.CacheClusterId ?? '', 'CacheClusterId');
    refuseNotYet(input, notBuilt);
    requireAtOnce(input);
    const cluster = await commitPlanned(deps.store, async () => {
      const cluster = await requireCacheCluster(deps.store, context, id);
      if (cluster.desired.replicationGroupId)
        throw invalidCombination(
          `${id} is a member of ${cluster.desired.replicationGroupId}; use ModifyReplicationGroup.`,
        );
      if (input.AuthToken !== undefined || input.AuthTokenUpdateStrategy !== undefined)
        throw noAuthToken(cluster.desired.engine);
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
  if (!isNamed) throw invalidCombination('No modifications were requested');
  const pending = pendingAfter(cluster, resize, input);
  if (isUnchanged(cluster.desired, { ...settings, pending }) && !parameters && !resize)
    return { changes: [], result: cluster };
  const isNow = resize !== null && (input.ApplyImmediately ?? false);
  const row = nextVersion(cluster, deps.clock.now(), {
    status: isNow ? 'modifying' : cluster.status,
    desired: { ...cluster.desired, ...settings, ...parameters?.settings, pending },
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
