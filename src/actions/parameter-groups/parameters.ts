/** DescribeCacheParameters and DescribeEngineDefaultParameters. Wire forms: spec/parameters.json `_meta.wire`. */
import type {
  CacheNodeTypeSpecificParameter,
  CacheParameterGroupDetails,
  DescribeCacheParametersMessage,
  DescribeEngineDefaultParametersMessage,
  DescribeEngineDefaultParametersResult,
  Parameter as WireParameter,
} from '@aws-sdk/client-elasticache';
import {
  nodeTypeParametersOf,
  nodeTypeValues,
  type Parameter,
  type ParameterValues,
  parametersOf,
  parseFamily,
} from '../../catalog/parameters.ts';
import { parseReference } from '../../model/identifiers.ts';
import { pageOf, parsePage } from '../../model/paging.ts';
import { invalidValue } from '../../model/service-errors.ts';
import type { Action, ActionDeps } from '../action.ts';
import { describedParameterGroup, isVirtual } from '../shared/default-groups.ts';

/**
 * The sources that a request may filter by. `user` is what somebody set in the group, `system` everything else; no
 * parameter is ever shown as `engine-default`, so that filter finds none.
 */
const sources = ['user', 'system', 'engine-default'] as const;
type Source = (typeof sources)[number];

export const describeCacheParameters =
  (deps: ActionDeps): Action<DescribeCacheParametersMessage, CacheParameterGroupDetails> =>
  async (input, context) => {
    const source = parseSource(input.Source);
    const name = parseReference(input.CacheParameterGroupName ?? '', 'CacheParameterGroupName');
    const group = await describedParameterGroup(deps.store, context, name);
    const { family, overrides } = group.desired;
    return describe(input, family, { overrides, isUsers: !isVirtual(group), source });
  };

export const describeEngineDefaultParameters =
  (
    _deps: ActionDeps,
  ): Action<DescribeEngineDefaultParametersMessage, DescribeEngineDefaultParametersResult> =>
  async (input) => {
    const family = parseFamily(input.CacheParameterGroupFamily ?? '');
    const page = describe(input, family, { overrides: {}, isUsers: false, source: undefined });
    return { EngineDefaults: { CacheParameterGroupFamily: family, ...page } };
  };

interface Shown {
  readonly overrides: ParameterValues;
  /** False for a default group, whose overrides are the service's own. */
  readonly isUsers: boolean;
  readonly source: Source | undefined;
}

/**
 * One page. The parameters that depend on the node type are few, are not counted in MaxRecords, and come with the
 * first page, so that whoever reads all pages has them once.
 */
function describe(
  input: { readonly Marker?: string | undefined; readonly MaxRecords?: number | undefined },
  family: string,
  { overrides, isUsers, source }: Shown,
): CacheParameterGroupDetails {
  const request = parsePage(input);
  const sourceOf = ({ name }: Parameter): Source => (isUsers && name in overrides ? 'user' : 'system');
  const listed = parametersOf(family)
    // AWS's order is not that of the names, so a marker holds the place in the family's list, which never changes.
    .map((parameter, index) => ({ parameter, key: String(index).padStart(4, '0') }))
    .filter(({ parameter }) => source === undefined || source === sourceOf(parameter));
  const page = pageOf(listed, ({ key }) => key, request);
  const isFirst = request.fromKey === null && (source === undefined || source === 'system');
  return {
    Parameters: page.items.map(({ parameter }) => ({
      ...shape(parameter, sourceOf(parameter)),
      ...shownValue(overrides[parameter.name] ?? parameter.defaultValue),
    })),
    CacheNodeTypeSpecificParameters: isFirst
      ? nodeTypeParametersOf(family).map((parameter) => shapeNodeTypeSpecific(family, parameter))
      : [],
    Marker: page.marker,
  };
}

function shapeNodeTypeSpecific(family: string, parameter: Parameter): CacheNodeTypeSpecificParameter {
  return {
    ...shape(parameter, 'system'),
    CacheNodeTypeSpecificValues: nodeTypeValues(family, parameter.name).map(({ type, value }) => ({
      CacheNodeType: type,
      Value: value,
    })),
  };
}

function shape(parameter: Parameter, source: Source): Omit<WireParameter, 'ParameterValue'> {
  return {
    ParameterName: parameter.name,
    Description: parameter.description,
    Source: source,
    DataType: parameter.dataType,
    AllowedValues: parameter.allowedValues ?? undefined,
    IsModifiable: parameter.isModifiable,
    MinimumEngineVersion: parameter.minimumEngineVersion,
    ChangeType: parameter.changeType,
  };
}

/** A parameter without a value has no ParameterValue on the wire. */
function shownValue(value: string | null): Pick<WireParameter, 'ParameterValue'> {
  return value === null || value === '' ? {} : { ParameterValue: value };
}

function parseSource(value: string | undefined): Source | undefined {
  const source = sources.find((known) => known === value);
  if (value === undefined || source) return source;
  throw invalidValue(
    `The parameter Source has the value "${value.slice(0, 80)}"; give one of ${sources.join(', ')}.`,
  );
}
