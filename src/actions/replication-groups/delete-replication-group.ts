/** DeleteReplicationGroup. The status is `deleting` before the answer: waiters rely on it. */
import type {
  DeleteReplicationGroupMessage,
  DeleteReplicationGroupResult,
} from '@aws-sdk/client-elasticache';
import { parseReference } from '../../model/identifiers.ts';
import type { ReplicationGroup } from '../../model/resource.ts';
import { invalidCombination, ServiceError } from '../../model/service-errors.ts';
import type { Change } from '../../store/contract.ts';
import { enqueue } from '../../store/enqueue.ts';
import { type Action, type ActionDeps, commitPlanned } from '../action.ts';
import { isDeletable, isHeldUp, whenHeldUp } from '../shared/cache-state.ts';
import { membersOf, requireReplicationGroup } from '../shared/look-ups.ts';
import { refuseNotYet } from '../shared/refusals.ts';
import { nextVersion } from '../shared/rows.ts';
import { answerGroup } from './describe-replication-groups.ts';

export const deleteReplicationGroup =
  (deps: ActionDeps): Action<DeleteReplicationGroupMessage, DeleteReplicationGroupResult> =>
  async (input, context) => {
    const id = parseReference(input.ReplicationGroupId ?? '', 'ReplicationGroupId');
    refuseNotYet(input, ['FinalSnapshotIdentifier']);
    const group = await commitPlanned(deps.store, async () => {
      const group = await requireReplicationGroup(deps.store, context, id);
      if (!isDeletable(group) && !(await isHeldUp(deps, group)))
        throw new ServiceError(
          'InvalidReplicationGroupState',
          `Replication group ${id} is ${group.status}; it can be deleted when it is available${whenHeldUp(deps, group)}.`,
        );
      const members = await membersOf(deps.store, group);
      const retained = input.RetainPrimaryCluster ? await retainedMember(deps, group) : null;
      const row = nextVersion(group, deps.clock.now(), { status: 'deleting' });
      const changes: Change[] = [
        { put: 'resource', row },
        ...members
          .filter((member) => member.id !== retained)
          .map(
            (member): Change => ({
              put: 'resource',
              row: nextVersion(member, deps.clock.now(), { status: 'deleting' }),
            }),
          ),
        enqueue(deps, 'delete-cache', group, { retainPrimary: retained !== null }),
      ];
      return { changes, result: row };
    });
    deps.queue.wake();
    return { ReplicationGroup: await answerGroup(deps, group) };
  };

/** The member that RetainPrimaryCluster keeps. */
async function retainedMember(deps: ActionDeps, group: ReplicationGroup): Promise<string> {
  if (group.desired.clusterMode === 'enabled')
    throw invalidCombination('RetainPrimaryCluster cannot be used with cluster mode enabled.');
  const [shard] = await deps.store.nodeGroupsOf([group.incarnation]);
  const node = shard?.currentPrimary ? await deps.store.node(shard.currentPrimary) : null;
  if (!node)
    throw new ServiceError(
      'InvalidReplicationGroupState',
      `Replication group ${group.id} has no primary now.`,
    );
  return node.cacheClusterId;
}
