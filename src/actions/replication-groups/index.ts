import type { ActionDeps } from '../action.ts';
import { createReplicationGroup } from './create-replication-group.ts';
import { decreaseReplicaCount } from './decrease-replica-count.ts';
import { deleteReplicationGroup } from './delete-replication-group.ts';
import { describeReplicationGroups } from './describe-replication-groups.ts';
import { increaseReplicaCount } from './increase-replica-count.ts';
import { modifyReplicationGroup } from './modify-replication-group.ts';
import { testFailover } from './test-failover.ts';

export const replicationGroupActions = (deps: ActionDeps) => ({
  CreateReplicationGroup: createReplicationGroup(deps),
  DecreaseReplicaCount: decreaseReplicaCount(deps),
  DeleteReplicationGroup: deleteReplicationGroup(deps),
  DescribeReplicationGroups: describeReplicationGroups(deps),
  IncreaseReplicaCount: increaseReplicaCount(deps),
  ModifyReplicationGroup: modifyReplicationGroup(deps),
  TestFailover: testFailover(deps),
});
