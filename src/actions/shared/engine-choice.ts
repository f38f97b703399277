/** Which engine version and parameter group a new cache gets; each limits the other (behaviour.md §5, §10). */
import { chooseEngineVersion } from '../../catalog/engine-versions.ts';
import { defaultParameterGroupName, isClusterEnabled } from '../../catalog/parameters.ts';
import type { Configuration } from '../../model/configuration.ts';
import { parseReference } from '../../model/identifiers.ts';
import type { Engine, ParameterGroup } from '../../model/resource.ts';
import { invalidCombination } from '../../model/service-errors.ts';
import type { ActionContext, ActionDeps } from '../action.ts';
import { configurationFrom, requireParameterGroup } from './default-groups.ts';

interface EngineChoice<E extends Engine = Engine> {
  readonly engine: E;
  readonly engineVersion: string;
  readonly standIn?: string;
  /** The engine that is to run, in full: `8.1.1`. */
  readonly runs: string;
  readonly parameterGroupName: string;
  /** The cache's first configuration: the parameter group as it is now. */
  readonly configurations: readonly Configuration[];
  readonly clusterMode: 'enabled' | 'disabled';
  /** Says so when the engine is not literally the version asked for (DESIGN rule 7); becomes an event. */
  readonly note: string | null;
}

interface EngineQuestion<E extends Engine> {
  readonly engine: E;
  readonly engineVersion: string | undefined;
  readonly parameterGroupName: string | undefined;
  /** Undefined: the parameter group decides, and without one it is disabled. */
  readonly clusterMode: 'enabled' | 'disabled' | undefined;
}

export async function chooseEngine<E extends Engine>(
  deps: ActionDeps,
  context: ActionContext,
  asked: EngineQuestion<E>,
): Promise<EngineChoice<E>> {
  const {
    version: engineVersion,
    runs,
    note,
    family,
    standIn,
  } = chooseEngineVersion(asked.engine, asked.engineVersion, await deps.engineOffer());
  const common = {
    ...{ engine: asked.engine, engineVersion, runs, note },
    ...(standIn === null ? {} : { standIn }),
  };
  if (asked.parameterGroupName === undefined) {
    const clusterMode = asked.clusterMode ?? 'disabled';
    const name = defaultParameterGroupName(family, clusterMode === 'enabled');
    return { ...common, clusterMode, ...using(await requireParameterGroup(deps.store, context, name)) };
  }
  const group = await requireFamily(deps, context, asked.parameterGroupName, family);
  const clusterMode = isClusterEnabled(group.desired.overrides) ? 'enabled' : 'disabled';
  if (asked.clusterMode !== undefined && asked.clusterMode !== clusterMode)
    throw invalidCombination(
      `The parameter group ${group.id} has cluster mode ${clusterMode}, and the request needs it ${asked.clusterMode}.`,
    );
  return { ...common, clusterMode, ...using(group) };
}

const using = (group: ParameterGroup) => ({
  parameterGroupName: group.id,
  configurations: [{ ...configurationFrom(group), version: 1 }],
});

/** The group of that name; refused unless it is of this family. */
export async function requireFamily(
  deps: ActionDeps,
  context: ActionContext,
  name: string,
  family: string,
): Promise<ParameterGroup> {
  const id = parseReference(name, 'CacheParameterGroupName');
  const group = await requireParameterGroup(deps.store, context, id);
  if (group.desired.family !== family)
    throw invalidCombination(
      `Expected a parameter group of family ${family} but found one of family ${group.desired.family}`,
    );
  return group;
}
