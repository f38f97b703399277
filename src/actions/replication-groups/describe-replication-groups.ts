/** DescribeReplicationGroups, and a group as every action on it answers. */
import type { DescribeReplicationGroupsMessage, ReplicationGroupMessage } from '@aws-sdk/client-elasticache';
import { parseReference } from '../../model/identifiers.ts';
import type { ReplicationGroup } from '../../model/resource.ts';
import type { Store } from '../../store/contract.ts';
import type { Action, ActionDeps } from '../action.ts';
import { describePage } from '../shared/describe-page.ts';
import { holdWhileChanging } from '../shared/hold.ts';
import { membersOf, requireReplicationGroup } from '../shared/look-ups.ts';
import { rowsByCache } from '../shared/rows.ts';
import { type GroupRows, shapeReplicationGroup } from './shape-replication-group.ts';

export const describeReplicationGroups =
  (deps: ActionDeps): Action<DescribeReplicationGroupsMessage, ReplicationGroupMessage> =>
  async (input, context) => {
    if (input.ReplicationGroupId !== undefined) {
      const id = parseReference(input.ReplicationGroupId, 'ReplicationGroupId');
      const group = await holdWhileChanging(deps, context, () =>
        requireReplicationGroup(deps.store, context, id),
      );
      return { ReplicationGroups: [await answerGroup(deps, group)] };
    }
    const scope = { account: context.account, region: context.region, kind: 'replication-group' } as const;
    const page = await describePage(deps.store, scope, input);
    const rows = await readGroupRows(deps.store, page.items);
    return {
      ReplicationGroups: rows.map((row) => shapeReplicationGroup(row, deps.dnsZone)),
      ...(page.marker === undefined ? {} : { Marker: page.marker }),
    };
  };

export async function answerGroup(deps: ActionDeps, group: ReplicationGroup) {
  const [rows] = await readGroupRows(deps.store, [group]);
  return shapeReplicationGroup(rows as GroupRows, deps.dnsZone);
}

/** The rows of several groups in three reads, and one more for each that is changing. */
async function readGroupRows(store: Store, groups: readonly ReplicationGroup[]): Promise<GroupRows[]> {
  const incarnations = groups.map((group) => group.incarnation);
  const [nodeGroups, nodes, endpoints, members] = await Promise.all([
    store.nodeGroupsOf(incarnations),
    store.nodesOf(incarnations),
    store.endpointsOf(incarnations),
    Promise.all(groups.map((group) => (group.status === 'available' ? [] : membersOf(store, group)))),
  ]);
  const [groupsOf, nodesOf, endpointsOf] = [
    rowsByCache(nodeGroups),
    rowsByCache(nodes),
    rowsByCache(endpoints),
  ];
  return groups.map((group, index) => ({
    group,
    members: members[index] ?? [],
    nodeGroups: groupsOf.get(group.incarnation) ?? [],
    nodes: nodesOf.get(group.incarnation) ?? [],
    endpoints: endpointsOf.get(group.incarnation) ?? [],
  }));
}
