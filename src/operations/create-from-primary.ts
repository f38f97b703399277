/**
 * CreateReplicationGroup with PrimaryClusterId. The existing node serves all the while, under its own address too.
 *
 * - adopting: the node moves to the group.
 * - placing: the group gets its endpoints, new replicas their addresses.
 * - syncing: the shard's worker binds the endpoints, and starts the replicas.
 * - returning: it cannot be made. What is new vanishes, and the node is a cluster of its own again. Where a new replica
 *   leads by now, since the node died meanwhile, the node leads again first.
 */
import {
  replicationGroupCreated,
  replicationGroupCreationFailed,
  replicationGroupKept,
} from '../catalog/events.ts';
import { setBindings } from '../engines/valkey/bindings.ts';
import { announce } from '../fleet/announce.ts';
import { type CacheView, loadCacheView } from '../fleet/cache-view.ts';
import type { CacheNode } from '../model/node.ts';
import type { OperationInput } from '../model/operation-input.ts';
import type { CacheCluster } from '../model/resource.ts';
import { timeLimit } from '../platform/clock.ts';
import { targetPrimarySet } from '../reconcilers/shard/record.ts';
import { type CacheHealth, shardKeysOf } from '../reconcilers/shards.ts';
import type { Change } from '../store/contract.ts';
import { connectionTo } from './connection-to.ts';
import { reasonOf } from './failure-reason.ts';
import { goOnTrying } from './give-up.ts';
import { release } from './members/end-nodes.ts';
import { adoptPrimary, retainPrimary } from './members/move.ts';
import { membersAvailable, placeMembers } from './members/place.ts';
import { type Kept, keptOf, noneKept, takeBack } from './members/take-back.ts';
import { withoutWorker } from './members/without-worker.ts';
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
import { availableShards, onItsOwn, withStatus } from './rows.ts';
import type { Tools } from './tools.ts';
import { dataLimitMs } from './wait-limits.ts';

type CreateFromPrimaryInput = OperationInput<'create-from-primary'>;

type CreateFromPrimaryState =
  | { readonly step: 'adopting' | 'placing' | 'syncing' }
  | { readonly step: 'returning'; readonly reason: string };

interface CreateFromPrimarySeen {
  readonly view: CacheView | null;
  readonly health: CacheHealth;
  /** Which of the new nodes could not be taken back. */
  readonly kept: Kept;
  readonly now: number;
}

type CreateFromPrimaryAct = 'adopt' | 'place' | 'fail-back' | 'return';

const startAttemptsMax = 3;
const attemptsMax = 3;

export function createFromPrimaryKind(
  tools: Tools,
): OperationKind<
  CreateFromPrimaryInput,
  CreateFromPrimaryState,
  CreateFromPrimarySeen,
  CreateFromPrimaryAct
> {
  const { fleet, shards } = tools;
  return {
    ...queuedAs('create-from-primary'),
    first: () => ({ step: 'adopting' }),
    async observe(input, { step }) {
      const view = await loadCacheView(fleet.store, input);
      const nodes = view ? newNodes(view, input) : [];
      const kept = view && step === 'returning' ? await keptOf(tools, view, nodes) : noneKept;
      // The cluster's own node too: without it no replica gets its data.
      const health = shards.health(input.cacheIncarnation, view?.nodes ?? []);
      return { view, health, kept, now: fleet.clock.now() };
    },
    decide: decideCreateFromPrimary,
    // The cluster was there before the group: it is not deleted with what was never made.
    cancelled: () => ({ step: 'returning', reason: 'the group is deleted' }),
    perform: (what, input, signal) => perform(tools, what, input, signal),
    giveUp: (input, reason) => goOnTrying(tools, 'The creation', input, reason),
  };
}

const newClusters = (view: CacheView, { primary }: CreateFromPrimaryInput): CacheCluster[] =>
  view.clusters.filter((cluster) => cluster.id !== primary.clusterId);
const newNodes = (view: CacheView, { primary }: CreateFromPrimaryInput): CacheNode[] =>
  view.nodes.filter((node) => node.cacheClusterId !== primary.clusterId);
const hasPrimary = (view: CacheView, { primary }: CreateFromPrimaryInput): boolean =>
  view.nodes.some((node) => node.cacheClusterId === primary.clusterId);
const movingEndpoints = (view: CacheView) => view.endpoints.filter((endpoint) => endpoint.purpose !== 'node');

export function decideCreateFromPrimary(
  input: CreateFromPrimaryInput,
  state: CreateFromPrimaryState,
  seen: CreateFromPrimarySeen,
  tries: Tries,
): Decision<CreateFromPrimaryState, CreateFromPrimaryAct> {
  const { view, health, now } = seen;
  if (!view) return finish('the group is gone');
  if (view.cache.status === 'deleting' && state.step !== 'returning')
    return go({ step: 'returning', reason: 'the group is deleted' }, 'the group is deleted');
  const giveBack = (error: Error, why: string) =>
    go({ step: 'returning', reason: reasonOf(error) } as const, why);
  switch (state.step) {
    case 'adopting':
      if (hasPrimary(view, input)) return go({ step: 'placing' }, 'the node belongs to the group');
      return act('adopt', `the node of ${input.primary.clusterId} moves to the group`, 30_000);
    case 'placing':
      if (movingEndpoints(view).length > 0) return go({ step: 'syncing' }, 'the endpoints have addresses');
      if (tries.attempts >= attemptsMax && tries.lastError)
        return giveBack(tries.lastError, 'the group cannot be placed');
      return act('place', 'endpoints and replicas get their addresses', 60_000);
    case 'syncing':
      if (health.failure && health.failure.attempts >= startAttemptsMax)
        return giveBack(health.failure.error, 'a node does not start');
      if (!isReady(view))
        return wait(health.sentence, {
          retryAfterMs: 250,
          limitMs: dataLimitMs(view.cache),
          otherwise: (reason) => go({ step: 'returning', reason }, 'a replica does not get its data'),
        });
      return finish(`${input.cacheId} is available`, becomesAvailable(view, input, now));
    case 'returning':
      if (isLedByAnother(view, input) || seen.kept.needed)
        return decideFailBack(view, seen, input, state.reason);
      if (hasPrimary(view, input))
        return act('return', 'the node becomes a cluster of its own again', 60_000);
      return fail(
        `${input.cacheId} could not be made: ${state.reason}`,
        failed(view, input, state.reason, now),
      );
    default:
      return state satisfies never;
  }
}

const ownNode = (view: CacheView, { primary }: CreateFromPrimaryInput): CacheNode | undefined =>
  view.nodes.find((node) => node.cacheClusterId === primary.clusterId);

function isLedByAnother(view: CacheView, input: CreateFromPrimaryInput): boolean {
  const own = ownNode(view, input)?.incarnation;
  const [shard] = view.nodeGroups;
  return own !== undefined && (shard?.currentPrimary !== own || shard.targetPrimary !== own);
}

function decideFailBack(
  view: CacheView,
  { health, kept, now }: CreateFromPrimarySeen,
  input: CreateFromPrimaryInput,
  failure: string,
): Decision<CreateFromPrimaryState, CreateFromPrimaryAct> {
  const [shard] = view.nodeGroups;
  const isDecided = shard?.currentPrimary === shard?.targetPrimary;
  const isLedElsewhere = isLedByAnother(view, input);
  if (isDecided && isLedElsewhere && ownNode(view, input)?.synced)
    return act('fail-back', `the node of ${input.primary.clusterId} leads again first`, 10_000);
  const leads = `another node leads for ${input.primary.clusterId}: ${health.sentence}`;
  return wait(isLedElsewhere ? leads : (kept.needed?.sentence ?? leads), {
    retryAfterMs: 250,
    limitMs: dataLimitMs(view.cache),
    // The new replica that leads holds the data: the group is kept as it has become.
    otherwise: (reason) =>
      finish(`${input.cacheId} is kept as it is: ${reason}`, [
        ...becomesAvailable(view, input, now),
        announce(view.cache, view.cache.id, replicationGroupKept(input.primary.clusterId, failure), now),
      ]),
  });
}

const isReady = (view: CacheView): boolean =>
  view.nodes.every((node) => node.synced) &&
  movingEndpoints(view).every((endpoint) => endpoint.holder !== null);

function becomesAvailable(view: CacheView, input: CreateFromPrimaryInput, now: number): Change[] {
  const { cache, clusters } = view;
  const first = clusters.find((cluster) => cluster.id === input.primary.clusterId);
  return [
    { put: 'resource', row: withStatus(cache, 'available', now) },
    ...(first ? [{ put: 'resource', row: withStatus(first, 'available', now) } as const] : []),
    ...availableShards(view.nodeGroups),
    ...membersAvailable(newClusters(view, input), newNodes(view, input), now),
    announce(cache, cache.id, replicationGroupCreated(cache.id), now),
  ];
}

/** The cluster is on its own again; where it never joined, its row still says that it would. */
function failed(view: CacheView, input: CreateFromPrimaryInput, reason: string, now: number): Change[] {
  const { cache, clusters } = view;
  const own = clusters.find((cluster) => cluster.id === input.primary.clusterId);
  return [
    { put: 'resource', row: withStatus(cache, 'create-failed', now, { sentence: reason }) },
    ...newClusters(view, input).map(
      (row): Change => ({ put: 'resource', row: withStatus(row, 'create-failed', now) }),
    ),
    ...(own ? [{ put: 'resource', row: onItsOwn(own, cache, now) } as const] : []),
    announce(cache, cache.id, replicationGroupCreationFailed(cache.id, reason), now),
  ];
}

async function perform(
  tools: Tools,
  what: CreateFromPrimaryAct,
  input: CreateFromPrimaryInput,
  signal: AbortSignal,
): Promise<void> {
  const { fleet, shards } = tools;
  const view = await loadCacheView(fleet.store, input);
  if (!view) return;
  switch (what) {
    case 'adopt': {
      const { clusterIncarnation: cacheIncarnation } = input.primary;
      await adoptPrimary(tools, view, { cacheKind: 'cache-cluster', cacheIncarnation }, signal);
      return watch(tools, input);
    }
    case 'place':
      await placeMembers(tools, view, newClusters(view, input), signal);
      return watch(tools, input);
    case 'fail-back': {
      const [shard] = view.nodeGroups;
      const own = ownNode(view, input);
      if (shard && own && shard.currentPrimary === shard.targetPrimary)
        await fleet.store.commit(targetPrimarySet(shard, own));
      return shards.recheck(input.cacheIncarnation);
    }
    case 'return': {
      await takeBack(tools, view, newNodes(view, input), signal);
      const left = await loadCacheView(fleet.store, input);
      // One of them is needed: the node is not torn from a group in which its data is.
      if (!left || newNodes(left, input).length > 0) return;
      const own = await withoutWorker(tools, view, signal, async () => {
        await unbind(tools, view, input, signal);
        return await retainPrimary(tools, view);
      });
      const kept = own && (await loadCacheView(fleet.store, own));
      if (kept) shards.ensure(shardKeysOf(kept));
      return;
    }
    default:
      return what satisfies never;
  }
}

async function watch({ fleet, shards }: Tools, input: CreateFromPrimaryInput): Promise<void> {
  const view = await loadCacheView(fleet.store, input);
  if (view) shards.ensure(shardKeysOf(view));
}

/** A node that answers does so within milliseconds. */
const unbindDeadlineMs = 2_000;

/**
 * Takes the group's endpoints away; the node itself stays where it is. A node that is down serves nothing. From one that
 * does not answer its cluster's worker takes them later: nobody gets those addresses meanwhile, since they rest.
 */
async function unbind(
  tools: Tools,
  view: CacheView,
  input: CreateFromPrimaryInput,
  signal: AbortSignal,
): Promise<void> {
  const { fleet, shards } = tools;
  const node = ownNode(view, input);
  if (node?.handle && fleet.runtime.inspect(node.handle).kind === 'running') {
    const limit = timeLimit(fleet.clock, unbindDeadlineMs);
    try {
      const connection = await connectionTo(fleet, node, AbortSignal.any([signal, limit.signal]));
      await setBindings(connection, [node.address]);
    } catch (error) {
      fleet.log.warn('a node that goes back to its cluster still serves the endpoints of its group', {
        ...{ node: node.incarnation, error },
      });
    } finally {
      limit.stop();
    }
  }
  if (node) shards.forgetNode(node.incarnation);
  await fleet.store.commit(movingEndpoints(view).map((endpoint) => release(tools, endpoint)));
}
