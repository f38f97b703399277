/** What configurations (model/configuration.ts) mean for a node: the values of its parameters, and what a change takes. */
import { type Configuration, configurationOf } from '../model/configuration.ts';
import type { NodeSettings } from '../model/node.ts';
import { nodeType } from './node-types.ts';
import {
  changedParameters,
  effectiveParameters,
  type ParameterChangeType,
  type ParameterValues,
} from './parameters.ts';

/** The value of every parameter of a node of this type. */
export const valuesOf = ({ family, overrides }: Configuration, cacheNodeType: string): ParameterValues =>
  effectiveParameters(family, overrides, nodeType(cacheNodeType));

type ParameterChanges = Readonly<Record<ParameterChangeType, readonly string[]>>;

/**
 * The names of the parameters that differ, by whether a running node takes them at once. Memcached reads all of them at
 * its start only, also the two that ElastiCache calls immediate (`watch`, `lru_crawler metadump`: switches of its
 * command line). Null when it is not known what the node has.
 */
export function changesBetween(
  cache: { readonly configurations: readonly Configuration[] },
  from: NodeSettings | null,
  to: NodeSettings,
): ParameterChanges | null {
  if (from?.configVersion === to.configVersion && from.cacheNodeType === to.cacheNodeType) return none;
  const before = from && configurationOf(cache, from.configVersion);
  const after = configurationOf(cache, to.configVersion);
  if (!before || !after) return null;
  return parameterChanges(
    after.family,
    valuesOf(before, from.cacheNodeType),
    valuesOf(after, to.cacheNodeType),
  );
}

const none: ParameterChanges = { immediate: [], 'requires-reboot': [] };

function parameterChanges(family: string, before: ParameterValues, after: ParameterValues): ParameterChanges {
  const changed = changedParameters(family, before, after);
  if (!family.startsWith('memcached')) return changed;
  return { immediate: [], 'requires-reboot': [...changed.immediate, ...changed['requires-reboot']] };
}
