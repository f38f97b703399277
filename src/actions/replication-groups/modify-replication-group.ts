/** ModifyReplicationGroup: everything that needs no data to move. Rules: behaviour.md §6, §8, §10. */
import type {
  ModifyReplicationGroupMessage,
  ModifyReplicationGroupResult,
} from '@aws-sdk/client-elasticache';
import { passwordlessAccess } from '../../catalog/events.ts';
import { newestConfiguration } from '../../model/configuration.ts';
import { parseDescription, parseReference } from '../../model/identifiers.ts';
import type { CacheSettings, ReplicationGroup, ReplicationGroupDesired } from '../../model/resource.ts';
import { invalidCombination, invalidValue } from '../../model/service-errors.ts';
import type { Change } from '../../store/contract.ts';
import { enqueue } from '../../store/enqueue.ts';
import { type Action, type ActionContext, type ActionDeps, commitPlanned } from '../action.ts';
import { groupsStand } from '../shared/cache-settings.ts';
import { requireAvailableGroup } from '../shared/cache-state.ts';
import { requireAtOnce } from '../shared/log-delivery.ts';
import { membersOf, requireReplicationGroup } from '../shared/look-ups.ts';
import { changeParameterGroup } from '../shared/modify-parameter-group.ts';
import { isUnchanged, modifiedSettings } from '../shared/modify-settings.ts';
import { notYet, refuseNotYet } from '../shared/refusals.ts';
import { nextVersion } from '../shared/rows.ts';
import { withChangedToken } from './auth-token.ts';
import { answerGroup } from './describe-replication-groups.ts';
import { plannedPromotion } from './promotion.ts';
import { refuseOtherTransitEncryption } from './transit-encryption.ts';

const notBuilt = ['UserGroupIdsToAdd', 'UserGroupIdsToRemove', 'RemoveUserGroups'];

export const modifyReplicationGroup =
  (deps: ActionDeps): Action<ModifyReplicationGroupMessage, ModifyReplicationGroupResult> =>
  async (input, context) => {
    const id = parseReference(input.ReplicationGroupId ?? '', 'ReplicationGroupId');
    refuseNotYet(input, notBuilt);
    requireAtOnce(input);
    const group = await commitPlanned(deps.store, async () => {
      const group = await requireReplicationGroup(deps.store, context, id);
      refuseMoves(group, input);
      refuseOtherTransitEncryption(group, input);
      requireAvailableGroup(group, 'modify');
      return plan(deps, context, group, input);
    });
    deps.queue.wake();
    return { ReplicationGroup: await answerGroup(deps, group) };
  };

/** What would move data or replace nodes. Asking for what is already so is no change. */
function refuseMoves({ desired }: ReplicationGroup, input: ModifyReplicationGroupMessage): void {
  const asked: readonly (readonly [string, unknown, unknown])[] = [
    ['CacheNodeType', input.CacheNodeType, desired.cacheNodeType],
    ['Engine', input.Engine, desired.engine],
    ['EngineVersion', input.EngineVersion, desired.engineVersion],
    ['ClusterMode', input.ClusterMode, desired.clusterMode],
    ['Durability', input.Durability, desired.durability],
  ];
  for (const [name, value, current] of asked)
    if (value !== undefined && value !== current) throw notYet(name, value, String(current));
}

async function plan(
  deps: ActionDeps,
  context: ActionContext,
  group: ReplicationGroup,
  input: ModifyReplicationGroupMessage,
): Promise<{ changes: readonly Change[]; result: ReplicationGroup }> {
  const settings = await modifiedSettings(deps, context, group.desired, input);
  const changed: Partial<ReplicationGroupDesired> = {
    ...settings,
    ...(input.ReplicationGroupDescription === undefined
      ? {}
      : {
          description: parseDescription(input.ReplicationGroupDescription, 'ReplicationGroupDescription'),
        }),
    ...(await snapshotting(deps, group, input)),
    ...(await failover(deps, group, input)),
  };
  const asked = input.CacheParameterGroupName;
  const parameters = asked === undefined ? null : await changeParameterGroup(deps, context, group, asked);
  const promotion = await plannedPromotion(deps, group, input);
  const now = deps.clock.now();
  const present = parameters?.settings.configurations ?? group.desired.configurations;
  const authed = withChangedToken(group, present, input, now);
  const isNamed =
    Object.keys(changed).length > 0 ||
    promotion !== null ||
    [asked, input.AuthToken].some((given) => given !== undefined);
  if (!isNamed) throw invalidCombination('No modifications were requested');
  const pending = promotion?.pending ?? group.desired.pending;
  if (isUnchanged(group.desired, { ...changed, pending }) && !parameters && !authed && !promotion?.isNow)
    return { changes: [], result: group };
  const { configurations, ...shared } = { ...settings, ...parameters?.settings };
  const desired = {
    ...group.desired,
    ...changed,
    ...shared,
    ...(configurations ? { configurations } : {}),
    ...(authed ? { configurations: authed } : {}),
    pending,
  };
  const status = promotion?.isNow || authed ? 'modifying' : group.status;
  const row = nextVersion(group, now, { status, desired });
  return {
    changes: [
      ...groupsStand(row),
      { put: 'resource', row },
      ...(await changedMembers(deps, group, shared)),
      ...(parameters?.changes ?? []),
      ...(authed ? tokenChanges(deps, row, now) : []),
      ...(promotion?.isNow
        ? [enqueue(deps, 'promote-member', group, { clusterId: promotion.clusterId })]
        : []),
    ],
    result: row,
  };
}

function tokenChanges(deps: ActionDeps, group: ReplicationGroup, now: number): Change[] {
  const isOpen = newestConfiguration(group.desired).auth?.isOpen === true;
  return [
    enqueue(deps, 'apply-parameters', group, { modifies: true }),
    ...(isOpen ? [passwordlessEvent(group, now)] : []),
  ];
}

function passwordlessEvent({ account, region, id }: ReplicationGroup, date: number): Change {
  return { add: 'event', row: { account, region, sourceId: id, date, ...passwordlessAccess(id) } };
}

/** Members hold copies of their group's settings: what they refer to must not be deleted, what they left may be. */
async function changedMembers(
  deps: ActionDeps,
  group: ReplicationGroup,
  shared: Partial<Omit<CacheSettings, 'engine'>>,
): Promise<Change[]> {
  if (Object.keys(shared).length === 0) return [];
  const now = deps.clock.now();
  return (await membersOf(deps.store, group)).map((member) => ({
    put: 'resource',
    row: nextVersion(member, now, { desired: { ...member.desired, ...shared } }),
  }));
}

async function snapshotting(
  deps: ActionDeps,
  group: ReplicationGroup,
  { SnapshottingClusterId, SnapshotRetentionLimit = 0 }: ModifyReplicationGroupMessage,
): Promise<Partial<ReplicationGroupDesired>> {
  if (SnapshottingClusterId === undefined) {
    const { clusterMode, snapshotRetentionLimit: present } = group.desired;
    if (clusterMode === 'disabled' && present === 0 && SnapshotRetentionLimit > 0)
      throw invalidCombination(
        'Must specify both SnapshotRetentionLimit and SnapshottingClusterId to turn on snapshots', // AWS's words
      );
    return {};
  }
  if (group.desired.clusterMode === 'enabled')
    throw invalidCombination(
      'Cannot set snapshotting cluster for cluster mode enabled replication group', // AWS's words
    );
  const id = parseReference(SnapshottingClusterId, 'SnapshottingClusterId');
  const nodes = await deps.store.nodesOf([group.incarnation]);
  if (!nodes.some((node) => node.cacheClusterId === id && node.intent !== 'deleted'))
    throw invalidValue(`SnapshottingClusterId ${id} is no member of the replication group ${group.id}.`);
  return { snapshottingClusterId: id };
}

/** The rules between automatic failover, Multi-AZ and replicas (§8). */
async function failover(
  deps: ActionDeps,
  group: ReplicationGroup,
  input: ModifyReplicationGroupMessage,
): Promise<Partial<ReplicationGroupDesired>> {
  const { AutomaticFailoverEnabled, MultiAZEnabled } = input;
  if (AutomaticFailoverEnabled === undefined && MultiAZEnabled === undefined) return {};
  const automaticFailover = AutomaticFailoverEnabled ?? group.desired.automaticFailover;
  const multiAz = MultiAZEnabled ?? group.desired.multiAz;
  if (!automaticFailover && group.desired.clusterMode === 'enabled')
    throw invalidCombination(
      'Turning off automatic failover for replication group with cluster mode enabled is not supported.', // AWS's words
    );
  if (!automaticFailover && multiAz)
    throw invalidCombination(
      'Automatic failover cannot be disabled while Multi-AZ is enabled; disable both.',
    );
  const nodes = (await deps.store.nodesOf([group.incarnation])).filter((node) => node.intent !== 'deleted');
  if (automaticFailover && group.desired.clusterMode === 'disabled' && nodes.length < 2)
    throw invalidCombination(
      'Must have at least 1 replica when cluster mode is disabled with auto failover enabled.',
    );
  const zones = (nodeGroupId: string | null) =>
    new Set(nodes.filter((node) => node.nodeGroupId === nodeGroupId).map((node) => node.availabilityZone));
  const narrow = nodes.find((node) => zones(node.nodeGroupId).size < 2);
  if (multiAz && narrow)
    throw invalidCombination(
      `MultiAZEnabled needs members in at least 2 availability zones; node group ${narrow.nodeGroupId} has them in 1.`,
    );
  return { automaticFailover, multiAz };
}
