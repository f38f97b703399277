/** CreateReplicationGroup. Rules: spec/behaviour.md §5 and §8. */
import type {
  CreateReplicationGroupMessage,
  CreateReplicationGroupResult,
} from '@aws-sdk/client-elasticache';
import { parseEngine } from '../catalog/engine-versions.ts';
import { nodeType, supportsAutomaticFailover } from '../catalog/node-types.ts';
import { parseDescription, parseReplicationGroupId } from '../model/identifiers.ts';
import { checkQuota, quotas } from '../model/limits.ts';
import {
  type CacheCluster,
  nothingObserved,
  type ReplicationGroup,
  type ReplicationGroupDesired,
} from '../model/resource.ts';
import { ServiceError } from '../model/service-errors.ts';
import { parseTags } from '../model/tags.ts';
import type { Change } from '../store/contract.ts';
import { type Action, type ActionContext, type ActionDeps, commitPlanned } from './action.ts';
import { cacheSettings, groupsStand, refuseNotYet } from './cache-settings.ts';
import { creationNotes } from './creation-notes.ts';
import { answerGroup } from './describe-caches.ts';
import { chooseEngine } from './engine-choice.ts';
import { enqueue } from './enqueue.ts';
import { groupKey } from './group-row.ts';
import { type NodeGroupPlan, planNodeGroups, wantedClusterMode } from './node-group-plan.ts';

/** What ElastiCache has and Limber does not serve yet. */
const notBuilt = [
  'GlobalReplicationGroupId',
  'PrimaryClusterId',
  'SnapshotArns',
  'SnapshotName',
  'AuthToken',
  'TransitEncryptionEnabled',
  'TransitEncryptionMode',
  'UserGroupIds',
  'LogDeliveryConfigurations',
  'DataTieringEnabled',
  'ServerlessCacheSnapshotName',
];

const combination = (message: string) => new ServiceError('InvalidParameterCombination', message);

export const createReplicationGroup =
  (deps: ActionDeps): Action<CreateReplicationGroupMessage, CreateReplicationGroupResult> =>
  async (input, context) => {
    const id = parseReplicationGroupId(input.ReplicationGroupId ?? '');
    refuseNotYet(input, notBuilt);
    if (input.ClusterMode === 'compatible') refuseNotYet({ ClusterMode: 'compatible' }, ['ClusterMode']);
    const group = await commitPlanned(deps.store, async () => {
      const { desired, plan, note } = await desiredOf(deps, context, id, input);
      const group = newGroup(deps, context, id, desired, input);
      const clusters = newMembers(group, plan);
      await checkFree(deps, context, id, clusters);
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
              slots,
              currentPrimary: null,
              targetPrimary: null,
            },
          }),
        ),
        ...creationNotes(group, {
          note,
          asksForEncryption: input.AtRestEncryptionEnabled ?? false,
          now: deps.clock.now(),
        }),
        enqueue(deps, 'create-cache', group),
      ];
      return { changes, result: { group, clusters } };
    });
    deps.queue.wake();
    const answer = await answerGroup(deps, group.group);
    return {
      ReplicationGroup: { ...answer, MemberClusters: group.clusters.map((cluster) => cluster.id) },
    };
  };

async function desiredOf(
  deps: ActionDeps,
  context: ActionContext,
  id: string,
  input: CreateReplicationGroupMessage,
): Promise<{ desired: ReplicationGroupDesired; plan: NodeGroupPlan; note: string | null }> {
  const engine = parseEngine(input.Engine ?? 'redis');
  if (engine === 'memcached') throw combination('A replication group runs valkey or redis, not memcached.');
  const { note, clusterMode, ...choice } = await chooseEngine(deps, context, {
    engine,
    engineVersion: input.EngineVersion,
    parameterGroupName: input.CacheParameterGroupName,
    clusterMode: wantedClusterMode(input),
  });
  const settings = await cacheSettings(deps, context, input, choice);
  const plan = planNodeGroups(id, context.region, clusterMode, input);
  checkFailover(settings.cacheNodeType, plan, input);
  const desired: ReplicationGroupDesired = {
    ...settings,
    description: parseDescription(input.ReplicationGroupDescription ?? '', 'ReplicationGroupDescription'),
    clusterMode,
    automaticFailover: input.AutomaticFailoverEnabled ?? false,
    multiAz: input.MultiAZEnabled ?? false,
    // Valkey's default on ElastiCache is true; there the disks are encrypted, here they are the operator's.
    atRestEncryption: input.AtRestEncryptionEnabled ?? engine === 'valkey',
    kmsKeyId: input.KmsKeyId ?? null,
    snapshottingClusterId: null,
    durability: input.Durability ?? 'default',
    pending: {},
  };
  return { desired, plan, note };
}

/** The rules between replicas, automatic failover and Multi-AZ (§5, §8). */
function checkFailover(typeName: string, plan: NodeGroupPlan, input: CreateReplicationGroupMessage): void {
  const replicas = plan.nodeGroups.map((group) => group.members.length - 1);
  if (plan.clusterMode === 'enabled' && !input.AutomaticFailoverEnabled)
    throw combination('Cluster mode enabled needs AutomaticFailoverEnabled to be true.');
  if (input.AutomaticFailoverEnabled && plan.clusterMode === 'disabled' && replicas.includes(0))
    throw combination(
      'Must have at least 1 replica when cluster mode is disabled with auto failover enabled.',
    );
  if (input.AutomaticFailoverEnabled && !supportsAutomaticFailover(nodeType(typeName)))
    throw combination(`Automatic failover is not offered with the node type ${typeName}.`);
  if (!input.MultiAZEnabled) return;
  if (!input.AutomaticFailoverEnabled)
    throw combination('MultiAZEnabled needs AutomaticFailoverEnabled to be true.');
  for (const group of plan.nodeGroups) {
    if (new Set(group.members.map((member) => member.availabilityZone)).size < 2)
      throw combination(
        `MultiAZEnabled needs members in at least 2 availability zones; node group ${group.nodeGroupId} has them in 1.`,
      );
  }
}

function newGroup(
  deps: ActionDeps,
  { account, region }: ActionContext,
  id: string,
  desired: ReplicationGroupDesired,
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
    observed: { ...nothingObserved, isFormed: desired.clusterMode === 'disabled' },
    createdAt: now,
    updatedAt: now,
  };
}

/** One cache cluster for each member: the API names members so, and they carry the group's tags (§23). */
function newMembers(group: ReplicationGroup, plan: NodeGroupPlan): CacheCluster[] {
  return plan.nodeGroups.flatMap(({ nodeGroupId, members }) =>
    members.map((member) => newMember(group, nodeGroupId, member.cacheClusterId, member.availabilityZone)),
  );
}

export function newMember(
  group: ReplicationGroup,
  nodeGroupId: string,
  cacheClusterId: string,
  availabilityZone: string,
): CacheCluster {
  const { pending, description, clusterMode, automaticFailover, multiAz, ...rest } = group.desired;
  const { atRestEncryption, kmsKeyId, snapshottingClusterId, durability, ...settings } = rest;
  return {
    kind: 'cache-cluster',
    account: group.account,
    region: group.region,
    id: cacheClusterId,
    // A member has no nodes of its own: they are the group's.
    incarnation: `${group.incarnation}:${cacheClusterId}`,
    version: 1,
    status: 'creating',
    tags: group.tags,
    desired: {
      ...settings,
      replicationGroupId: group.id,
      nodeGroupId,
      preferredAvailabilityZone: availabilityZone,
      numCacheNodes: 1,
      pending: {},
    },
    observed: nothingObserved,
    createdAt: group.updatedAt,
    updatedAt: group.updatedAt,
  };
}

async function checkFree(
  deps: ActionDeps,
  context: ActionContext,
  id: string,
  clusters: readonly CacheCluster[],
): Promise<void> {
  const { store } = deps;
  if (await store.resource(groupKey(context, 'replication-group', id)))
    throw new ServiceError('ReplicationGroupAlreadyExists', `Replication group ${id} already exists.`);
  for (const cluster of clusters) {
    if (await store.resource(cluster))
      throw new ServiceError('InvalidParameterValue', `The cache cluster ${cluster.id} already exists.`);
  }
  checkQuota(quotas.nodesPerRegion, await store.countNodes(context), clusters.length);
}
