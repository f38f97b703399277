/**
 * CreateReplicationGroup with PrimaryClusterId: an existing node becomes the primary of a new group, where it is and
 * with what it holds; NumCacheClusters adds replicas. Rules: spec/behaviour.md §5, §23.
 */
import type {
  CreateReplicationGroupMessage,
  CreateReplicationGroupResult,
} from '@aws-sdk/client-elasticache';
import { parseDescription, parseReference, parseReplicationGroupId } from '../../model/identifiers.ts';
import { cacheClustersPerGroupMax, checkRange } from '../../model/limits.ts';
import type { CacheNode } from '../../model/node.ts';
import {
  type CacheCluster,
  type CacheSettings,
  nothingObserved,
  type ReplicationGroup,
  type ReplicationGroupDesired,
} from '../../model/resource.ts';
import { invalidCombination, ServiceError } from '../../model/service-errors.ts';
import { mergeTags, parseTags } from '../../model/tags.ts';
import { parseZone, zonesForJoining } from '../../model/zones.ts';
import type { Change } from '../../store/contract.ts';
import { enqueue } from '../../store/enqueue.ts';
import { type Action, type ActionContext, type ActionDeps, commitPlanned } from '../action.ts';
import { groupsStand } from '../shared/cache-settings.ts';
import { requireAvailableCluster } from '../shared/cache-state.ts';
import { creationNotes } from '../shared/creation-notes.ts';
import { requireCacheCluster } from '../shared/look-ups.ts';
import { modifiedSettings } from '../shared/modify-settings.ts';
import { notYet } from '../shared/refusals.ts';
import { nextVersion } from '../shared/rows.ts';
import { withFirstToken } from './auth-token.ts';
import { answerGroup } from './describe-replication-groups.ts';
import { plannedFailover } from './failover-rules.ts';
import { checkGroupIsFree, freeMemberNames, newMember } from './new-member.ts';
import type { NodeGroupPlan } from './node-group-plan.ts';
import { snapshotSource } from './snapshot-source.ts';

export const createFromPrimary =
  (deps: ActionDeps): Action<CreateReplicationGroupMessage, CreateReplicationGroupResult> =>
  async (input, context) => {
    const id = parseReplicationGroupId(input.ReplicationGroupId ?? '');
    const group = await commitPlanned(deps.store, () => plan(deps, context, id, input));
    deps.queue.wake();
    return { ReplicationGroup: await answerGroup(deps, group) };
  };

async function plan(
  deps: ActionDeps,
  context: ActionContext,
  id: string,
  input: CreateReplicationGroupMessage,
) {
  const clusterId = parseReference(input.PrimaryClusterId ?? '', 'PrimaryClusterId');
  const cluster = await requireCacheCluster(deps.store, context, clusterId);
  requireOwn(cluster);
  const [node] = await deps.store.nodesOf([cluster.incarnation]);
  if (!node) throw new Error(`cache cluster ${cluster.id} has no node`);
  refuseOtherSettings(cluster, input);
  const base = await newGroup(deps, context, id, cluster, input);
  const joined = joinedCluster(deps, cluster, base);
  const replicas = await newReplicas(deps, base, node, input);
  const shard = { nodeGroupId: '0001', slots: '', members: [node, ...replicas.map(memberOf)] };
  const shape: NodeGroupPlan = { clusterMode: 'disabled', nodeGroups: [shard] };
  const { cacheNodeType, snapshotRetentionLimit } = base.desired;
  const group: ReplicationGroup = {
    ...base,
    desired: {
      ...base.desired,
      ...plannedFailover(cacheNodeType, shape, input),
      snapshottingClusterId: snapshotSource(snapshotRetentionLimit, shape),
    },
  };
  await checkGroupIsFree(deps, context, id, replicas);
  const members = [joined, ...replicas];
  const changes: Change[] = [
    ...groupsStand(group),
    { put: 'resource', row: group },
    ...members.map((row): Change => ({ put: 'resource', row })),
    ...creationNotes(group, {
      note: null,
      asksForEncryption: input.AtRestEncryptionEnabled ?? false,
      now: deps.clock.now(),
    }),
    enqueue(deps, 'create-from-primary', group, {
      primary: { clusterId: cluster.id, clusterIncarnation: cluster.incarnation },
    }),
  ];
  return { changes, result: group };
}

const memberOf = ({ id, desired }: CacheCluster) => ({
  cacheClusterId: id,
  availabilityZone: desired.preferredAvailabilityZone,
});

/** An available node of Valkey or Redis outside of any group. */
function requireOwn(cluster: CacheCluster): void {
  const { engine, replicationGroupId } = cluster.desired;
  if (engine === 'memcached')
    throw invalidCombination(
      `${cluster.id} runs memcached, which does not replicate; name a valkey or redis cluster.`,
    );
  if (replicationGroupId)
    throw new ServiceError(
      'InvalidCacheClusterState',
      `${cluster.id} is already a member of the replication group ${replicationGroupId}.`,
    );
  requireAvailableCluster(cluster, 'become the primary of a replication group');
}

/** A running node has its settings: what would change them, or move data, is refused. */
function refuseOtherSettings({ id, desired }: CacheCluster, input: CreateReplicationGroupMessage): void {
  const inherited: readonly (readonly [keyof CreateReplicationGroupMessage, string | number])[] = [
    ['Engine', desired.engine],
    ['CacheNodeType', desired.cacheNodeType],
    ['CacheParameterGroupName', desired.parameterGroupName],
    ['CacheSubnetGroupName', desired.subnetGroupName],
    ['Port', desired.port],
  ];
  for (const [name, current] of inherited)
    if (input[name] !== undefined && input[name] !== current)
      throw invalidCombination(
        `${name} cannot be given with PrimaryClusterId: ${id} has ${current}, and keeps it.`,
      );
  const { EngineVersion: version, Durability: durability } = input;
  if (version !== undefined && !`${desired.engineVersion}.`.startsWith(`${version}.`))
    throw invalidCombination(
      `EngineVersion cannot be given with PrimaryClusterId: ${id} has ${desired.engineVersion}.`,
    );
  if (input.ClusterMode === 'enabled' || (input.NumNodeGroups ?? 1) > 1)
    throw invalidCombination(`PrimaryClusterId makes a group without cluster mode, with one node group.`);
  if ((input.NodeGroupConfiguration ?? []).length > 0)
    throw invalidCombination('NodeGroupConfiguration cannot be given with PrimaryClusterId.');
  if (input.TransitEncryptionEnabled)
    throw invalidCombination(
      `TransitEncryptionEnabled cannot be given with PrimaryClusterId: ${id} speaks plain text, and keeps its clients.`,
    );
  withFirstToken([], input.AuthToken, desired.transitEncryption, 0);
  if (durability === 'sync' || durability === 'async') throw notYet('Durability', durability, 'disabled');
}

async function newGroup(
  deps: ActionDeps,
  context: ActionContext,
  id: string,
  cluster: CacheCluster,
  input: CreateReplicationGroupMessage,
): Promise<ReplicationGroup> {
  const now = deps.clock.now();
  const { replicationGroupId, nodeGroupId, preferredAvailabilityZone, numCacheNodes, pending, ...own } =
    cluster.desired;
  const desired: ReplicationGroupDesired = {
    ...(own as CacheSettings & { readonly engine: 'valkey' | 'redis' }),
    ...(await modifiedSettings(deps, context, own, input)),
    description: parseDescription(input.ReplicationGroupDescription ?? '', 'ReplicationGroupDescription'),
    clusterMode: 'disabled',
    automaticFailover: false,
    multiAz: false,
    atRestEncryption: input.AtRestEncryptionEnabled ?? false,
    kmsKeyId: input.KmsKeyId ?? null,
    snapshottingClusterId: null,
    durability: input.Durability ?? 'default',
    pending: {},
  };
  const { account, region } = context;
  return {
    kind: 'replication-group',
    account,
    region,
    id,
    incarnation: deps.ids.incarnation(),
    version: 1,
    status: 'creating',
    tags: mergeTags(cluster.tags, parseTags(input.Tags ?? [])),
    desired,
    observed: { ...nothingObserved, runningVersion: cluster.observed.runningVersion },
    createdAt: now,
    updatedAt: now,
  };
}

/** The cluster as a member: it keeps its name, and has the group's settings and tags. */
function joinedCluster(deps: ActionDeps, cluster: CacheCluster, group: ReplicationGroup): CacheCluster {
  const { desired } = newMember(group, '0001', cluster.id, cluster.desired.preferredAvailabilityZone);
  return nextVersion(cluster, deps.clock.now(), { status: 'modifying', desired, tags: group.tags });
}

async function newReplicas(
  deps: ActionDeps,
  group: ReplicationGroup,
  primary: CacheNode,
  input: CreateReplicationGroupMessage,
): Promise<CacheCluster[]> {
  const { NumCacheClusters: asked, ReplicasPerNodeGroup: perGroup } = input;
  const members = asked ?? (perGroup ?? 0) + 1;
  checkRange('NumCacheClusters', members, 1, cacheClustersPerGroupMax);
  if (asked !== undefined && perGroup !== undefined && perGroup + 1 !== asked)
    throw invalidCombination(
      `NumCacheClusters is ${asked} and ReplicasPerNodeGroup is ${perGroup}: they must agree.`,
    );
  const zones = zonesOfReplicas(group.region, primary, members, input.PreferredCacheClusterAZs ?? []);
  const names = await freeMemberNames(deps.store, group, '0001', [primary.cacheClusterId], members - 1);
  return names.map((name, index) => newMember(group, '0001', name, zones[index] as string));
}

function zonesOfReplicas(
  region: string,
  { cacheClusterId, availabilityZone }: CacheNode,
  members: number,
  preferred: readonly string[],
): readonly string[] {
  if (preferred.length === 0) return zonesForJoining(region, [availabilityZone], members - 1);
  const [first, ...others] = preferred.map((zone) => parseZone(zone, region));
  if (preferred.length !== members || first !== availabilityZone)
    throw invalidCombination(
      `PreferredCacheClusterAZs must have ${members} zones, the first of them ${availabilityZone}, ` +
        `where ${cacheClusterId} is and stays.`,
    );
  return others;
}
