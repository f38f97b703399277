/** IncreaseReplicaCount. Rules: spec/behaviour.md §8. */
import type { IncreaseReplicaCountMessage, IncreaseReplicaCountResult } from '@aws-sdk/client-elasticache';
import { replicaCountIncreasing } from '../../catalog/events.ts';
import { parseReference } from '../../model/identifiers.ts';
import { checkQuota, quotas } from '../../model/limits.ts';
import type { CacheCluster, ReplicationGroup } from '../../model/resource.ts';
import { invalidValue } from '../../model/service-errors.ts';
import { zonesForJoining } from '../../model/zones.ts';
import type { Change } from '../../store/contract.ts';
import { enqueue } from '../../store/enqueue.ts';
import { type Action, type ActionDeps, commitPlanned } from '../action.ts';
import { cacheEvent } from '../shared/cache-event.ts';
import { requireAvailableGroup } from '../shared/cache-state.ts';
import { requireReplicationGroup } from '../shared/look-ups.ts';
import { nextVersion } from '../shared/rows.ts';
import { answerGroup } from './describe-replication-groups.ts';
import { freeMemberNames, newMember } from './new-member.ts';
import {
  modifyingShard,
  readShards,
  requireChange,
  requireImmediately,
  requireOneForm,
  type WantedReplicas,
  wantedReplicas,
  withoutZonesOf,
} from './replica-configuration.ts';

export const increaseReplicaCount =
  (deps: ActionDeps): Action<IncreaseReplicaCountMessage, IncreaseReplicaCountResult> =>
  async (input, context) => {
    const id = parseReference(input.ReplicationGroupId ?? '', 'ReplicationGroupId');
    requireImmediately(input.ApplyImmediately);
    const { NewReplicaCount, ReplicaConfiguration } = input;
    requireOneForm({ NewReplicaCount, ReplicaConfiguration });
    const group = await commitPlanned(deps.store, async () => {
      const group = await requireReplicationGroup(deps.store, context, id);
      requireAvailableGroup(group, 'modify');
      const growing = await growingShards(deps, group, input);
      const row = nextVersion(group, deps.clock.now(), { status: 'modifying' });
      const clusters = (await Promise.all(growing.map((one) => newReplicas(deps, row, one)))).flat();
      return { changes: joiningChanges(deps, row, clusters, growing), result: row };
    });
    deps.queue.wake();
    return { ReplicationGroup: await answerGroup(deps, group) };
  };

async function growingShards(
  deps: ActionDeps,
  group: ReplicationGroup,
  input: IncreaseReplicaCountMessage,
): Promise<WantedReplicas[]> {
  const shards = await readShards(deps.store, group);
  const wanted = wantedReplicas(group, shards, input);
  const shrinking = wanted.find(({ from, to }) => to < from);
  if (shrinking)
    throw invalidValue(
      `NewReplicaCount is ${shrinking.to} and node group ${shrinking.shard.nodeGroupId} has ` +
        `${shrinking.from} replicas; it must be greater. DecreaseReplicaCount makes them fewer.`,
    );
  requireChange(group, wanted);
  const growing = wanted.filter(({ from, to }) => to > from);
  const added = growing.reduce((sum, { from, to }) => sum + to - from, 0);
  const nodes = shards.reduce((sum, one) => sum + one.nodes.length, 0);
  checkQuota(quotas.nodesPerReplicationGroup, nodes, added);
  checkQuota(quotas.nodesPerRegion, await deps.store.countNodes(group), added);
  return growing;
}

async function newReplicas(
  deps: ActionDeps,
  group: ReplicationGroup,
  { shard, nodes, from, to, zones }: WantedReplicas,
): Promise<CacheCluster[]> {
  const { nodeGroupId } = shard;
  const existing = nodes.map((node) => node.availabilityZone);
  const joining = zones ? withoutZonesOf(zones, nodes) : zonesForJoining(group.region, existing, to - from);
  if (!joining)
    throw invalidValue(
      `PreferredAvailabilityZones of node group ${nodeGroupId} has no zone for each of its present nodes, ` +
        `which stay in ${existing.join(', ')}.`,
    );
  const members = nodes.map((node) => node.cacheClusterId);
  const names = await freeMemberNames(deps.store, group, nodeGroupId, members, to - from);
  return names.map((name, index) => newMember(group, nodeGroupId, name, joining[index] as string));
}

/** The intent to let these members join: the group is being modified, and an operation brings them up. */
export function joiningChanges(
  deps: ActionDeps,
  group: ReplicationGroup,
  clusters: readonly CacheCluster[],
  growing: readonly Pick<WantedReplicas, 'shard' | 'from' | 'to'>[],
): Change[] {
  const now = deps.clock.now();
  const growth = growing.map(({ shard, from, to }) => ({ nodeGroupId: shard.nodeGroupId, from, to }));
  return [
    { put: 'resource', row: group },
    ...clusters.map((row): Change => ({ put: 'resource', row })),
    ...growing.map(({ shard }) => modifyingShard(shard)),
    ...growth.map(({ nodeGroupId, from, to }) =>
      cacheEvent(group, replicaCountIncreasing(nodeGroupId, from, to), now),
    ),
    enqueue(deps, 'add-members', group, { members: clusters.map((cluster) => cluster.id), growth }),
  ];
}
