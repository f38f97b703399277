/** Forms the cluster of a new group: rounds of looking and sending until every node lists every node. */
import type { EngineConnection } from '../engines/valkey/client.ts';
import { steadyClusterTiming, steadySync } from '../engines/valkey/timing.ts';
import {
  type ClusterPlan,
  decideForming,
  keyOf,
  nodesOf,
  observeCluster,
  sendCommands,
} from '../engines/valkey/topology.ts';
import type { CacheView } from '../fleet/cache-view.ts';
import { plannedNode } from '../fleet/launch.ts';
import { parseSlots } from '../model/slots.ts';
import { faultPoint } from '../platform/fault-points.ts';
import { pause, requireTime } from '../platform/until-aborted.ts';
import { connectionTo } from './connection-to.ts';
import type { Tools } from './tools.ts';

/** Gossip spreads within tens of milliseconds while the node timeout is short. */
const roundMs = 10;

/** May be repeated from any point; records the node groups as formed last. Throws `NotInTime` when the signal aborts. */
export async function formCluster(tools: Tools, view: CacheView, signal: AbortSignal): Promise<void> {
  const { fleet } = tools;
  const plan = planOf(view);
  const connections = new Map<string, EngineConnection>();
  await Promise.all(
    view.nodes.map(async (node) => connections.set(keyOf(node), await connectionTo(fleet, node, signal))),
  );
  for (let lastReason = 'nothing was seen yet'; ; ) {
    requireTime(signal, `the cluster is not formed, ${lastReason}`);
    const decision = decideForming(plan, await observeCluster(plan, connections));
    if (decision.kind === 'done') break;
    if (decision.kind === 'stuck') throw new Error(`the cluster cannot be formed: ${decision.reason}`);
    if (decision.kind === 'send') await sendCommands(decision.commands, connections);
    else lastReason = decision.reason;
    faultPoint('form-cluster:round');
    await pause(fleet.clock, signal, roundMs, `the cluster is not formed, ${lastReason}`);
  }
  await Promise.all(
    nodesOf(plan).map((node) =>
      connections.get(keyOf(node))?.call('CONFIG', 'SET', ...[...steadyClusterTiming, ...steadySync].flat()),
    ),
  );
  faultPoint('form-cluster:formed');
  const { cache } = view;
  const formed = await fleet.store.nodeGroupsOf([cache.incarnation]);
  await fleet.store.commit(
    formed.map((row) => ({ put: 'node-group', row: { ...row, version: row.version + 1, isFormed: true } })),
  );
  tools.shards.recheck(cache.incarnation);
}

function planOf(view: CacheView): ClusterPlan {
  return {
    shards: view.nodeGroups.map((shard) => {
      const members = view.nodes.filter((node) => node.nodeGroupId === shard.nodeGroupId);
      const primary = members.find((node) => node.incarnation === shard.currentPrimary);
      if (!primary) throw new Error(`node group ${shard.nodeGroupId} has no recorded primary`);
      return {
        primary: plannedNode(primary),
        replicas: members.filter((node) => node !== primary).map(plannedNode),
        slots: parseSlots(shard.slots),
      };
    }),
  };
}
