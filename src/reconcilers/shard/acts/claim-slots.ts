/** Gives a primary exactly its shard's slots again: those that it lost, and none of others'. */
import { slotsReassigned, slotsTakenBack } from '../../../catalog/events.ts';
import {
  giveUpSlots,
  type Neighbours,
  ownSlots,
  type SlotClaim,
  spreadClaim,
} from '../../../engines/valkey/claim-slots.ts';
import { keyOf, type PlannedNode, subtract } from '../../../engines/valkey/cluster-plan.ts';
import { readMembers } from '../../../engines/valkey/cluster-view.ts';
import { plannedNode } from '../../../fleet/launch.ts';
import type { CacheNode } from '../../../model/node.ts';
import { formatSlots, parseSlots, type SlotRange } from '../../../model/slots.ts';
import { faultPoint } from '../../../platform/fault-points.ts';
import type { Store } from '../../../store/contract.ts';
import type { ShardContext } from '../context.ts';
import { isAnswering, leads } from '../decide/decision.ts';
import { isProven } from '../decide/lost-slots.ts';
import type { ShardFacts } from '../observe/observe-shard.ts';
import { cacheEvent } from '../record.ts';

/** To claim the slots takes 0.3-0.5 s; the worker does nothing else meanwhile. */
const spreadDeadlineMs = 3_000;

/** May be repeated. Throws while another node serves the slots, or may serve them. */
export async function claimSlots(
  context: ShardContext,
  { cache, view }: ShardFacts,
  node: CacheNode,
): Promise<void> {
  const { fleet } = context;
  const [others, shards, connection] = await Promise.all([
    othersOf(fleet.store, node),
    fleet.store.nodeGroupsOf([node.cacheIncarnation]),
    fleet.connections.of(node),
  ]);
  const slots = parseSlots(view.shard.slots);
  const standing = view.members.find((member) => member.node.incarnation === node.incarnation)?.engine?.slots;
  if (standing === 'surplus') {
    const self = (await readMembers(connection)).find(({ isMyself }) => isMyself);
    return giveUpSlots(connection, subtract(self?.slots ?? [], slots));
  }
  const claim: SlotClaim = {
    node: plannedNode(node),
    connection,
    slots,
    rank: shards.findIndex(({ nodeGroupId }) => nodeGroupId === view.shard.nodeGroupId) + 1,
  };
  await takeFromSiblings(context, view, node, slots);
  const neighbours = await findNeighbours(context, others);
  const claimed = await ownSlots(claim, neighbours);
  faultPoint('claim-slots:owned');
  if (claimed.length > 0) {
    const { nodeGroupId, slots: all } = view.shard;
    const text =
      standing === 'taken'
        ? slotsTakenBack(nodeGroupId, node.cacheClusterId, formatSlots(claimed))
        : slotsReassigned(nodeGroupId, node.cacheClusterId, all);
    await fleet.store.commit([cacheEvent(context, cache, text)]);
  }
  // The node's own replicas are introduced when they follow it.
  if (shards.length === 1) return;
  // All others are down too: their workers introduce them when they are back.
  if (neighbours.answering.size === 0)
    throw new Error(`${node.cacheClusterId} has its slots again, and no other node answers to hear of it`);
  await spreadClaim(claim, neighbours, spreadDeadlineMs);
}

/**
 * A sibling that came back calls itself the owner of the slots, by a file that is older than what has happened since, and
 * nothing says that it holds the data: it gives them up, and follows.
 */
async function takeFromSiblings(
  { fleet }: ShardContext,
  { members }: ShardFacts['view'],
  { incarnation }: CacheNode,
  slots: readonly SlotRange[],
): Promise<void> {
  const current = members.find((member) => member.node.incarnation === incarnation);
  for (const sibling of members) {
    if (!current || sibling === current || !isAnswering(current) || !leads(sibling)) continue;
    if (!isProven(sibling, current)) await giveUpSlots(await fleet.connections.of(sibling.node), slots);
  }
}

/** Every other node that is in the cluster, or is to be. */
export async function othersOf(store: Store, node: CacheNode): Promise<CacheNode[]> {
  const all = await store.nodesOf([node.cacheIncarnation]);
  return all.filter((one) => one.incarnation !== node.incarnation && one.intent !== 'deleted');
}

export async function findNeighbours(
  { fleet, monitor }: ShardContext,
  nodes: readonly CacheNode[],
): Promise<Neighbours> {
  const silent = new Set<string>();
  const answering = new Map<string, { node: PlannedNode; connection: SlotClaim['connection'] }>();
  await Promise.all(
    nodes.map(async (node) => {
      const verdict = monitor.verdict(node);
      if (verdict === 'dead' || verdict === 'absent') return;
      const connection = verdict === 'answering' ? await fleet.connections.of(node).catch(() => null) : null;
      if (connection) answering.set(keyOf(node), { node: plannedNode(node), connection });
      else silent.add(keyOf(node));
    }),
  );
  return { answering, silent };
}
