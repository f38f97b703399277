/**
 * Tags of anything that has an ARN. Tags of a replication group are copied to its members. Rules: spec/behaviour.md
 * §3 and §23.
 */
import type {
  AddTagsToResourceMessage,
  ListTagsForResourceMessage,
  RemoveTagsFromResourceMessage,
  TagListMessage,
} from '@aws-sdk/client-elasticache';
import { type ArnType, parseArn } from '../../model/arns.ts';
import type { ReplicationGroup, Resource, ResourceKind, Scope } from '../../model/resource.ts';
import { invalidValue, ServiceError, type ServiceErrorCode } from '../../model/service-errors.ts';
import { mergeTags, parseTags, removeTags, type Tag } from '../../model/tags.ts';
import type { Store } from '../../store/contract.ts';
import { type Action, type ActionContext, type ActionDeps, commitPlanned } from '../action.ts';
import { findParameterGroup, findSubnetGroup, isVirtual } from '../shared/default-groups.ts';
import { membersOf } from '../shared/look-ups.ts';
import { nextVersion, resourceKey } from '../shared/rows.ts';

export const addTagsToResource =
  (deps: ActionDeps): Action<AddTagsToResourceMessage, TagListMessage> =>
  async (input, context) => {
    const added = parseTags(input.Tags ?? []);
    if (added.length === 0) throw nothingGiven('Tags');
    return changeTags(
      deps,
      context,
      input.ResourceName,
      (tags) => mergeTags(tags, added),
      (tags) => mergeTags(tags, added),
    );
  };

export const removeTagsFromResource =
  (deps: ActionDeps): Action<RemoveTagsFromResourceMessage, TagListMessage> =>
  async (input, context) => {
    const keys = input.TagKeys ?? [];
    if (keys.length === 0) throw nothingGiven('TagKeys');
    return changeTags(
      deps,
      context,
      input.ResourceName,
      (tags) => removeTags(tags, keys),
      // A member may have lost a tag of its group before: then there is nothing to remove.
      (tags) => tags.filter((tag) => !keys.includes(tag.key)),
    );
  };

export const listTagsForResource =
  (deps: ActionDeps): Action<ListTagsForResourceMessage, TagListMessage> =>
  async (input, context) => {
    const row = await requireTagged(deps.store, context, input.ResourceName);
    // Only these two are known to be refused (§29); a cache that could not be made still shows its tags.
    if (isCache(row) && (row.status === 'creating' || row.status === 'modifying')) throw notAvailable(row);
    return { TagList: shapeTags(row.tags) };
  };

type ChangeTags = (tags: readonly Tag[]) => readonly Tag[];

async function changeTags(
  deps: ActionDeps,
  context: ActionContext,
  arn: string | undefined,
  change: ChangeTags,
  changeMember: ChangeTags,
): Promise<TagListMessage> {
  const tags = await commitPlanned(deps.store, async () => {
    const row = await requireTagged(deps.store, context, arn);
    refuseUntaggable(row);
    const members = isGroup(row) ? await membersOf(deps.store, row) : [];
    const now = deps.clock.now();
    const next = nextVersion(row, now, { tags: change(row.tags) });
    const copies = members.map((member) => nextVersion(member, now, { tags: changeMember(member.tags) }));
    const changes = [next, ...copies].map((changed) => ({ put: 'resource', row: changed }) as const);
    return { changes, result: next.tags };
  });
  return { TagList: shapeTags(tags) };
}

const isGroup = (row: Resource): row is ReplicationGroup => row.kind === 'replication-group';

function refuseUntaggable(row: Resource): void {
  if (isVirtual(row))
    throw new ServiceError(
      'InvalidARN',
      `The default group ${row.id} is the service's own and cannot be tagged.`,
    );
  if (isCache(row) && row.status !== 'available') throw notAvailable(row);
}

const isCache = ({ kind }: Resource): boolean => kind === 'cache-cluster' || kind === 'replication-group';

const notAvailable = (row: Resource): ServiceError =>
  new ServiceError(
    'InvalidReplicationGroupState',
    `Cluster not in available state to perform tagging operations. ${row.id} is ${row.status}.`,
  );

async function requireTagged(store: Store, scope: Scope, arn: string | undefined): Promise<Resource> {
  const { type, id } = parseArn(arn ?? '', scope);
  const row = await find(store, scope, type, id);
  if (row) return row;
  throw new ServiceError(notFoundCodes[type], `The resource ${arn} does not exist.`);
}

async function find(store: Store, scope: Scope, type: ArnType, id: string): Promise<Resource | null> {
  switch (type) {
    case 'parametergroup':
      return findParameterGroup(store, scope, id);
    case 'subnetgroup':
      return findSubnetGroup(store, scope, id);
    case 'globalreplicationgroup':
      throw new ServiceError('InvalidARN', 'A global replication group cannot be tagged.');
    default: {
      const kind = kindsByArnType[type];
      return kind ? store.resource(resourceKey(scope, kind, id)) : null;
    }
  }
}

/** The kinds that are stored; the others are not built yet, so none of them exists. */
const kindsByArnType: Partial<Record<ArnType, ResourceKind>> = {
  cluster: 'cache-cluster',
  replicationgroup: 'replication-group',
  securitygroup: 'security-group',
  'reserved-instance': 'reserved-node',
};

const notFoundCodes = {
  cluster: 'CacheClusterNotFound',
  replicationgroup: 'ReplicationGroupNotFoundFault',
  snapshot: 'SnapshotNotFoundFault',
  parametergroup: 'CacheParameterGroupNotFound',
  subnetgroup: 'CacheSubnetGroupNotFoundFault',
  securitygroup: 'CacheSecurityGroupNotFound',
  user: 'UserNotFound',
  usergroup: 'UserGroupNotFound',
  serverlesscache: 'ServerlessCacheNotFoundFault',
  serverlesscachesnapshot: 'ServerlessCacheSnapshotNotFoundFault',
  'reserved-instance': 'ReservedCacheNodeNotFound',
  globalreplicationgroup: 'InvalidARN',
} as const satisfies Record<ArnType, ServiceErrorCode>;

function nothingGiven(parameterName: string): ServiceError {
  return invalidValue(`The parameter ${parameterName} must hold at least one entry.`);
}

function shapeTags(tags: readonly Tag[]): { Key: string; Value: string }[] {
  return tags.map(({ key, value }) => ({ Key: key, Value: value }));
}
