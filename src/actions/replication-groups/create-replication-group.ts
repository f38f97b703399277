/** CreateReplicationGroup. Rules: spec/behaviour.md §5 and §8. */
import type {
  CreateReplicationGroupMessage,
  CreateReplicationGroupResult,
} from '@aws-sdk/client-elasticache';
import { parseEngine } from '../../catalog/engine-versions.ts';
import { parseDescription, parseReplicationGroupId } from '../../model/identifiers.ts';
import {
  type CacheCluster,
  nothingObserved,
  type ReplicationGroup,
  type ReplicationGroupDesired,
} from '../../model/resource.ts';
import { invalidCombination } from '../../model/service-errors.ts';
import { parseTags } from '../../model/tags.ts';
import type { Change } from '../../store/contract.ts';
import { enqueue } from '../../store/enqueue.ts';
import { type Action, type ActionContext, type ActionDeps, commitPlanned } from '../action.ts';
import { cacheSettings, groupsStand } from '../shared/cache-settings.ts';
import { creationNotes } from '../shared/creation-notes.ts';
import { chooseEngine } from '../shared/engine-choice.ts';
import { refuseNotYet } from '../shared/refusals.ts';
import { withFirstToken } from './auth-token.ts';
import { createFromPrimary } from './create-from-primary.ts';
import { answerGroup } from './describe-replication-groups.ts';
import { plannedFailover } from './failover-rules.ts';
import { checkGroupIsFree, newMember } from './new-member.ts';
import { type NodeGroupPlan, planNodeGroups, wantedClusterMode } from './node-group-plan.ts';
import { snapshotSource } from './snapshot-source.ts';

/** What ElastiCache has and Limber does not serve yet. */
const notBuilt = [
  'GlobalReplicationGroupId',
  'SnapshotArns',
  'SnapshotName',
  'UserGroupIds',
  'DataTieringEnabled',
  'ServerlessCacheSnapshotName',
];

export const createReplicationGroup =
  (deps: ActionDeps): Action<CreateReplicationGroupMessage, CreateReplicationGroupResult> =>
  async (input, context) => {
    const id = parseReplicationGroupId(input.ReplicationGroupId ?? '');
    refuseNotYet(input, notBuilt);
    if (input.PrimaryClusterId !== undefined) return createFromPrimary(deps)(input, context);
    if (input.ClusterMode === 'compatible') refuseNotYet({ ClusterMode: 'compatible' }, ['ClusterMode']);
    const group = await commitPlanned(deps.store, async () => {
      const { desired, plan, note, runs } = await desiredOf(deps, context, id, input);
      const group = newGroup(deps, context, id, { desired, runs }, input);
      const clusters = newMembers(group, plan);
      await checkGroupIsFree(deps, context, id, clusters);
      const changes: Change[] = [
        ...groupsStand(group),
        { put: 'resource', row: group },
        ...clusters.map((row): Change => ({ put: 'resource', row })),
        ...plan.nodeGroups.map(
          ({ nodeGroupId, slots }): Change => ({
            put: 'node-group',
            row: {
              cacheIncarnation: group.incarnation,
              nodeGroupId,
              version: 1,
              status: 'creating',
              isFormed: group.desired.clusterMode === 'disabled',
              slots,
              currentPrimary: null,
              targetPrimary: null,
            },
          }),
        ),
        ...creationNotes(group, {
          note,
          asksForEncryption: input.AtRestEncryptionEnabled === true || input.KmsKeyId !== undefined,
          now: deps.clock.now(),
        }),
        enqueue(deps, 'create-cache', group, { zones: [] }),
      ];
      return { changes, result: group };
    });
    deps.queue.wake();
    return { ReplicationGroup: await answerGroup(deps, group) };
  };

async function desiredOf(
  deps: ActionDeps,
  context: ActionContext,
  id: string,
  input: CreateReplicationGroupMessage,
) {
  const engine = parseEngine(input.Engine ?? 'redis');
  if (engine === 'memcached')
    throw invalidCombination('A replication group runs valkey or redis, not memcached.');
  const { note, runs, clusterMode, ...choice } = await chooseEngine(deps, context, {
    engine,
    engineVersion: input.EngineVersion,
    parameterGroupName: input.CacheParameterGroupName,
    clusterMode: wantedClusterMode(input),
  });
  const settings = await cacheSettings(deps, context, input, choice);
  const plan = planNodeGroups(id, context.region, clusterMode, input);
  const desired: ReplicationGroupDesired = {
    ...settings,
    configurations: withFirstToken(
      settings.configurations,
      input.AuthToken,
      settings.transitEncryption,
      deps.clock.now(),
    ),
    description: parseDescription(input.ReplicationGroupDescription ?? '', 'ReplicationGroupDescription'),
    clusterMode,
    ...plannedFailover(settings.cacheNodeType, plan, input),
    // Valkey's default on ElastiCache is true; there the disks are encrypted, here they are the operator's.
    atRestEncryption: input.AtRestEncryptionEnabled ?? engine === 'valkey',
    kmsKeyId: input.KmsKeyId ?? null,
    snapshottingClusterId: snapshotSource(settings.snapshotRetentionLimit, plan),
    durability: input.Durability ?? 'default',
    pending: {},
  };
  return { desired, plan, note, runs };
}

function newGroup(
  deps: ActionDeps,
  { account, region }: ActionContext,
  id: string,
  { desired, runs }: { readonly desired: ReplicationGroupDesired; readonly runs: string },
  input: CreateReplicationGroupMessage,
): ReplicationGroup {
  const now = deps.clock.now();
  return {
    kind: 'replication-group',
    account,
    region,
    id,
    incarnation: deps.ids.incarnation(),
    version: 1,
    status: 'creating',
    tags: parseTags(input.Tags ?? []),
    desired,
    observed: { ...nothingObserved, runningVersion: runs },
    createdAt: now,
    updatedAt: now,
  };
}

function newMembers(group: ReplicationGroup, plan: NodeGroupPlan): CacheCluster[] {
  return plan.nodeGroups.flatMap(({ nodeGroupId, members }) =>
    members.map((member) => newMember(group, nodeGroupId, member.cacheClusterId, member.availabilityZone)),
  );
}
