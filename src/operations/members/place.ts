/** New members of a group: their rows as cache clusters are there since the API call. */
import { cacheNodeAdded, clusterCreated } from '../../catalog/events.ts';
import { announce } from '../../fleet/announce.ts';
import type { CacheView } from '../../fleet/cache-view.ts';
import { placeNodes } from '../../fleet/make-room.ts';
import type { NodeSlot } from '../../fleet/place.ts';
import type { CacheNode } from '../../model/node.ts';
import type { CacheCluster } from '../../model/resource.ts';
import type { Change } from '../../store/contract.ts';
import { nextNode, withStatus } from '../rows.ts';
import type { Tools } from '../tools.ts';

/** Gives each member its node, with an address. The workers of their shards start them when they are woken. */
export async function placeMembers(
  { fleet }: Tools,
  view: CacheView,
  members: readonly CacheCluster[],
  signal: AbortSignal,
): Promise<void> {
  await placeNodes(fleet, view, slotsOf(members), signal);
}

/** The one node of each member. */
export const slotsOf = (members: readonly CacheCluster[]): NodeSlot[] =>
  members.map((cluster) => ({
    cluster,
    cacheNodeId: '0001',
    availabilityZone: cluster.desired.preferredAvailabilityZone,
  }));

/** New members and their nodes as available, with the events that say so. */
export function membersAvailable(
  members: readonly CacheCluster[],
  nodes: readonly CacheNode[],
  now: number,
): Change[] {
  return [
    ...members.map((row): Change => ({ put: 'resource', row: withStatus(row, 'available', now) })),
    ...nodes.map((node): Change => ({ put: 'node', row: nextNode(node, { status: 'available' }) })),
    ...members.map((member) => announce(member, member.id, clusterCreated(), now)),
    ...nodes.map((node) =>
      announce(node, node.cacheClusterId, cacheNodeAdded(node.cacheNodeId, node.availabilityZone), now),
    ),
  ];
}
