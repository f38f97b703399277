/**
 * Replicas leave their group (DecreaseReplicaCount, DeleteCacheCluster of a member). Their cache clusters are
 * `deleting` since the API call.
 *
 * - marking: their nodes get their tombstones, together with the proof that none of them leads. From one that has come
 *   to lead since the API call the lead is switched over first.
 * - releasing: they give up the endpoints that they serve, and in cluster mode every other node forgets them.
 * - destroying: process, directory and addresses go, once another node serves what they served.
 */
import {
  cacheNodesRemoved,
  clusterDeleted,
  replicaCountChangeFailed,
  replicaCountDecreased,
} from '../catalog/events.ts';
import { readBindings, setBindings } from '../engines/valkey/bindings.ts';
import { announce } from '../fleet/announce.ts';
import { type CacheView, isClusterMode, loadCacheView } from '../fleet/cache-view.ts';
import { type CacheNode, type Endpoint, type NodeGroup, processName } from '../model/node.ts';
import type { OperationInput } from '../model/operation-input.ts';
import { faultPoint } from '../platform/fault-points.ts';
import { NotInTime, pause, untilAborted } from '../platform/until-aborted.ts';
import { targetPrimarySet } from '../reconcilers/shard/record.ts';
import type { CacheHealth } from '../reconcilers/shards.ts';
import type { Change } from '../store/contract.ts';
import { connectionTo } from './connection-to.ts';
import { goOnTrying } from './give-up.ts';
import { forgetInCluster } from './members/cluster-membership.ts';
import { destroyNodes } from './members/end-nodes.ts';
import { entomb } from './members/tombstone.ts';
import {
  act,
  type Decision,
  fail,
  finish,
  go,
  type OperationKind,
  queuedAs,
  type Tries,
  wait,
} from './operation-kind.ts';
import { availableShards, kept, withStatus } from './rows.ts';
import type { Tools } from './tools.ts';
import { leadLimitMs } from './wait-limits.ts';

type RemoveMembersInput = OperationInput<'remove-members'>;

export interface RemoveMembersState {
  readonly step: 'marking' | 'releasing' | 'destroying';
}

interface RemoveMembersSeen {
  readonly view: CacheView | null;
  readonly health: CacheHealth;
  readonly now: number;
}

type RemoveMembersAct = 'switchover' | 'mark' | 'release' | 'destroy';

/** A staying node that is down forgets the leaving ones when it is back; after these attempts, half a minute, it is not waited for. */
const attemptsMax = 12;
/** Between two looks: the shard's worker takes an endpoint within a few milliseconds. */
const takeOverMs = 50;

export function removeMembersKind(
  tools: Tools,
): OperationKind<RemoveMembersInput, RemoveMembersState, RemoveMembersSeen, RemoveMembersAct> {
  const { fleet, shards } = tools;
  return {
    ...queuedAs('remove-members'),
    first: () => ({ step: 'marking' }),
    async observe(input) {
      const view = await loadCacheView(fleet.store, input);
      const health = shards.health(input.cacheIncarnation, view?.nodes ?? []);
      return { view, health, now: fleet.clock.now() };
    },
    decide: decideRemoveMembers,
    perform: (what, input, signal) => perform(tools, what, input, signal),
    giveUp: (input, reason) => goOnTrying(tools, 'The removal of replicas', input, reason),
  };
}

const isLeaving = (node: CacheNode, { members }: RemoveMembersInput): boolean =>
  members.includes(node.cacheClusterId);

/** The node group that a node leads, or is about to lead. */
const ledBy = (view: CacheView, { incarnation }: CacheNode): NodeGroup | undefined =>
  view.nodeGroups.find(
    (shard) => shard.currentPrimary === incarnation || shard.targetPrimary === incarnation,
  );

/** Who can take over a node group from a member that leaves. */
const heirOf = (view: CacheView, shard: NodeGroup, input: RemoveMembersInput): CacheNode | undefined =>
  view.nodes.find(
    (node) =>
      node.nodeGroupId === shard.nodeGroupId &&
      node.synced &&
      node.intent === 'running' &&
      !isLeaving(node, input),
  );

export function decideRemoveMembers(
  input: RemoveMembersInput,
  state: RemoveMembersState,
  { view, health, now }: RemoveMembersSeen,
  tries: Tries,
): Decision<RemoveMembersState, RemoveMembersAct> {
  if (!view || view.cache.status === 'deleting') return finish('the group is gone');
  const leaving = view.nodes.filter((node) => isLeaving(node, input));
  switch (state.step) {
    case 'marking': {
      if (leaving.every((node) => node.intent === 'deleted'))
        return go({ step: 'releasing' }, 'the nodes that leave are marked');
      const shard = leaving.map((node) => ledBy(view, node)).find((led) => led !== undefined);
      if (!shard) return act('mark', 'the nodes that leave are marked', 10_000);
      if (shard.currentPrimary !== shard.targetPrimary || !heirOf(view, shard, input))
        return wait(`node group ${shard.nodeGroupId} gets another primary first: ${health.sentence}`, {
          retryAfterMs: 250,
          limitMs: leadLimitMs,
          otherwise: (reason) =>
            fail(
              `${input.members.join(', ')} stay in ${input.cacheId}: ${reason}`,
              stayed(view, input, now, reason),
            ),
        });
      return act('switchover', `node group ${shard.nodeGroupId} gets another primary first`, 10_000);
    }
    case 'releasing':
      if (tries.successes === 0 && tries.attempts < attemptsMax)
        return act('release', 'the nodes that leave give up what they serve', 10_000);
      if (movingEndpoints(view).some((endpoint) => endpoint.holder === null))
        return wait('another node takes over what they served', {
          retryAfterMs: 100,
          limitMs: leadLimitMs,
          // The nodes are marked, and serve nothing any more: nothing is gained by keeping them.
          otherwise: (reason) => go({ step: 'destroying' }, reason),
        });
      return go({ step: 'destroying' }, 'no client hears of the nodes that leave any more');
    case 'destroying':
      if (leaving.length > 0) return act('destroy', 'the nodes that leave are destroyed', 60_000);
      return finish(`${input.members.join(', ')} left ${input.cacheId}`, left(view, input, now));
    default:
      return state.step satisfies never;
  }
}

/** The endpoints that move; the configuration endpoint of a cluster has a holder at all times. */
const movingEndpoints = (view: CacheView): Endpoint[] =>
  view.endpoints.filter((endpoint) => endpoint.purpose !== 'node');

/** None of them is marked yet: they are members as before. */
function stayed(view: CacheView, input: RemoveMembersInput, now: number, reason: string): Change[] {
  const { cache, clusters } = view;
  return [
    { put: 'resource', row: withStatus(cache, 'available', now) },
    ...clusters
      .filter((cluster) => input.members.includes(cluster.id))
      .map((row): Change => ({ put: 'resource', row: kept(row, now) })),
    announce(cache, cache.id, replicaCountChangeFailed(reason), now),
  ];
}

function left(view: CacheView, input: RemoveMembersInput, now: number): Change[] {
  const { cache } = view;
  const clusters = view.clusters.filter((cluster) => input.members.includes(cluster.id));
  return [
    { put: 'resource', row: withStatus(cache, 'available', now) },
    ...availableShards(view.nodeGroups),
    ...clusters.map((row): Change => ({ remove: 'resource', key: row, version: row.version })),
    ...clusters.flatMap((cluster) => [
      announce(cluster, cluster.id, cacheNodesRemoved(['0001']), now),
      announce(cluster, cluster.id, clusterDeleted(), now),
    ]),
    ...input.shrink.map(({ nodeGroupId, to }) =>
      announce(cache, cache.id, replicaCountDecreased(nodeGroupId, to), now),
    ),
  ];
}

async function perform(
  tools: Tools,
  what: RemoveMembersAct,
  input: RemoveMembersInput,
  signal: AbortSignal,
): Promise<void> {
  const { fleet, shards } = tools;
  const view = await loadCacheView(fleet.store, input);
  if (!view) return;
  const leaving = view.nodes.filter((node) => isLeaving(node, input));
  switch (what) {
    case 'switchover':
      await switchOver(tools, view, leaving, input);
      return shards.recheck(input.cacheIncarnation);
    case 'mark':
      await entomb(tools, view, leaving);
      return shards.recheck(input.cacheIncarnation);
    case 'release':
      if (isClusterMode(view.cache)) await forgetInCluster(tools, view, leaving, signal);
      faultPoint('remove-members:forgotten');
      await release(tools, view, leaving, signal);
      shards.recheck(input.cacheIncarnation);
      return untilTakenOver(tools, input, leaving, signal);
    case 'destroy':
      await destroyNodes(tools, leaving, view, signal);
      return shards.recheck(input.cacheIncarnation);
    default:
      return what satisfies never;
  }
}

/** A planned switchover, which the shard's worker performs. */
async function switchOver(
  { fleet }: Tools,
  view: CacheView,
  leaving: readonly CacheNode[],
  input: RemoveMembersInput,
): Promise<void> {
  for (const node of leaving) {
    const shard = ledBy(view, node);
    const heir = shard && heirOf(view, shard, input);
    if (!heir) continue;
    if (shard.currentPrimary === node.incarnation && shard.targetPrimary === node.incarnation)
      await fleet.store.commit(targetPrimarySet(shard, heir));
  }
}

/**
 * Frees the endpoints' addresses for the next holder. Open connections stay until the process ends, so that who reads
 * by one meets the next holder when it connects again.
 */
async function release(
  tools: Tools,
  view: CacheView,
  leaving: readonly CacheNode[],
  signal: AbortSignal,
): Promise<void> {
  const { fleet } = tools;
  for (const node of leaving) {
    const held = movingEndpoints(view).filter((endpoint) => endpoint.holder === node.incarnation);
    if (held.length === 0) continue;
    await unbind(tools, node, signal);
    faultPoint('remove-members:unbound');
    await fleet.store.commit(
      held.map((row): Change => ({ put: 'endpoint', row: { ...row, holder: nextHolder(view, leaving) } })),
    );
  }
}

/**
 * Waits until others serve what the leaving nodes served, or the deadline. A pass of the shard's worker that had begun
 * before these were marked may let them bind an endpoint once more, and nobody could take it from them then.
 */
async function untilTakenOver(
  tools: Tools,
  input: RemoveMembersInput,
  leaving: readonly CacheNode[],
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    const view = await loadCacheView(tools.fleet.store, input);
    if (!view || movingEndpoints(view).every((endpoint) => endpoint.holder !== null)) return;
    await pause(tools.fleet.clock, signal, takeOverMs, 'another node has not taken over what they served');
    for (const node of leaving) await unbind(tools, node, signal);
  }
}

/** A leaving node that does not answer is killed at once: it is to go anyway, and the addresses that it held are free then. */
async function unbind({ fleet }: Tools, node: CacheNode, signal: AbortSignal): Promise<void> {
  try {
    const connection = await connectionTo(fleet, node, signal);
    if ((await readBindings(connection)).length > 1) await setBindings(connection, [node.address]);
  } catch (error) {
    if (error instanceof NotInTime) throw error;
    if (!node.handle) return;
    const fence = fleet.runtime.fence(node.handle, { deadlineMs: 5_000 });
    await untilAborted(signal, fence, `the end of ${processName(node.handle)}`);
  }
}

/** Without cluster mode the shard's worker chooses; a cluster's endpoint belongs to the shard of its holder. */
function nextHolder(view: CacheView, leaving: readonly CacheNode[]): string | null {
  if (!isClusterMode(view.cache)) return null;
  const staying = view.nodes.filter((node) => node.intent === 'running' && !leaving.includes(node));
  return (staying.find((node) => node.role === 'primary') ?? staying[0])?.incarnation ?? null;
}
