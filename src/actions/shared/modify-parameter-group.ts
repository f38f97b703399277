/** Gives a cache another parameter group (behaviour.md §10), and with it its next configuration. */
import { familyOf } from '../../catalog/engine-versions.ts';
import { nodeType } from '../../catalog/node-types.ts';
import { effectiveParameters } from '../../catalog/parameters.ts';
import { type Configuration, withNextConfiguration } from '../../model/configuration.ts';
import type { Cache, ParameterGroup } from '../../model/resource.ts';
import { invalidCombination } from '../../model/service-errors.ts';
import type { Change } from '../../store/contract.ts';
import { enqueue } from '../../store/enqueue.ts';
import type { ActionContext, ActionDeps } from '../action.ts';
import { configurationFrom, groupStands, requireParameterGroup } from './default-groups.ts';
import { requireFamily } from './engine-choice.ts';

/** What the new group must have in common with the old one: the engine cannot change them in place. */
const mustAgree = ['databases', 'cluster-enabled', 'activerehashing', 'cluster-databases'];

interface ParameterGroupChange {
  readonly settings: {
    readonly parameterGroupName: string;
    readonly configurations: readonly Configuration[];
  };
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
  return {
    settings: {
      parameterGroupName: next.id,
      configurations: withNextConfiguration(desired, configurationFrom(next)),
    },
    changes: [...groupStands(next), enqueue(deps, 'apply-parameters', cache, { modifies: false })],
  };
}
