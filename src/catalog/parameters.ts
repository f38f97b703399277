/**
 * Parameter families and their parameters: what DescribeEngineDefaultParameters and DescribeCacheParameters show.
 * Source: data/parameters.json (AWS's tables and recorded answers).
 */
import type { Engine } from '../model/resource.ts';
import { ServiceError } from '../model/service-errors.ts';
import table from './data/parameters.json' with { type: 'json' };
import type { NodeType } from './node-types.ts';
import { nodeTypes } from './node-types.ts';
import { parameterDescriptions } from './parameter-descriptions.ts';

export type ParameterChangeType = 'immediate' | 'requires-reboot';

export interface Parameter {
  readonly name: string;
  /** For people. */
  readonly description: string;
  readonly dataType: 'string' | 'integer' | 'float' | 'boolean';
  /** Null for no value (nothing is sent on the wire), and for parameters that depend on the node type. */
  readonly defaultValue: string | null;
  /** As AWS writes it: `0-`, `1-100`, `0,20-`, `yes,no`, `-`; null when nothing is stated. */
  readonly allowedValues: string | null;
  readonly isModifiable: boolean;
  readonly changeType: ParameterChangeType;
  /** First engine version of the family that has it. */
  readonly minimumEngineVersion: string;
}

/** Parameter name → value. */
export type ParameterValues = Readonly<Record<string, string>>;

/** A group that the service itself has, read-only, for each family (and cluster flavour). */
export interface DefaultParameterGroup {
  readonly name: string;
  readonly family: string;
  readonly description: string;
  /** What differs from the family: `cluster-enabled` in the `.cluster.on` flavour. */
  readonly overrides: ParameterValues;
}

interface Family {
  readonly parameters: readonly Parameter[];
  readonly nodeTypeParameters: readonly Parameter[];
  readonly byName: ReadonlyMap<string, Parameter>;
  readonly defaultGroups: readonly DefaultParameterGroup[];
}

const families = readTable();

/** `memcached1.4` … `valkey9`. */
export const parameterFamilies: readonly string[] = [...families.keys()];

export const defaultParameterGroups: readonly DefaultParameterGroup[] = [...families.values()].flatMap(
  (family) => family.defaultGroups,
);

/** Lower-case family; throws `InvalidParameterValue` naming all of them. */
export function parseFamily(value: string, parameterName = 'CacheParameterGroupFamily'): string {
  const family = value.toLowerCase();
  if (families.has(family)) return family;
  const shown = value.length > 80 ? `${value.slice(0, 80)}…` : value;
  throw new ServiceError(
    'InvalidParameterValue',
    `${parameterName} ${shown} is not a valid parameter group family. Give one of ${parameterFamilies.join(', ')}.`,
  );
}

export function engineOfFamily(family: string): Engine {
  if (family.startsWith('memcached')) return 'memcached';
  return family.startsWith('valkey') ? 'valkey' : 'redis';
}

/** The parameters of a family in the order that AWS lists them, without those that depend on the node type. */
export function parametersOf(family: string): readonly Parameter[] {
  return familyNamed(family).parameters;
}

/** `maxmemory` and its like: shown as CacheNodeTypeSpecificParameters, never changed by users. */
export function nodeTypeParametersOf(family: string): readonly Parameter[] {
  return familyNamed(family).nodeTypeParameters;
}

/** Either kind; undefined when the family has none of that name. */
export function findParameter(family: string, name: string): Parameter | undefined {
  return familyNamed(family).byName.get(name);
}

export function findDefaultParameterGroup(name: string): DefaultParameterGroup | undefined {
  return defaultParameterGroups.find((group) => group.name === name);
}

/** `default.valkey8`, or `default.valkey8.cluster.on` for cluster mode; families before 3.2 have only the first. */
export function defaultParameterGroupName(family: string, clusterMode: boolean): string {
  return clusterMode ? `default.${family}.cluster.on` : `default.${family}`;
}

/** What a parameter that depends on the node type is on one of them; null where the type is not offered with it. */
function nodeTypeValue(parameterName: string, type: NodeType): string | null {
  switch (parameterName) {
    case 'maxmemory':
      return `${type.redisMaxmemoryBytes}`;
    case 'max_cache_memory':
      return type.memcachedMaxCacheMemoryMB === null ? null : `${type.memcachedMaxCacheMemoryMB}`;
    case 'num_threads':
      return type.memcachedNumThreads === null ? null : `${type.memcachedNumThreads}`;
    default: // client-output-buffer-limit-{replica,slave}-{hard,soft}-limit
      return `${type.replicaOutputBufferLimitBytes}`;
  }
}

/** CacheNodeTypeSpecificValues of such a parameter: every node type that is offered with the family's engine. */
export function nodeTypeValues(
  family: string,
  parameterName: string,
): readonly { type: string; value: string }[] {
  const engine = engineOfFamily(family);
  return nodeTypes.flatMap((type) => {
    const value = nodeTypeValue(parameterName, type);
    return value === null || type.minVersion[engine] === null ? [] : [{ type: type.name, value }];
  });
}

/**
 * The value of every parameter of a family: the default, the group's override over it, and what the node type
 * gives. Parameters without a value are left out.
 */
export function effectiveParameters(
  family: string,
  overrides: ParameterValues,
  type: NodeType,
): ParameterValues {
  const { parameters, nodeTypeParameters } = familyNamed(family);
  const values: Record<string, string> = {};
  for (const { name, defaultValue } of parameters) {
    const value = overrides[name] ?? defaultValue;
    if (value !== null) values[name] = value;
  }
  for (const { name } of nodeTypeParameters) values[name] = nodeTypeValue(name, type) ?? '0';
  return values;
}

/** True when a group with these overrides makes its caches run in cluster mode. */
export function isClusterEnabled(overrides: ParameterValues): boolean {
  return overrides['cluster-enabled'] === 'yes';
}

/** Names whose effective value differs, by when the change takes effect. */
export function changedParameters(
  family: string,
  before: ParameterValues,
  after: ParameterValues,
): Readonly<Record<ParameterChangeType, readonly string[]>> {
  const all = [...familyNamed(family).byName.values()];
  const changed = all.filter(({ name }) => before[name] !== after[name]);
  const names = (changeType: ParameterChangeType) =>
    changed.filter((parameter) => parameter.changeType === changeType).map(({ name }) => name);
  return { immediate: names('immediate'), 'requires-reboot': names('requires-reboot') };
}

function familyNamed(family: string): Family {
  const found = families.get(family);
  if (!found) throw new Error(`no parameter family ${family}; parse the name first`);
  return found;
}

type FamilyRow = (typeof table)['valkey9'];
type ParameterRow = Omit<FamilyRow['parameters'][number], 'default'> & { readonly default: string | null };

function readTable(): ReadonlyMap<string, Family> {
  const { _meta, ...rows } = table;
  return new Map(
    Object.entries(rows).map(([name, row]) => {
      const parameters = (row.parameters as readonly ParameterRow[]).map(readParameter);
      const nodeTypeParameters = (row.nodeTypeSpecific as readonly ParameterRow[])
        .map(readParameter)
        .map((parameter) => ({ ...parameter, defaultValue: null }));
      const byName = new Map([...parameters, ...nodeTypeParameters].map((one) => [one.name, one]));
      return [name, { parameters, nodeTypeParameters, byName, defaultGroups: readDefaultGroups(name, row) }];
    }),
  );
}

function readParameter(row: ParameterRow): Parameter {
  return {
    name: row.name,
    description: parameterDescriptions[row.name] ?? '',
    dataType: row.type as Parameter['dataType'],
    defaultValue: row.default,
    allowedValues: row.allowed,
    isModifiable: row.modifiable,
    changeType: row.changeType as ParameterChangeType,
    minimumEngineVersion: row.minVersion,
  };
}

function readDefaultGroups(family: string, row: unknown): readonly DefaultParameterGroup[] {
  const { defaultGroups, description, clusterOnDiff } = row as Partial<FamilyRow>;
  return (defaultGroups ?? []).map((name) => {
    const isClusterOn = name.endsWith('.cluster.on');
    return {
      name,
      family,
      // AWS's texts: "Default parameter group for redis7", "Customized default parameter group for redis7 with cluster mode on".
      description: isClusterOn
        ? `Customized ${lowerFirst(description)} with cluster mode on`
        : (description ?? ''),
      overrides: isClusterOn ? { ...clusterOnDiff } : {},
    };
  });
}

function lowerFirst(text = ''): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1);
}
