/** A cluster as it is planned, what its nodes say, and what is still missing. */
import type { SlotRange } from '../../model/slots.ts';
import type { EngineConnection } from './client.ts';
import { type ClusterMember, type ClusterView, readClusterView } from './cluster-view.ts';
import type { NodeAddress } from './config-file.ts';

export interface PlannedNode extends NodeAddress {
  readonly busPort: number;
}

export interface PlannedShard {
  readonly primary: PlannedNode;
  readonly replicas: readonly PlannedNode[];
  readonly slots: readonly SlotRange[];
}

export interface ClusterPlan {
  readonly shards: readonly PlannedShard[];
}

/** What each node says, by `keyOf`; null or absent while it does not answer. */
export type ClusterSeen = ReadonlyMap<string, ClusterView | null>;

export const keyOf = ({ address, port }: NodeAddress): string => `${address}:${port}`;

export function nodesOf(plan: ClusterPlan): PlannedNode[] {
  return plan.shards.flatMap((shard) => [shard.primary, ...shard.replicas]);
}

/** Asks all nodes at once, in 1-2 ms. Connections by `keyOf`. */
export async function observeCluster(
  plan: ClusterPlan,
  connections: ReadonlyMap<string, EngineConnection>,
): Promise<ClusterSeen> {
  const views = nodesOf(plan).map(async (node) => {
    const connection = connections.get(keyOf(node));
    return [keyOf(node), connection ? await readClusterView(connection) : null] as const;
  });
  return new Map(await Promise.all(views));
}

/** True when every node says ok, knows every node, and shows clients every shard with all its replicas at the planned addresses. */
export function clusterIsFormed(plan: ClusterPlan, seen: ClusterSeen): boolean {
  return whatIsMissing(plan, seen) === null;
}

/** What is still missing, in a sentence; null when nothing is. */
export function whatIsMissing(plan: ClusterPlan, seen: ClusterSeen): string | null {
  const nodes = nodesOf(plan);
  const epochs = plan.shards.map((shard) => myself(seen, shard.primary)?.epoch);
  for (const node of nodes) {
    const view = seen.get(keyOf(node));
    if (!view) return `${keyOf(node)} does not answer`;
    if (!view.isOk) return `${keyOf(node)} does not say cluster_state:ok yet`;
    const unknown = nodes.find((other) => !knows(view, other, seen));
    if (unknown) return `${keyOf(node)} does not know ${keyOf(unknown)} yet`;
    for (const shard of plan.shards) {
      const wanted = [shard.primary, ...shard.replicas].map(keyOf);
      const served = view.served.filter((range) => range.nodes[0] && keyOf(range.nodes[0]) === wanted[0]);
      if (!coversAll(served, shard.slots))
        return `${keyOf(node)} does not list ${wanted[0]} with its slots yet`;
      const listed = served.every((range) =>
        wanted.every((key) => range.nodes.some((one) => keyOf(one) === key)),
      );
      if (!listed) return `${keyOf(node)} does not list the replicas of ${wanted[0]} yet`;
      const epoch = view.members.find((member) => keyOf(member) === wanted[0])?.epoch;
      if (epoch !== myself(seen, shard.primary)?.epoch)
        return `${keyOf(node)} does not know the epoch of ${wanted[0]} yet`;
    }
  }
  // Until then the primaries refuse a vote: the replica that asks for it seems to lack writes.
  return new Set(epochs).size === epochs.length ? null : 'two primaries have the same epoch still';
}

export function myself(seen: ClusterSeen, node: PlannedNode): ClusterMember | undefined {
  return seen.get(keyOf(node))?.members.find((member) => member.isMyself);
}

/** By its true id, with a bus link. */
export function knows(view: ClusterView, node: PlannedNode, seen: ClusterSeen): boolean {
  const id = seen.get(keyOf(node))?.id;
  return view.members.some(
    (member) =>
      member.id === id &&
      keyOf(member) === keyOf(node) &&
      member.health === 'fine' &&
      (member.isMyself || member.isConnected),
  );
}

/** True when each of `wanted` lies within `ranges`. */
export function coversAll(ranges: readonly SlotRange[], wanted: readonly SlotRange[]): boolean {
  return subtract(wanted, ranges).length === 0;
}

/** What of `ranges` is in none of `others`. */
export function subtract(ranges: readonly SlotRange[], others: readonly SlotRange[]): SlotRange[] {
  let rest = [...ranges];
  for (const other of others)
    rest = rest.flatMap(({ start, end }) =>
      other.end < start || other.start > end
        ? [{ start, end }]
        : [
            { start, end: other.start - 1 },
            { start: other.end + 1, end },
          ].filter((part) => part.start <= part.end),
    );
  return rest;
}
