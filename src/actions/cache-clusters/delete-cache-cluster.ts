/** DeleteCacheCluster. The status is `deleting` before the answer: waiters rely on it. */
import type { DeleteCacheClusterMessage, DeleteCacheClusterResult } from '@aws-sdk/client-elasticache';
import { parseReference } from '../../model/identifiers.ts';
import type { CacheCluster } from '../../model/resource.ts';
import { ServiceError } from '../../model/service-errors.ts';
import type { Change } from '../../store/contract.ts';
import { enqueue } from '../../store/enqueue.ts';
import { type Action, type ActionDeps, commitPlanned } from '../action.ts';
import { zoneLeftAlone } from '../replication-groups/failover-rules.ts';
import { snapshotSourceAmong } from '../replication-groups/snapshot-source.ts';
import { isDeletable, isHeldUp, whenHeldUp } from '../shared/cache-state.ts';
import { requireCacheCluster, requireReplicationGroup } from '../shared/look-ups.ts';
import { NotWell, onceWell } from '../shared/once-well.ts';
import { refuseNotYet } from '../shared/refusals.ts';
import { nextVersion } from '../shared/rows.ts';
import { answerCluster } from './describe-cache-clusters.ts';

export const deleteCacheCluster =
  (deps: ActionDeps): Action<DeleteCacheClusterMessage, DeleteCacheClusterResult> =>
  async (input, context) => {
    const id = parseReference(input.CacheClusterId ?? '', 'CacheClusterId');
    refuseNotYet(input, ['FinalSnapshotIdentifier']);
    const plan = async () => {
      const cluster = await requireCacheCluster(deps.store, context, id);
      const isMember = cluster.desired.replicationGroupId !== null;
      if (!isDeletable(cluster) && (isMember || !(await isHeldUp(deps, cluster))))
        throw new ServiceError(
          'InvalidCacheClusterState',
          `Cache cluster ${id} is ${cluster.status}; it can be deleted when it is available${isMember ? '' : whenHeldUp(deps, cluster)}.`,
        );
      const row = nextVersion(cluster, deps.clock.now(), { status: 'deleting' });
      const work = cluster.desired.replicationGroupId
        ? await removalOfMember(deps, cluster, cluster.desired.replicationGroupId)
        : [enqueue(deps, 'delete-cache', cluster, { retainPrimary: false })];
      return { changes: [{ put: 'resource', row } as const, ...work], result: row };
    };
    const cluster = await onceWell(deps, () => commitPlanned(deps.store, plan));
    deps.queue.wake();
    return { CacheCluster: await answerCluster(deps, cluster) };
  };

/** A replica leaves its group; the primary and the last member cannot (texts as Terraform matches them, §6). */
async function removalOfMember(deps: ActionDeps, cluster: CacheCluster, groupId: string): Promise<Change[]> {
  const group = await requireReplicationGroup(deps.store, cluster, groupId);
  const refuse = (message: string) => new ServiceError('InvalidCacheClusterState', message);
  if (group.status !== 'available')
    throw refuse(`Replication group ${group.id} is ${group.status}; its members cannot be deleted now.`);
  if (group.desired.clusterMode === 'enabled')
    throw refuse(`${cluster.id} is a member of a cluster mode enabled group; use DecreaseReplicaCount.`);
  const nodes = await deps.store.nodesOf([group.incarnation]);
  const living = nodes.filter((node) => node.intent !== 'deleted');
  if (living.length <= 1)
    throw refuse(`${cluster.id} is the only member of a replication group, ${group.id}.`);
  const [shard] = await deps.store.nodeGroupsOf([group.incarnation]);
  const own = living.find((node) => node.cacheClusterId === cluster.id);
  if (own?.incarnation === shard?.currentPrimary || own?.incarnation === shard?.targetPrimary)
    throw refuse(
      `${cluster.id} is serving as primary for replication group ${group.id} and cannot be deleted.`,
    );
  if (living.length === 2 && group.desired.automaticFailover)
    throw refuse(
      `${cluster.id} is the last replica of ${group.id}, which has automatic failover enabled; disable it first.`,
    );
  const staying = living.filter((node) => node !== own);
  const zone = zoneLeftAlone(group.desired.multiAz, living, staying);
  if (zone !== null)
    throw refuse(
      `Without ${cluster.id} all nodes of ${group.id} would be in ${zone}; it has Multi-AZ enabled, disable it first.`,
    );
  const why = own && shard && (await deps.copies.whyNeeded(shard, [own.incarnation]));
  if (why)
    throw new NotWell('InvalidCacheClusterState', `Replication group ${group.id} is not well: ${why}.`);
  const snapshottingClusterId = snapshotSourceAmong(group.desired, staying, shard?.currentPrimary ?? null);
  const desired = { ...group.desired, snapshottingClusterId };
  return [
    { put: 'resource', row: nextVersion(group, deps.clock.now(), { status: 'modifying', desired }) },
    enqueue(deps, 'remove-members', group, { members: [cluster.id], shrink: [] }),
  ];
}
