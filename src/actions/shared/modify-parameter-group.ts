/** Gives a cache another parameter group (behaviour.md §10): immediate differences apply at once. */
import { familyOf } from '../../catalog/engine-versions.ts';
import { nodeType } from '../../catalog/node-types.ts';
import { changedParameters, effectiveParameters } from '../../catalog/parameters.ts';
import type { Cache, CacheObserved, ParameterGroup } from '../../model/resource.ts';
import { invalidCombination } from '../../model/service-errors.ts';
import type { Change } from '../../store/contract.ts';
import { enqueue } from '../../store/enqueue.ts';
import type { ActionContext, ActionDeps } from '../action.ts';
import { groupStands, requireParameterGroup } from './default-groups.ts';
import { requireFamily } from './engine-choice.ts';

/** What the new group must have in common with the old one: the engine cannot change them in place. */
const mustAgree = ['databases', 'cluster-enabled', 'activerehashing', 'cluster-databases'];

export interface ParameterGroupChange {
  readonly parameterGroupName: string;
  readonly observed: Partial<CacheObserved>;
  readonly changes: readonly Change[];
}

export async function changeParameterGroup(
  deps: ActionDeps,
  context: ActionContext,
  cache: Cache,
  name: string,
): Promise<ParameterGroupChange | null> {
  const { desired } = cache;
  const family = familyOf(desired.engine, desired.engineVersion);
  if (!family) throw new Error(`${desired.engine} ${desired.engineVersion} has no parameter family`);
  const next = await requireFamily(deps, context, name, family);
  if (next.id === desired.parameterGroupName) return null;
  const current = await requireParameterGroup(deps.store, context, desired.parameterGroupName);
  const type = nodeType(desired.cacheNodeType);
  const values = (group: ParameterGroup) => effectiveParameters(family, group.desired.overrides, type);
  const [before, after] = [values(current), values(next)];
  const differing = mustAgree.find((parameter) => before[parameter] !== after[parameter]);
  if (differing)
    throw invalidCombination(
      `The parameter group ${next.id} has ${differing} ${after[differing]}, and ${cache.id} runs with ${before[differing]}.`,
    );
  const changed = changedParameters(family, before, after);
  // Memcached reads all of its parameters at its start only.
  const immediate = desired.engine === 'memcached' ? [] : changed.immediate;
  const needsReboot = changed['requires-reboot'].length > 0 || immediate.length < changed.immediate.length;
  return {
    parameterGroupName: next.id,
    observed: await observedOf(deps, cache, immediate, needsReboot),
    changes: [
      ...groupStands(next),
      ...(immediate.length > 0
        ? [enqueue(deps, 'apply-parameters', cache, { parameterGroupName: next.id, names: immediate })]
        : []),
    ],
  };
}

async function observedOf(
  deps: ActionDeps,
  cache: Cache,
  immediate: readonly string[],
  needsReboot: boolean,
): Promise<Partial<CacheObserved>> {
  if (!needsReboot) return immediate.length > 0 ? { parameterApplyStatus: 'applying' } : {};
  const nodes = await deps.store.nodesOf([cache.incarnation]);
  const ids = nodes
    .filter((node) => node.intent !== 'deleted')
    .map((node) => (cache.kind === 'replication-group' ? node.cacheClusterId : node.cacheNodeId));
  return { parameterApplyStatus: 'pending-reboot', cacheNodeIdsToReboot: ids.sort() };
}
