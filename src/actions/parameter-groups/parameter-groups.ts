/** Cache parameter groups. Rules: spec/behaviour.md §2 and §10; what a value may be: catalog/parameter-values.ts. */
import type {
  CacheParameterGroup,
  CacheParameterGroupNameMessage,
  CacheParameterGroupsMessage,
  CreateCacheParameterGroupMessage,
  CreateCacheParameterGroupResult,
  DeleteCacheParameterGroupMessage,
  DescribeCacheParameterGroupsMessage,
  ModifyCacheParameterGroupMessage,
  ParameterNameValue,
  ResetCacheParameterGroupMessage,
} from '@aws-sdk/client-elasticache';
import { modifiedOverrides, resetAllOverrides, resetOverrides } from '../../catalog/parameter-values.ts';
import {
  changedParameters,
  findParameter,
  type ParameterValues,
  parametersOf,
  parseFamily,
} from '../../catalog/parameters.ts';
import { buildArn } from '../../model/arns.ts';
import { parseCacheParameterGroupName, parseDescription, parseReference } from '../../model/identifiers.ts';
import { checkQuota, quotas } from '../../model/limits.ts';
import type { ParameterGroup } from '../../model/resource.ts';
import { invalidCombination, invalidValue, ServiceError } from '../../model/service-errors.ts';
import { parseTags } from '../../model/tags.ts';
import { type Action, type ActionContext, type ActionDeps, commitPlanned } from '../action.ts';
import { cachesUsing, firstReferrer } from '../shared/attached-caches.ts';
import {
  defaultParameterGroupRows,
  describedParameterGroup,
  isVirtual,
  requireParameterGroup,
} from '../shared/default-groups.ts';
import { describePage } from '../shared/describe-page.ts';
import { groupEvent, parameterEvent } from '../shared/group-event.ts';
import { newGroupRow, nextVersion, resourceKey } from '../shared/rows.ts';
import { applyToCaches } from './parameter-application.ts';

const kind = 'parameter-group';

export const createCacheParameterGroup =
  (deps: ActionDeps): Action<CreateCacheParameterGroupMessage, CreateCacheParameterGroupResult> =>
  async (input, context) => {
    const id = parseCacheParameterGroupName(input.CacheParameterGroupName ?? '');
    const family = parseFamily(input.CacheParameterGroupFamily ?? '');
    const description = parseDescription(input.Description ?? '');
    const desired = { family, description, overrides: {} };
    const row = newGroupRow(deps, context, { kind, id, desired, tags: parseTags(input.Tags ?? []) });
    await commitPlanned(deps.store, async () => {
      if (await deps.store.resource(resourceKey(context, kind, id)))
        throw new ServiceError('CacheParameterGroupAlreadyExists', `Parameter group ${id} already exists`);
      checkQuota(quotas.parameterGroups, await deps.store.countResources(resourceKey(context, kind, id)), 1);
      const event = groupEvent(row, 'created', deps.clock.now());
      return { changes: [{ put: 'resource', row }, event], result: null };
    });
    return { CacheParameterGroup: shapeParameterGroup(row) };
  };

export const describeCacheParameterGroups =
  (deps: ActionDeps): Action<DescribeCacheParameterGroupsMessage, CacheParameterGroupsMessage> =>
  async (input, context) => {
    if (input.CacheParameterGroupName !== undefined) {
      const name = parseReference(input.CacheParameterGroupName, 'CacheParameterGroupName');
      const group = await describedParameterGroup(deps.store, context, name);
      return { CacheParameterGroups: [shapeParameterGroup(group)] };
    }
    const { account, region } = context;
    const own = defaultParameterGroupRows(context);
    const page = await describePage(deps.store, { account, region, kind }, input, own);
    return { CacheParameterGroups: page.items.map(shapeParameterGroup), Marker: page.marker };
  };

export const modifyCacheParameterGroup =
  (deps: ActionDeps): Action<ModifyCacheParameterGroupMessage, CacheParameterGroupNameMessage> =>
  async (input, context) => {
    const changes = (input.ParameterNameValues ?? []).map((one) => {
      if (one.ParameterValue === undefined)
        throw invalidValue(`The parameter ParameterNameValues gives no ParameterValue for ${nameOf(one)}.`);
      return { name: nameOf(one), value: one.ParameterValue };
    });
    return changeOverrides(deps, context, input.CacheParameterGroupName, (group, isAttached) =>
      modifiedOverrides(group.desired.family, group.desired.overrides, changes, isAttached),
    );
  };

export const resetCacheParameterGroup =
  (deps: ActionDeps): Action<ResetCacheParameterGroupMessage, CacheParameterGroupNameMessage> =>
  async (input, context) => {
    const { ResetAllParameters: isAll = false, ParameterNameValues: listed = [] } = input;
    if (isAll === listed.length > 0)
      throw invalidCombination(
        'Exactly one of ResetAllParameters=true and a list of ParameterNameValues must be given.',
      );
    const names = listed.map(nameOf);
    return changeOverrides(deps, context, input.CacheParameterGroupName, ({ desired }, isAttached) =>
      isAll
        ? resetAllOverrides(desired.overrides, isAttached)
        : resetOverrides(desired.family, desired.overrides, names, isAttached),
    );
  };

export const deleteCacheParameterGroup =
  (deps: ActionDeps): Action<DeleteCacheParameterGroupMessage, Record<string, never>> =>
  async (input, context) => {
    // The dot of default groups is in no name that can be given: AWS refuses them as malformed.
    const name = parseCacheParameterGroupName(input.CacheParameterGroupName ?? '');
    await commitPlanned(deps.store, async () => {
      const group = await requireParameterGroup(deps.store, context, name);
      const user = await firstReferrer(deps.store, group);
      if (user)
        throw new ServiceError(
          'InvalidCacheParameterGroupState',
          `One or more cache clusters are still members of this parameter group ${group.id}, so the group cannot be ` +
            `deleted. It is in use by ${user}.`,
        );
      const key = resourceKey(context, kind, group.id);
      return {
        changes: [
          { require: 'no-referrers', key },
          { remove: 'resource', key, version: group.version },
          groupEvent(group, 'deleted', deps.clock.now()),
        ],
        result: null,
      };
    });
    return {};
  };

/** Commits new overrides together with what they mean for every cache that uses the group. */
async function changeOverrides(
  deps: ActionDeps,
  context: ActionContext,
  groupName: string | undefined,
  overridesAfter: (group: ParameterGroup, isAttached: boolean) => ParameterValues,
): Promise<CacheParameterGroupNameMessage> {
  const name = parseReference(groupName ?? '', 'CacheParameterGroupName');
  const { group, changed, seen } = await commitPlanned(deps.store, async () => {
    const before = await requireParameterGroup(deps.store, context, name);
    refuseDefault(before);
    const caches = await cachesUsing(deps.store, before);
    const overrides = overridesAfter(before, caches.length > 0);
    const now = deps.clock.now();
    const after = nextVersion(before, now, { desired: { ...before.desired, overrides } });
    const changed = effectivelyChanged(before, after);
    const changes = [
      { put: 'resource', row: after } as const,
      ...changed.map((parameter) => parameterEvent(after, parameter, effectiveValue(after, parameter), now)),
      ...(changed.length > 0 ? applyToCaches(deps, after, caches) : []),
    ];
    return { changes, result: { group: after, changed, seen: caches.map((cache) => cache.incarnation) } };
  });
  // A cache that joined between our look and our commit may have read the old values already.
  await commitPlanned(deps.store, async () => {
    const late = (await cachesUsing(deps.store, group)).filter((cache) => !seen.includes(cache.incarnation));
    return { changes: changed.length > 0 ? applyToCaches(deps, group, late) : [], result: null };
  });
  deps.queue.wake();
  return { CacheParameterGroupName: group.id };
}

function effectivelyChanged(before: ParameterGroup, after: ParameterGroup): readonly string[] {
  const values = (group: ParameterGroup) =>
    Object.fromEntries(
      parametersOf(group.desired.family).map(({ name }) => [name, effectiveValue(group, name)]),
    );
  const changed = changedParameters(before.desired.family, values(before), values(after));
  return [...changed.immediate, ...changed['requires-reboot']];
}

/** The empty text where the engine's own default holds. */
function effectiveValue({ desired }: ParameterGroup, name: string): string {
  return desired.overrides[name] ?? findParameter(desired.family, name)?.defaultValue ?? '';
}

function nameOf(one: ParameterNameValue): string {
  return parseReference(one.ParameterName ?? '', 'ParameterName');
}

function refuseDefault(group: ParameterGroup): void {
  if (isVirtual(group))
    throw new ServiceError(
      'InvalidCacheParameterGroupState',
      `The default Cache Parameter Group ${group.id} is the service's own and cannot be modified.`,
    );
}

function shapeParameterGroup(group: ParameterGroup): CacheParameterGroup {
  return {
    CacheParameterGroupName: group.id,
    CacheParameterGroupFamily: group.desired.family,
    Description: group.desired.description,
    IsGlobal: false,
    ARN: buildArn('parametergroup', group.id, group),
  };
}
