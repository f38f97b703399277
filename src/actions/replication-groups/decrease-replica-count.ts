/** DecreaseReplicaCount. Rules: spec/behaviour.md §8. */
import type { DecreaseReplicaCountMessage, DecreaseReplicaCountResult } from '@aws-sdk/client-elasticache';
import { replicaCountDecreasing } from '../../catalog/events.ts';
import { parseReference } from '../../model/identifiers.ts';
import { memberNumber } from '../../model/naming.ts';
import type { CacheNode } from '../../model/node.ts';
import type { ReplicationGroup } from '../../model/resource.ts';
import { invalidValue, ServiceError } from '../../model/service-errors.ts';
import type { Change } from '../../store/contract.ts';
import { enqueue } from '../../store/enqueue.ts';
import { type Action, type ActionDeps, commitPlanned } from '../action.ts';
import { cacheEvent } from '../shared/cache-event.ts';
import { requireAvailableGroup } from '../shared/cache-state.ts';
import { membersOf, requireReplicationGroup } from '../shared/look-ups.ts';
import { NotWell, onceWell } from '../shared/once-well.ts';
import { nextVersion } from '../shared/rows.ts';
import { answerGroup } from './describe-replication-groups.ts';
import { zoneLeftAlone } from './failover-rules.ts';
import {
  modifyingShard,
  readShards,
  requireChange,
  requireImmediately,
  requireOneForm,
  type ShardMembers,
  type WantedReplicas,
  wantedReplicas,
  withoutZonesOf,
} from './replica-configuration.ts';
import { snapshotSourceAmong } from './snapshot-source.ts';

/** A node group that loses replicas. */
interface Shrinking extends ShardMembers {
  readonly from: number;
  readonly to: number;
  readonly leaving: readonly CacheNode[];
}

export const decreaseReplicaCount =
  (deps: ActionDeps): Action<DecreaseReplicaCountMessage, DecreaseReplicaCountResult> =>
  async (input, context) => {
    const id = parseReference(input.ReplicationGroupId ?? '', 'ReplicationGroupId');
    requireImmediately(input.ApplyImmediately);
    const { NewReplicaCount, ReplicaConfiguration, ReplicasToRemove } = input;
    requireOneForm({ NewReplicaCount, ReplicaConfiguration, ReplicasToRemove });
    const plan = async () => {
      const group = await requireReplicationGroup(deps.store, context, id);
      requireAvailableGroup(group, 'modify');
      const shards = await readShards(deps.store, group);
      const shrinking =
        ReplicasToRemove === undefined
          ? byCount(group, shards, input)
          : byName(group, shards, ReplicasToRemove);
      for (const one of shrinking) {
        checkFloor(group, one);
        checkZones(group, one);
      }
      await requireSpared(deps, group, shrinking);
      return leavingChanges(deps, group, shrinking);
    };
    const group = await onceWell(deps, () => commitPlanned(deps.store, plan));
    deps.queue.wake();
    return { ReplicationGroup: await answerGroup(deps, group) };
  };

function byCount(
  group: ReplicationGroup,
  shards: readonly ShardMembers[],
  input: DecreaseReplicaCountMessage,
): Shrinking[] {
  const wanted = wantedReplicas(group, shards, input);
  const growing = wanted.find(({ from, to }) => to > from);
  if (growing)
    throw invalidValue(
      `NewReplicaCount is ${growing.to} and node group ${growing.shard.nodeGroupId} has ` +
        `${growing.from} replicas; it must be less. IncreaseReplicaCount makes them more.`,
    );
  requireChange(group, wanted);
  return wanted.filter(({ from, to }) => to < from).map((one) => ({ ...one, leaving: chooseLeaving(one) }));
}

/**
 * The replicas that leave. Where the request names zones: those that do not lie in one of them; else those of the zone that
 * has most nodes, so that what stays is spread; the highest number first.
 */
function chooseLeaving({ shard, nodes, from, to, zones }: WantedReplicas): CacheNode[] {
  const staying = [...nodes];
  const leaving: CacheNode[] = [];
  const population = (zone: string) => staying.filter((node) => node.availabilityZone === zone).length;
  const surplus = (node: CacheNode) => {
    const zone = node.availabilityZone;
    return zones ? population(zone) - zones.filter((one) => one === zone).length : population(zone);
  };
  while (leaving.length < from - to) {
    const replicas = staying
      .filter((node) => !leads(shard, node))
      .sort(
        (a, b) => surplus(b) - surplus(a) || memberNumber(b.cacheClusterId) - memberNumber(a.cacheClusterId),
      );
    const [next] = replicas;
    // Two of its nodes lead, or are about to: one is promoted at this moment.
    if (!next)
      throw new NotWell(
        'InvalidReplicationGroupState',
        `Node group ${shard.nodeGroupId} gets another primary at this moment; its replicas cannot be told yet.`,
      );
    leaving.push(next);
    staying.splice(staying.indexOf(next), 1);
  }
  if (zones && withoutZonesOf(zones, staying) === null)
    throw invalidValue(
      `PreferredAvailabilityZones of node group ${shard.nodeGroupId} cannot be met by removing replicas: ` +
        `its nodes are in ${nodes.map((node) => node.availabilityZone).join(', ')}.`,
    );
  return leaving;
}

const leads = (shard: ShardMembers['shard'], { incarnation }: CacheNode): boolean =>
  incarnation === shard.currentPrimary || incarnation === shard.targetPrimary;

function byName(
  group: ReplicationGroup,
  shards: readonly ShardMembers[],
  given: readonly string[],
): Shrinking[] {
  const names = [...new Set(given.map((name) => parseReference(name, 'ReplicasToRemove')))];
  if (names.length === 0)
    throw new ServiceError('NoOperationFault', 'ReplicasToRemove is empty: no replica is to be removed.');
  const known = shards.flatMap(({ nodes }) => nodes.map((node) => node.cacheClusterId));
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw invalidValue(
      `ReplicasToRemove names ${unknown}; the members of ${group.id} are ${known.join(', ')}.`,
    );
  return shards.flatMap((one) => {
    const leaving = one.nodes.filter((node) => names.includes(node.cacheClusterId));
    const primary = leaving.find((node) => leads(one.shard, node));
    if (primary)
      throw new ServiceError(
        'InvalidCacheClusterState',
        `${primary.cacheClusterId} is serving as primary for replication group ${group.id} and cannot be removed.`,
      );
    const from = one.nodes.length - 1;
    return leaving.length === 0 ? [] : [{ ...one, from, to: from - leaving.length, leaving }];
  });
}

/** Cluster mode disabled: with automatic failover or Multi-AZ one replica must stay. */
function checkFloor({ desired }: ReplicationGroup, { shard, to }: Shrinking): void {
  const needsReplica = desired.clusterMode === 'disabled' && (desired.automaticFailover || desired.multiAz);
  if (!needsReplica || to >= 1) return;
  throw invalidValue(
    `Node group ${shard.nodeGroupId} would have ${to} replicas; with automatic failover or Multi-AZ enabled ` +
      'it must keep at least 1.',
  );
}

/** Refuses to leave all nodes in one zone while Multi-AZ is enabled. */
function checkZones({ desired }: ReplicationGroup, { shard, nodes, leaving }: Shrinking): void {
  const staying = nodes.filter((node) => !leaving.includes(node));
  const zone = zoneLeftAlone(desired.multiAz, nodes, staying);
  if (zone === null) return;
  throw invalidValue(
    `Node group ${shard.nodeGroupId} would have all of its nodes in ${zone}; with Multi-AZ enabled they must be in at ` +
      'least 2 availability zones. Remove other replicas, or disable Multi-AZ first.',
  );
}

/** Only a group without cluster mode has a source: its one node group is `shrinking[0]`. */
function snapshotSourceAfter({ desired }: ReplicationGroup, [only]: readonly Shrinking[]): string | null {
  if (!only || desired.clusterMode === 'enabled') return null;
  const staying = only.nodes.filter((node) => !only.leaving.includes(node));
  return snapshotSourceAmong(desired, staying, only.shard.currentPrimary);
}

/** Rows may tell of a primary that died a millisecond ago. */
async function requireSpared(
  { copies }: ActionDeps,
  group: ReplicationGroup,
  shrinking: readonly Shrinking[],
): Promise<void> {
  const reasons = await Promise.all(
    shrinking.map(({ shard, leaving }) =>
      copies.whyNeeded(
        shard,
        leaving.map(({ incarnation }) => incarnation),
      ),
    ),
  );
  const index = reasons.findIndex((reason) => reason !== null);
  if (index < 0) return;
  throw new NotWell(
    'InvalidReplicationGroupState',
    `Node group ${shrinking[index]?.shard.nodeGroupId} of replication group ${group.id} is not well: ${reasons[index]}.`,
  );
}

async function leavingChanges(
  deps: ActionDeps,
  group: ReplicationGroup,
  shrinking: readonly Shrinking[],
): Promise<{ changes: Change[]; result: ReplicationGroup }> {
  const now = deps.clock.now();
  const names = shrinking.flatMap(({ leaving }) => leaving.map((node) => node.cacheClusterId));
  const clusters = (await membersOf(deps.store, group)).filter((cluster) => names.includes(cluster.id));
  const desired = { ...group.desired, snapshottingClusterId: snapshotSourceAfter(group, shrinking) };
  const row = nextVersion(group, now, { status: 'modifying', desired });
  const shrink = shrinking.map(({ shard, from, to }) => ({ nodeGroupId: shard.nodeGroupId, from, to }));
  return {
    changes: [
      { put: 'resource', row },
      ...clusters.map(
        (cluster): Change => ({ put: 'resource', row: nextVersion(cluster, now, { status: 'deleting' }) }),
      ),
      ...shrinking.map((one) => modifyingShard(one.shard)),
      ...shrink.map(({ nodeGroupId, from, to }) =>
        cacheEvent(group, replicaCountDecreasing(nodeGroupId, from, to), now),
      ),
      enqueue(deps, 'remove-members', group, { members: names, shrink }),
    ],
    result: row,
  };
}
