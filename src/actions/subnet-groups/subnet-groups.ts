/**
 * Cache subnet groups. The group `default` exists in every account and region, is not stored and cannot be changed.
 * Rules: spec/behaviour.md §2 and §24.
 */
import type {
  CacheSubnetGroup,
  CacheSubnetGroupMessage,
  CreateCacheSubnetGroupMessage,
  CreateCacheSubnetGroupResult,
  DeleteCacheSubnetGroupMessage,
  DescribeCacheSubnetGroupsMessage,
  ModifyCacheSubnetGroupMessage,
  ModifyCacheSubnetGroupResult,
} from '@aws-sdk/client-elasticache';
import { buildArn } from '../../model/arns.ts';
import { parseCacheSubnetGroupName, parseDescription, parseReference } from '../../model/identifiers.ts';
import { checkQuota, quotas } from '../../model/limits.ts';
import type { Scope, Subnet, SubnetGroup } from '../../model/resource.ts';
import { invalidCombination, invalidValue, ServiceError } from '../../model/service-errors.ts';
import { parseTags } from '../../model/tags.ts';
import type { Store } from '../../store/contract.ts';
import { type Action, type ActionDeps, commitPlanned } from '../action.ts';
import { cachesUsing, firstReferrer } from '../shared/attached-caches.ts';
import { defaultSubnetGroup, isVirtual, requireSubnetGroup } from '../shared/default-groups.ts';
import { describePage } from '../shared/describe-page.ts';
import { groupEvent } from '../shared/group-event.ts';
import { newGroupRow, nextVersion, resourceKey } from '../shared/rows.ts';
import { parseSubnets, vpcIdOf } from '../shared/subnets.ts';

const kind = 'subnet-group';

export const createCacheSubnetGroup =
  (deps: ActionDeps): Action<CreateCacheSubnetGroupMessage, CreateCacheSubnetGroupResult> =>
  async (input, context) => {
    const id = parseCacheSubnetGroupName(input.CacheSubnetGroupName ?? '');
    const description = parseDescription(
      input.CacheSubnetGroupDescription ?? '',
      'CacheSubnetGroupDescription',
    );
    const subnets = parseSubnets(input.SubnetIds ?? [], context);
    const desired = { description, vpcId: vpcIdOf(context), subnets };
    const row = newGroupRow(deps, context, { kind, id, desired, tags: parseTags(input.Tags ?? []) });
    await commitPlanned(deps.store, async () => {
      if (await deps.store.resource(resourceKey(context, kind, id)))
        throw new ServiceError('CacheSubnetGroupAlreadyExists', `Cache Subnet Group ${id} already exists.`);
      checkQuota(quotas.subnetGroups, await deps.store.countResources(resourceKey(context, kind, id)), 1);
      const event = groupEvent(row, 'created', deps.clock.now());
      return { changes: [{ put: 'resource', row }, event], result: null };
    });
    return { CacheSubnetGroup: shapeSubnetGroup(row) };
  };

export const describeCacheSubnetGroups =
  (deps: ActionDeps): Action<DescribeCacheSubnetGroupsMessage, CacheSubnetGroupMessage> =>
  async (input, context) => {
    if (input.CacheSubnetGroupName !== undefined) {
      const name = parseReference(input.CacheSubnetGroupName, 'CacheSubnetGroupName');
      const group = await requireSubnetGroup(deps.store, context, name);
      return { CacheSubnetGroups: [shapeSubnetGroup(group)] };
    }
    const { account, region } = context;
    const page = await describePage(deps.store, { account, region, kind }, input, [
      defaultSubnetGroup(context),
    ]);
    return { CacheSubnetGroups: page.items.map(shapeSubnetGroup), Marker: page.marker };
  };

export const modifyCacheSubnetGroup =
  (deps: ActionDeps): Action<ModifyCacheSubnetGroupMessage, ModifyCacheSubnetGroupResult> =>
  async (input, context) => {
    const name = parseReference(input.CacheSubnetGroupName ?? '', 'CacheSubnetGroupName');
    const { CacheSubnetGroupDescription: text, SubnetIds: ids } = input;
    if (text === undefined && ids === undefined) throw invalidCombination('No modifications were requested');
    const description =
      text === undefined ? undefined : parseDescription(text, 'CacheSubnetGroupDescription');
    const subnets = ids && parseSubnets(ids, context);
    const row = await commitPlanned(deps.store, async () => {
      const group = await requireSubnetGroup(deps.store, context, name);
      refuseDefault(group, 'modified');
      if (subnets) await refuseSubnetsInUse(deps.store, group, subnets);
      const now = deps.clock.now();
      const next = nextVersion(group, now, {
        desired: {
          ...group.desired,
          ...(description !== undefined && { description }),
          ...(subnets && { subnets }),
        },
      });
      return { changes: [{ put: 'resource', row: next }, groupEvent(next, 'modified', now)], result: next };
    });
    return { CacheSubnetGroup: shapeSubnetGroup(row) };
  };

export const deleteCacheSubnetGroup =
  (deps: ActionDeps): Action<DeleteCacheSubnetGroupMessage, Record<string, never>> =>
  async (input, context) => {
    const name = parseReference(input.CacheSubnetGroupName ?? '', 'CacheSubnetGroupName');
    await commitPlanned(deps.store, async () => {
      const group = await requireSubnetGroup(deps.store, context, name);
      refuseDefault(group, 'deleted');
      const user = await firstReferrer(deps.store, group);
      if (user)
        throw new ServiceError(
          'CacheSubnetGroupInUse',
          `Cache Subnet Group ${group.id} is currently in use by ${user}.`,
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

function refuseDefault(group: SubnetGroup, participle: string): void {
  if (isVirtual(group))
    throw invalidValue(`The Cache Subnet Group default is the service's own and cannot be ${participle}.`);
}

/**
 * A node lies in its zone's subnet. Another subnet of the zone can take its place; the last one of a zone that
 * still has nodes of caches in this group must stay.
 */
async function refuseSubnetsInUse(
  store: Store,
  group: SubnetGroup,
  subnets: readonly Subnet[],
): Promise<void> {
  const kept = new Set(subnets.map((subnet) => subnet.availabilityZone));
  const leaving = group.desired.subnets.filter((subnet) => !kept.has(subnet.availabilityZone));
  if (leaving.length === 0) return;
  const caches = await cachesUsing(store, group);
  const nodes = await store.nodesOf(caches.map((cache) => cache.incarnation));
  for (const { subnetId, availabilityZone } of leaving) {
    const node = nodes.find((one) => one.availabilityZone === availabilityZone && one.intent !== 'deleted');
    if (node)
      throw new ServiceError(
        'SubnetInUse',
        `The subnet ${subnetId} is in use by the cache cluster ${node.cacheClusterId}, and no other subnet of ` +
          `${availabilityZone} would be left in the Cache Subnet Group ${group.id}.`,
      );
  }
}

function shapeSubnetGroup(group: SubnetGroup & Scope): CacheSubnetGroup {
  return {
    CacheSubnetGroupName: group.id,
    CacheSubnetGroupDescription: group.desired.description,
    VpcId: group.desired.vpcId,
    Subnets: group.desired.subnets.map((subnet) => ({
      SubnetIdentifier: subnet.subnetId,
      SubnetAvailabilityZone: { Name: subnet.availabilityZone },
      SupportedNetworkTypes: ['ipv4'],
    })),
    ARN: buildArn('subnetgroup', group.id, group),
    SupportedNetworkTypes: ['ipv4'],
  };
}
