/**
 * Replicas leave their group (DecreaseReplicaCount, DeleteCacheCluster of a member). Their cache clusters are
 * `deleting` since the API call.
 *
 * - marking: their nodes get their tombstones, while another member is seen to lead or to hold the data, and together
 *   with the proof that none of them leads. From one that has come to lead since the API call the lead is switched over
 *   first.
 * - releasing: they give up the endpoints that they serve.
 * - destroying: once another node serves what they served, their processes end, in cluster mode every other node forgets
 *   them, and directories and addresses go.
 *
 * Whoever was counted on may be lost at any point. Then the shard's worker withdraws the tombstone, and it is begun anew
 * with marking. A member that is needed for longer than a limit stays in the group, and an event says so.
 */
import {
  cacheNodesRemoved,
  clusterDeleted,
  membersNotRemoved,
  replicaCountDecreased,
} from '../catalog/events.ts';
import { announce } from '../fleet/announce.ts';
import { type CacheView, loadCacheView } from '../fleet/cache-view.ts';
import type { CacheNode, NodeGroup } from '../model/node.ts';
import type { OperationInput } from '../model/operation-input.ts';
import type { CacheCluster } from '../model/resource.ts';
import { targetPrimarySet } from '../reconcilers/shard/record.ts';
import type { CacheHealth } from '../reconcilers/shards.ts';
import type { Change } from '../store/contract.ts';
import { goOnTrying } from './give-up.ts';
import { heirsIn, lookAtMembers, lookWithin, type Needed } from './members/copies.ts';
import { destroySpared } from './members/end-nodes.ts';
import { movingEndpoints, releaseEndpoints } from './members/release-endpoints.ts';
import { entombSpared } from './members/tombstone.ts';
import {
  act,
  type Decision,
  fail,
  finish,
  go,
  type OperationKind,
  queuedAs,
  type Tries,
  type WaitLimit,
  wait,
} from './operation-kind.ts';
import { availableShards, kept, memberAgain, withStatus } from './rows.ts';
import type { Tools } from './tools.ts';
import { leadLimitMs, switchoverRoundsMax } from './wait-limits.ts';

type RemoveMembersInput = OperationInput<'remove-members'>;

export interface RemoveMembersState {
  readonly step: 'marking' | 'releasing' | 'destroying';
  /** Which members stay after all (cache cluster ids), and why. */
  readonly staying?: { readonly members: readonly string[]; readonly reason: string };
}

interface RemoveMembersSeen {
  readonly view: CacheView | null;
  readonly health: CacheHealth;
  /** Which of the leaving nodes cannot go yet; null when all can. */
  readonly needed: Needed | null;
  /** Incarnations of nodes that could take over their node group now. */
  readonly heirs: ReadonlySet<string>;
  readonly now: number;
}

interface RemoveMembersAct {
  /** `destroy-untold`: without waiting until every other node has forgotten the leaving ones. */
  readonly kind: 'switchover' | 'mark' | 'release' | 'destroy' | 'destroy-untold';
  /** The members that leave, by their cache cluster ids. */
  readonly members: readonly string[];
}

/** A staying node that is down forgets the leaving ones when it is back; after these attempts, half a minute, it is not waited for. */
const attemptsMax = 12;

export function removeMembersKind(
  tools: Tools,
): OperationKind<RemoveMembersInput, RemoveMembersState, RemoveMembersSeen, RemoveMembersAct> {
  const { fleet, shards } = tools;
  return {
    ...queuedAs('remove-members'),
    first: () => ({ step: 'marking' }),
    async observe(input, state) {
      const view = await loadCacheView(fleet.store, input);
      const leaving = view ? leavingOf(view, input, state) : [];
      const look = view && leaving.length > 0 ? await lookAtMembers(tools, view, leaving) : null;
      const health = shards.health(input.cacheIncarnation, view?.nodes ?? []);
      const heirs = look ? heirsIn(look) : new Set<string>();
      return { view, health, needed: look?.needed ?? null, heirs, now: fleet.clock.now() };
    },
    decide: decideRemoveMembers,
    perform: (what, input, signal) => perform(tools, what, input, signal),
    giveUp: (input, reason) => goOnTrying(tools, 'The removal of replicas', input, reason),
  };
}

/** The nodes that are to leave and are still there. */
const leavingOf = (
  { nodes }: CacheView,
  { members }: RemoveMembersInput,
  { staying }: RemoveMembersState,
): CacheNode[] =>
  nodes.filter(
    ({ cacheClusterId }) => members.includes(cacheClusterId) && !staying?.members.includes(cacheClusterId),
  );

/** The node group that a node leads, or is about to lead. */
const ledBy = (view: CacheView, { incarnation }: CacheNode): NodeGroup | undefined =>
  view.nodeGroups.find(
    (shard) => shard.currentPrimary === incarnation || shard.targetPrimary === incarnation,
  );

/** Who can take over a node group from a member that leaves. */
const heirOf = (
  view: CacheView,
  shard: NodeGroup,
  leaving: readonly CacheNode[],
  heirs: ReadonlySet<string>,
): CacheNode | undefined =>
  view.nodes.find(
    (node) =>
      node.nodeGroupId === shard.nodeGroupId &&
      heirs.has(node.incarnation) &&
      node.intent === 'running' &&
      !leaving.includes(node),
  );

type RemoveMembersDecision = Decision<RemoveMembersState, RemoveMembersAct>;

export function decideRemoveMembers(
  input: RemoveMembersInput,
  state: RemoveMembersState,
  seen: RemoveMembersSeen,
  tries: Tries,
): RemoveMembersDecision {
  const { view } = seen;
  if (!view || view.cache.status === 'deleting') return finish('the group is gone');
  const leaving = leavingOf(view, input, state);
  const members = leaving.map(({ cacheClusterId }) => cacheClusterId);
  const again = leaving.filter(({ intent }) => intent !== 'deleted');
  if (state.step !== 'marking' && again.length > 0)
    return go({ ...state, step: 'marking' }, `${namesOf(again)} cannot go yet`);
  switch (state.step) {
    case 'marking':
      return decideMarking(view, state, seen, leaving, tries);
    case 'releasing':
      if (seen.needed) return waitUntilSpared(state, leaving, seen.needed);
      if (tries.successes === 0 && tries.attempts < attemptsMax)
        return act({ kind: 'release', members }, 'the nodes that leave give up what they serve', 10_000);
      if (movingEndpoints(view).some((endpoint) => endpoint.holder === null))
        return wait('another node takes over what they served', {
          retryAfterMs: 100,
          limitMs: leadLimitMs,
          // The nodes are marked, and serve nothing any more: nothing is gained by keeping them.
          otherwise: (reason) => go({ ...state, step: 'destroying' }, reason),
        });
      return go({ ...state, step: 'destroying' }, 'another node serves what they served');
    case 'destroying':
      if (leaving.length > 0) {
        const kind = tries.attempts < attemptsMax ? 'destroy' : 'destroy-untold';
        return act({ kind, members }, 'the nodes that leave are destroyed', 60_000);
      }
      return ended(view, input, state, seen.now);
    default:
      return state.step satisfies never;
  }
}

function decideMarking(
  view: CacheView,
  state: RemoveMembersState,
  { health, needed, heirs }: RemoveMembersSeen,
  leaving: readonly CacheNode[],
  { successes: asked }: Tries,
): RemoveMembersDecision {
  if (leaving.length === 0) return go({ ...state, step: 'destroying' }, 'no node is left that leaves');
  if (leaving.every((node) => node.intent === 'deleted'))
    return go({ ...state, step: 'releasing' }, 'the nodes that leave are marked');
  const members = leaving.map(({ cacheClusterId }) => cacheClusterId);
  const led = leaving.filter((node) => ledBy(view, node) !== undefined);
  const shard = led[0] && ledBy(view, led[0]);
  const isDecided = shard?.currentPrimary === shard?.targetPrimary;
  if (shard && (!isDecided || !heirOf(view, shard, leaving, heirs) || asked >= switchoverRoundsMax))
    return wait(`node group ${shard.nodeGroupId} gets another primary first: ${health.sentence}`, {
      retryAfterMs: 250,
      ...unlessNeeded(state, led),
    });
  if (shard)
    return act(
      { kind: 'switchover', members },
      `node group ${shard.nodeGroupId} gets another primary first`,
      10_000,
    );
  if (needed) return waitUntilSpared(state, leaving, needed);
  return act({ kind: 'mark', members }, 'the nodes that leave are marked', 10_000);
}

/** A failover is over within milliseconds, and a node that was lost is back within a second. */
function waitUntilSpared(
  state: RemoveMembersState,
  leaving: readonly CacheNode[],
  { nodes, sentence }: Needed,
): RemoveMembersDecision {
  const needed = leaving.filter(({ incarnation }) => nodes.has(incarnation));
  return wait(sentence, { retryAfterMs: 250, ...unlessNeeded(state, needed) });
}

/** Members that cannot go for so long stay in the group; the others leave all the same. */
const unlessNeeded = (
  { staying }: RemoveMembersState,
  needed: readonly CacheNode[],
): Omit<WaitLimit<RemoveMembersState>, 'retryAfterMs'> => ({
  limitMs: leadLimitMs,
  otherwise(reason) {
    const members = [...(staying?.members ?? []), ...needed.map(({ cacheClusterId }) => cacheClusterId)];
    return go({ step: 'marking', staying: { members, reason } }, `${namesOf(needed)} stay: ${reason}`);
  },
});

const namesOf = (nodes: readonly CacheNode[]): string =>
  nodes.map(({ cacheClusterId }) => cacheClusterId).join(', ');

/** The end: each member that was to leave has left, or stays. */
function ended(
  view: CacheView,
  input: RemoveMembersInput,
  { staying }: RemoveMembersState,
  now: number,
): RemoveMembersDecision {
  const { cache } = view;
  const stays = ({ id }: CacheCluster) => staying?.members.includes(id) ?? false;
  const clusters = view.clusters.filter((cluster) => input.members.includes(cluster.id));
  const gone = clusters.filter((cluster) => !stays(cluster));
  const changes: Change[] = [
    { put: 'resource', row: withStatus(cache, 'available', now) },
    ...availableShards(view.nodeGroups),
    ...gone.map((row): Change => ({ remove: 'resource', key: row, version: row.version })),
    ...gone.flatMap((cluster) => [
      announce(cluster, cluster.id, cacheNodesRemoved(['0001']), now),
      announce(cluster, cluster.id, clusterDeleted(), now),
    ]),
  ];
  if (!staying)
    return finish(`${input.members.join(', ')} left ${input.cacheId}`, [
      ...changes,
      ...input.shrink.map(({ nodeGroupId, to }) =>
        announce(cache, cache.id, replicaCountDecreased(nodeGroupId, to), now),
      ),
    ]);
  return fail(`${staying.members.join(', ')} stay in ${input.cacheId}: ${staying.reason}`, [
    ...changes,
    ...clusters.filter(stays).map((row): Change => ({ put: 'resource', row: kept(row, now) })),
    ...view.nodes
      .filter(({ cacheClusterId }) => staying.members.includes(cacheClusterId))
      .map((node): Change => ({ put: 'node', row: memberAgain(node) })),
    announce(cache, cache.id, membersNotRemoved(staying.members, staying.reason), now),
  ]);
}

async function perform(
  tools: Tools,
  { kind, members }: RemoveMembersAct,
  input: RemoveMembersInput,
  signal: AbortSignal,
): Promise<void> {
  const { fleet, shards } = tools;
  const view = await loadCacheView(fleet.store, input);
  if (!view) return;
  const leaving = view.nodes.filter((node) => members.includes(node.cacheClusterId));
  switch (kind) {
    case 'switchover':
      await switchOver(tools, view, leaving, signal);
      return shards.recheck(input.cacheIncarnation);
    case 'mark':
      await entombSpared(tools, view, leaving, signal);
      return shards.recheck(input.cacheIncarnation);
    case 'release':
      return releaseEndpoints(tools, view, leaving, signal);
    case 'destroy':
    case 'destroy-untold':
      await destroySpared(tools, leaving, view, signal, kind === 'destroy');
      return shards.recheck(input.cacheIncarnation);
    default:
      return kind satisfies never;
  }
}

/** A planned switchover, which the shard's worker performs. */
async function switchOver(
  tools: Tools,
  view: CacheView,
  leaving: readonly CacheNode[],
  signal: AbortSignal,
): Promise<void> {
  const heirs = heirsIn(await lookWithin(tools, view, leaving, signal));
  for (const node of leaving) {
    const shard = ledBy(view, node);
    const heir = shard && heirOf(view, shard, leaving, heirs);
    if (!heir) continue;
    if (shard.currentPrimary === node.incarnation && shard.targetPrimary === node.incarnation)
      await tools.fleet.store.commit(targetPrimarySet(shard, heir));
  }
}
