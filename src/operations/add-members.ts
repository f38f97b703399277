/**
 * New replicas of an existing group (IncreaseReplicaCount, CreateCacheCluster with ReplicationGroupId). Their rows as
 * cache clusters are there since the API call.
 *
 * - placing: the nodes get their addresses and rows.
 * - syncing: the shards' workers start them as replicas; this operation waits until each holds its primary's data.
 * - spreading (cluster mode): every node lists the new replicas to its clients.
 * - undoing: a node cannot be placed or does not start. The new ones are taken back, and the group is as it was; but
 *   one that leads by now, since the primary died meanwhile, holds the data and stays. So does one that holds the only
 *   copy for longer than a limit, because nobody else comes back.
 */
import { replicaCountChangeFailed, replicaCountIncreased } from '../catalog/events.ts';
import { announce } from '../fleet/announce.ts';
import { type CacheView, isClusterMode, loadCacheView } from '../fleet/cache-view.ts';
import type { CacheNode } from '../model/node.ts';
import type { OperationInput } from '../model/operation-input.ts';
import type { CacheCluster } from '../model/resource.ts';
import { type CacheHealth, shardKeysOf } from '../reconcilers/shards.ts';
import type { Change } from '../store/contract.ts';
import { reasonOf } from './failure-reason.ts';
import { giveUpChange } from './give-up.ts';
import { spreadInCluster } from './members/cluster-membership.ts';
import { membersAvailable, placeMembers } from './members/place.ts';
import { goingOf, type Kept, keptOf, noneKept, takeBack } from './members/take-back.ts';
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
import { availableShards, withStatus } from './rows.ts';
import type { Tools } from './tools.ts';
import { dataLimitMs, leadLimitMs } from './wait-limits.ts';

type AddMembersInput = OperationInput<'add-members'>;

export type AddMembersState =
  | { readonly step: 'placing' | 'syncing' | 'spreading' }
  | { readonly step: 'undoing'; readonly reason: string };

interface AddMembersSeen {
  readonly view: CacheView | null;
  /** Of the new nodes. */
  readonly health: CacheHealth;
  /** Which of them could not be taken back. */
  readonly kept: Kept;
  readonly now: number;
}

type AddMembersAct = 'place' | 'spread' | 'undo';

/** After so many failed starts a node counts as one that does not start. */
const startAttemptsMax = 3;
const attemptsMax = 3;

export function addMembersKind(
  tools: Tools,
): OperationKind<AddMembersInput, AddMembersState, AddMembersSeen, AddMembersAct> {
  const { fleet, shards } = tools;
  return {
    ...queuedAs('add-members'),
    first: () => ({ step: 'placing' }),
    async observe(input, { step }) {
      const view = await loadCacheView(fleet.store, input);
      const nodes = view ? newNodes(view, input) : [];
      const kept = view && step === 'undoing' ? await keptOf(tools, view, nodes) : noneKept;
      const health = shards.health(input.cacheIncarnation, nodes);
      return { view, health, kept, now: fleet.clock.now() };
    },
    decide: decideAddMembers,
    perform: (what, input, signal) => perform(tools, what, input, signal),
    giveUp: (input, reason) => giveUpChange(tools, 'The addition of replicas', input, reason),
  };
}

const newNodes = (view: CacheView, { members }: AddMembersInput): CacheNode[] =>
  view.nodes.filter((node) => members.includes(node.cacheClusterId));
const newClusters = (view: CacheView, { members }: AddMembersInput): CacheCluster[] =>
  view.clusters.filter((cluster) => members.includes(cluster.id));

export function decideAddMembers(
  input: AddMembersInput,
  state: AddMembersState,
  { view, health, kept, now }: AddMembersSeen,
  tries: Tries,
): Decision<AddMembersState, AddMembersAct> {
  if (!view || view.cache.status === 'deleting') return finish('the group is gone');
  const nodes = newNodes(view, input);
  const undo = (error: Error, why: string) => go({ step: 'undoing', reason: reasonOf(error) } as const, why);
  switch (state.step) {
    case 'placing':
      if (nodes.length > 0) return go({ step: 'syncing' }, 'the new nodes have their addresses');
      if (tries.attempts >= attemptsMax && tries.lastError)
        return undo(tries.lastError, 'the new nodes cannot be placed');
      return act('place', 'the new nodes get their addresses', 60_000);
    case 'syncing':
      if (health.failure && health.failure.attempts >= startAttemptsMax)
        return undo(health.failure.error, 'a new node does not start');
      if (!nodes.every((node) => node.synced))
        return wait(health.sentence, {
          retryAfterMs: 250,
          limitMs: dataLimitMs(view.cache),
          otherwise: (reason) => go({ step: 'undoing', reason }, 'a new node does not get its data'),
        });
      if (isClusterMode(view.cache)) return go({ step: 'spreading' }, 'the new replicas hold all data');
      return finish(`${input.cacheId} has ${nodes.length} more replicas`, joined(view, input, now));
    case 'spreading':
      // Gossip reaches the last nodes in some seconds anyway: no reason to give replicas up that hold the data.
      if (tries.successes > 0 || tries.attempts >= attemptsMax)
        return finish(`${input.cacheId} has ${nodes.length} more replicas`, joined(view, input, now));
      return act('spread', 'every node is to list the new replicas', 20_000);
    case 'undoing': {
      if (goingOf(nodes, kept).length > 0) return act('undo', 'the new nodes are taken back', 60_000);
      const undone = fail(`the replicas of ${input.cacheId} were not added: ${state.reason}`, [
        { put: 'resource', row: withStatus(view.cache, 'available', now) },
        ...availableShards(view.nodeGroups),
        ...remaining(view, input, now),
        announce(view.cache, view.cache.id, replicaCountChangeFailed(state.reason), now),
      ]);
      if (!kept.needed) return undone;
      return wait(kept.needed.sentence, {
        retryAfterMs: 250,
        limitMs: leadLimitMs,
        otherwise: () => undone,
      });
    }
    default:
      return state satisfies never;
  }
}

/** The rows after the undoing: a new member that leads by now, or holds the only copy, stays as a member like any other. */
function remaining(view: CacheView, input: AddMembersInput, now: number): Change[] {
  const nodes = newNodes(view, input);
  const [kept, gone] = [true, false].map((hasNode) =>
    newClusters(view, input).filter(
      (cluster) => nodes.some((node) => node.cacheClusterId === cluster.id) === hasNode,
    ),
  ) as [CacheCluster[], CacheCluster[]];
  return [
    ...gone.map((row): Change => ({ remove: 'resource', key: row, version: row.version })),
    ...membersAvailable(kept, nodes, now),
  ];
}

function joined(view: CacheView, input: AddMembersInput, now: number): Change[] {
  const { cache } = view;
  const nodes = newNodes(view, input);
  return [
    { put: 'resource', row: withStatus(cache, 'available', now) },
    ...availableShards(view.nodeGroups),
    ...membersAvailable(newClusters(view, input), nodes, now),
    ...input.growth.map(({ nodeGroupId, to }) =>
      announce(cache, cache.id, replicaCountIncreased(nodeGroupId, to), now),
    ),
  ];
}

async function perform(
  tools: Tools,
  what: AddMembersAct,
  input: AddMembersInput,
  signal: AbortSignal,
): Promise<void> {
  const { fleet, shards } = tools;
  const view = await loadCacheView(fleet.store, input);
  if (!view) return;
  switch (what) {
    case 'place':
      await placeMembers(tools, view, newClusters(view, input), signal);
      return shards.ensure(shardKeysOf(view));
    case 'spread':
      return spreadInCluster(tools, view, newNodes(view, input), signal);
    case 'undo':
      return takeBack(tools, view, newNodes(view, input), signal);
    default:
      return what satisfies never;
  }
}
