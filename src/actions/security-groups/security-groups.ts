/**
 * Cache security groups, the EC2-Classic kind: accepted, kept and shown so that old templates work. They filter no
 * traffic; `docs/compatibility.md` says so. Rules: spec/behaviour.md §24.
 */
import type {
  AuthorizeCacheSecurityGroupIngressMessage,
  AuthorizeCacheSecurityGroupIngressResult,
  CacheSecurityGroup,
  CacheSecurityGroupMessage,
  CreateCacheSecurityGroupMessage,
  CreateCacheSecurityGroupResult,
  DeleteCacheSecurityGroupMessage,
  DescribeCacheSecurityGroupsMessage,
  RevokeCacheSecurityGroupIngressMessage,
  RevokeCacheSecurityGroupIngressResult,
} from '@aws-sdk/client-elasticache';
import { buildArn } from '../../model/arns.ts';
import { parseCacheSecurityGroupName, parseDescription, parseReference } from '../../model/identifiers.ts';
import { checkQuota, quotas } from '../../model/limits.ts';
import type { Resource, Scope } from '../../model/resource.ts';
import { invalidValue, ServiceError } from '../../model/service-errors.ts';
import { parseTags } from '../../model/tags.ts';
import { type Action, type ActionContext, type ActionDeps, commitPlanned } from '../action.ts';
import { firstReferrer } from '../shared/attached-caches.ts';
import { describePage } from '../shared/describe-page.ts';
import { groupEvent } from '../shared/group-event.ts';
import { newGroupRow, nextVersion, resourceKey } from '../shared/rows.ts';

const kind = 'security-group';
type SecurityGroup = Resource<typeof kind>;
type Ingress = SecurityGroup['desired']['ingress'];

export const createCacheSecurityGroup =
  (deps: ActionDeps): Action<CreateCacheSecurityGroupMessage, CreateCacheSecurityGroupResult> =>
  async (input, context) => {
    const id = parseCacheSecurityGroupName(input.CacheSecurityGroupName ?? '');
    const description = parseDescription(input.Description ?? '');
    const desired = { description, ownerId: context.account, ingress: [] };
    const row = newGroupRow(deps, context, { kind, id, desired, tags: parseTags(input.Tags ?? []) });
    await commitPlanned(deps.store, async () => {
      if (await deps.store.resource(resourceKey(context, kind, id)))
        throw new ServiceError(
          'CacheSecurityGroupAlreadyExists',
          `Cache Security Group ${id} already exists.`,
        );
      checkQuota(quotas.securityGroups, await deps.store.countResources(resourceKey(context, kind, id)), 1);
      const event = groupEvent(row, 'created', deps.clock.now());
      return { changes: [{ put: 'resource', row }, event], result: null };
    });
    return { CacheSecurityGroup: shapeSecurityGroup(row) };
  };

export const describeCacheSecurityGroups =
  (deps: ActionDeps): Action<DescribeCacheSecurityGroupsMessage, CacheSecurityGroupMessage> =>
  async (input, context) => {
    if (input.CacheSecurityGroupName !== undefined)
      return {
        CacheSecurityGroups: [
          shapeSecurityGroup(await requireSecurityGroup(deps, context, input.CacheSecurityGroupName)),
        ],
      };
    const { account, region } = context;
    const page = await describePage(deps.store, { account, region, kind }, input);
    return { CacheSecurityGroups: page.items.map(shapeSecurityGroup), Marker: page.marker };
  };

export const deleteCacheSecurityGroup =
  (deps: ActionDeps): Action<DeleteCacheSecurityGroupMessage, Record<string, never>> =>
  async (input, context) => {
    await commitPlanned(deps.store, async () => {
      const group = await requireSecurityGroup(deps, context, input.CacheSecurityGroupName);
      const user = await firstReferrer(deps.store, group);
      if (user)
        throw new ServiceError(
          'InvalidCacheSecurityGroupState',
          `Cache Security Group ${group.id} is in use by ${user} and cannot be deleted.`,
        );
      const event = groupEvent(group, 'deleted', deps.clock.now());
      const key = resourceKey(context, kind, group.id);
      return {
        changes: [
          { require: 'no-referrers', key },
          { remove: 'resource', key, version: group.version },
          event,
        ],
        result: null,
      };
    });
    return {};
  };

export const authorizeCacheSecurityGroupIngress =
  (
    deps: ActionDeps,
  ): Action<AuthorizeCacheSecurityGroupIngressMessage, AuthorizeCacheSecurityGroupIngressResult> =>
  (input, context) =>
    changeIngress(deps, context, input, (group, { name, ownerId }) => {
      if (group.desired.ingress.some(sameAs({ name, ownerId })))
        throw new ServiceError(
          'AuthorizationAlreadyExists',
          `Authorization of the EC2 security group ${name} (${ownerId}) already exists on ${group.id}.`,
        );
      return [...group.desired.ingress, { name, ownerId, status: 'authorized' }];
    });

export const revokeCacheSecurityGroupIngress =
  (deps: ActionDeps): Action<RevokeCacheSecurityGroupIngressMessage, RevokeCacheSecurityGroupIngressResult> =>
  (input, context) =>
    changeIngress(deps, context, input, (group, { name, ownerId }) => {
      const isRevoked = sameAs({ name, ownerId });
      if (!group.desired.ingress.some(isRevoked))
        throw new ServiceError(
          'AuthorizationNotFound',
          `Authorization of the EC2 security group ${name} (${ownerId}) was not found on ${group.id}.`,
        );
      return group.desired.ingress.filter((one) => !isRevoked(one));
    });

interface Grant {
  readonly name: string;
  readonly ownerId: string;
}

async function changeIngress(
  deps: ActionDeps,
  context: ActionContext,
  input: AuthorizeCacheSecurityGroupIngressMessage,
  change: (group: SecurityGroup, grant: Grant) => Ingress,
): Promise<{ CacheSecurityGroup: CacheSecurityGroup }> {
  const grant = parseGrant(input);
  const row = await commitPlanned(deps.store, async () => {
    const group = await requireSecurityGroup(deps, context, input.CacheSecurityGroupName);
    const now = deps.clock.now();
    const next = nextVersion(group, now, {
      desired: { ...group.desired, ingress: change(group, grant) },
    });
    return { changes: [{ put: 'resource', row: next }, groupEvent(next, 'modified', now)], result: next };
  });
  return { CacheSecurityGroup: shapeSecurityGroup(row) };
}

function parseGrant(input: AuthorizeCacheSecurityGroupIngressMessage): Grant {
  const name = input.EC2SecurityGroupName ?? '';
  const ownerId = input.EC2SecurityGroupOwnerId ?? '';
  if (name.trim() === '' || name.length > 255)
    throw invalidValue(
      `The parameter EC2SecurityGroupName must have 1 to 255 characters; found ${name.length}.`,
    );
  if (!/^\d{12}$/.test(ownerId))
    throw invalidValue(
      `The parameter EC2SecurityGroupOwnerId must be an account of 12 digits; found "${ownerId.slice(0, 80)}".`,
    );
  return { name, ownerId };
}

function sameAs(grant: Grant): (one: Grant) => boolean {
  return (one) => one.name === grant.name && one.ownerId === grant.ownerId;
}

async function requireSecurityGroup(
  deps: ActionDeps,
  scope: Scope,
  name: string | undefined,
): Promise<SecurityGroup> {
  const id = parseReference(name ?? '', 'CacheSecurityGroupName');
  const group = await deps.store.resource(resourceKey(scope, kind, id));
  if (!group) throw new ServiceError('CacheSecurityGroupNotFound', `CacheSecurityGroup not found: ${id}`);
  return group;
}

function shapeSecurityGroup(group: SecurityGroup): CacheSecurityGroup {
  return {
    OwnerId: group.desired.ownerId,
    CacheSecurityGroupName: group.id,
    Description: group.desired.description,
    EC2SecurityGroups: group.desired.ingress.map((one) => ({
      Status: one.status,
      EC2SecurityGroupName: one.name,
      EC2SecurityGroupOwnerId: one.ownerId,
    })),
    ARN: buildArn('securitygroup', group.id, group),
  };
}
