/**
 * Makes a cache: a replication group, a single node, or a Memcached cluster.
 *
 * - placing: nodes get their addresses and rows.
 * - starting: the shards' workers bring every node up; this operation only waits for them.
 * - forming (cluster mode): nodes are introduced, slots assigned, replicas attached.
 * - publishing (Memcached): the configuration endpoint serves the node list.
 * - confirming: every replica holds its primary's data, endpoints are bound. Then the cache is `available`.
 * - abandoning: it cannot be made. Nothing is left running; the rows stay until somebody deletes them.
 */
import {
  cacheNodeAdded,
  clusterCreated,
  clusterCreationFailed,
  parameterNotApplied,
  replicationGroupCreated,
  replicationGroupCreationFailed,
} from '../catalog/events.ts';
import { announce } from '../fleet/announce.ts';
import { type CacheView, hasReplication, isClusterMode, loadCacheView } from '../fleet/cache-view.ts';
import { placeNodes } from '../fleet/make-room.ts';
import { nodeSettings } from '../fleet/parameters.ts';
import type { NodeSlot } from '../fleet/place.ts';
import { fourDigits } from '../model/naming.ts';
import type { CacheNode } from '../model/node.ts';
import type { OperationInput } from '../model/operation-input.ts';
import { untilAborted } from '../platform/until-aborted.ts';
import { type CacheHealth, shardKeysOf } from '../reconcilers/shards.ts';
import type { Change } from '../store/contract.ts';
import { reasonOf } from './failure-reason.ts';
import { formCluster } from './form-cluster.ts';
import { giveUpCreation } from './give-up.ts';
import { stopNodes } from './members/end-nodes.ts';
import { slotsOf as memberSlots } from './members/place.ts';
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
import { availableShards, nextNode, withStatus } from './rows.ts';
import type { Tools } from './tools.ts';
import { startLimitMs } from './wait-limits.ts';

type CreateCacheInput = OperationInput<'create-cache'>;

export type CreateCacheState =
  | { readonly step: 'placing' | 'starting' | 'forming' | 'publishing' | 'confirming' }
  | { readonly step: 'abandoning'; readonly reason: string };

interface CreateCacheSeen {
  readonly view: CacheView | null;
  readonly health: CacheHealth;
  /** Processes of the cache's nodes that live. */
  readonly living: number;
  readonly now: number;
}

type CreateCacheAct = 'place' | 'form' | 'publish' | 'stop';

/** After so many failed starts, 50 ms and 100 ms apart, a node counts as one that does not start. */
const startAttemptsMax = 3;
const attemptsMax = 3;
/** Long enough to fetch an engine of 100 MB with its package lists over a slow line. */
const placeDeadlineMs = 10 * 60_000;

export function createCacheKind(
  tools: Tools,
): OperationKind<CreateCacheInput, CreateCacheState, CreateCacheSeen, CreateCacheAct> {
  return {
    ...queuedAs('create-cache'),
    first: () => ({ step: 'placing' }),
    observe: (input) => observe(tools, input),
    decide: decideCreateCache,
    perform: (what, input, signal) => perform(tools, what, input, signal),
    giveUp: (input, reason) => giveUpCreation(tools, input, reason),
  };
}

async function observe(tools: Tools, input: CreateCacheInput): Promise<CreateCacheSeen> {
  const { fleet, shards } = tools;
  const view = await loadCacheView(fleet.store, input);
  const nodes = view?.nodes ?? [];
  const living = nodes.filter(
    (node) => node.handle && ['running', 'stopped'].includes(fleet.runtime.inspect(node.handle).kind),
  );
  const health = shards.health(input.cacheIncarnation, nodes);
  return { view, health, living: living.length, now: fleet.clock.now() };
}

export function decideCreateCache(
  _input: CreateCacheInput,
  state: CreateCacheState,
  seen: CreateCacheSeen,
  tries: Tries,
): Decision<CreateCacheState, CreateCacheAct> {
  const { view, health } = seen;
  if (!view) return finish('the cache is gone');
  if (state.step === 'abandoning') return decideAbandoning(view, state.reason, seen);
  if (tries.attempts >= attemptsMax && tries.lastError)
    return go({ step: 'abandoning', reason: reasonOf(tries.lastError) }, 'it cannot be made');
  if (health.failure && health.failure.attempts >= startAttemptsMax)
    return go({ step: 'abandoning', reason: reasonOf(health.failure.error) }, 'a node does not start');
  const settled: WaitLimit<CreateCacheState> = {
    retryAfterMs: 250,
    limitMs: startLimitMs,
    otherwise: (reason) => go({ step: 'abandoning', reason }, 'it takes too long'),
  };
  switch (state.step) {
    case 'placing':
      if (view.nodes.length > 0) return go({ step: 'starting' }, 'the nodes have their addresses');
      return act(
        'place',
        'the engine is at hand or fetched, and the nodes get their addresses',
        placeDeadlineMs,
      );
    case 'starting':
      if (!health.isSettled) return wait(health.sentence, settled);
      return go({ step: nextAfterStart(view) }, 'all nodes answer');
    case 'forming':
      if (view.nodeGroups.every((shard) => shard.isFormed))
        return go({ step: 'confirming' }, 'the cluster is formed');
      // They may have been started anew since, as after a stop of all caches.
      if (!health.isSettled) return wait(health.sentence, settled);
      return act('form', 'the cluster is formed', 60_000);
    case 'publishing':
      if (view.cache.observed.configurationVersion > 0)
        return go({ step: 'confirming' }, 'the configuration endpoint serves the node list');
      return act('publish', 'the configuration endpoint gets the node list', 30_000);
    case 'confirming':
      if (!health.isSettled) return wait(health.sentence, settled);
      return finish(`${view.cache.id} is available`, becomesAvailable(view, seen.now));
    default:
      return state satisfies never;
  }
}

function nextAfterStart(view: CacheView): 'forming' | 'publishing' | 'confirming' {
  if (!hasReplication(view.cache)) return 'publishing';
  return isClusterMode(view.cache) ? 'forming' : 'confirming';
}

function decideAbandoning(
  view: CacheView,
  reason: string,
  seen: CreateCacheSeen,
): Decision<CreateCacheState, CreateCacheAct> {
  const isQuiet = seen.living === 0 && view.nodes.every((node) => node.intent !== 'running');
  if (!isQuiet) return act('stop', 'what was started is stopped', 60_000);
  const { cache } = view;
  const text =
    cache.kind === 'replication-group'
      ? replicationGroupCreationFailed(cache.id, reason)
      : clusterCreationFailed(reason);
  return fail(`${cache.id} could not be made: ${reason}`, [
    { put: 'resource', row: withStatus(cache, 'create-failed', seen.now, { sentence: reason }) },
    ...view.clusters
      .filter((cluster) => cluster.id !== cache.id || cluster.kind !== cache.kind)
      .map((row): Change => ({ put: 'resource', row: withStatus(row, 'create-failed', seen.now) })),
    // The next Limber starts nodes that were stopped, but not those of a failed creation.
    ...view.nodes.map((node): Change => ({ put: 'node', row: nextNode(node, { status: 'create-failed' }) })),
    announce(cache, cache.id, text, seen.now),
  ]);
}

/** Everything that makes the cache available, in one commit: the last write of a creation. */
function becomesAvailable(view: CacheView, now: number): Change[] {
  const { cache } = view;
  const runningVersion = view.nodes[0]?.started?.engineVersion ?? null;
  const isGroup = cache.kind === 'replication-group';
  return [
    { put: 'resource', row: withStatus(cache, 'available', now, { runningVersion }) },
    ...(isGroup
      ? view.clusters.map((row): Change => ({ put: 'resource', row: withStatus(row, 'available', now) }))
      : []),
    ...availableShards(view.nodeGroups),
    ...view.nodes.map((node): Change => ({ put: 'node', row: available(node) })),
    ...view.clusters.map((cluster) => announce(cluster, cluster.id, clusterCreated(), now)),
    ...view.nodes.map((node) =>
      announce(node, node.cacheClusterId, cacheNodeAdded(node.cacheNodeId, node.availabilityZone), now),
    ),
    ...(isGroup ? [announce(cache, cache.id, replicationGroupCreated(cache.id), now)] : []),
    ...notApplied(view, now),
  ];
}

/** What the parameter group has set and the engine will never take. */
function notApplied({ cache, nodes: [first] }: CacheView, now: number): Change[] {
  if (!first || !hasReplication(cache)) return [];
  return nodeSettings(cache, first.started ?? first.target).notApplied.map(({ parameter, reason }) =>
    announce(cache, cache.id, parameterNotApplied(cache.kind, parameter, reason), now),
  );
}

const available = (node: CacheNode): CacheNode => ({
  ...node,
  version: node.version + 1,
  status: 'available',
});

async function perform(
  tools: Tools,
  what: CreateCacheAct,
  input: CreateCacheInput,
  signal: AbortSignal,
): Promise<void> {
  const { fleet, shards } = tools;
  const view = await loadCacheView(fleet.store, input);
  if (!view) return;
  switch (what) {
    case 'place': {
      await placeNodes(fleet, view, slotsOf(view, input.zones), signal);
      const placed = await loadCacheView(fleet.store, input);
      if (placed) shards.ensure(shardKeysOf(placed));
      return;
    }
    case 'form':
      return formCluster(tools, view, signal);
    case 'publish':
      await untilAborted(
        signal,
        tools.configurationServer.publish(view, 1, signal),
        'publishing the node list',
      );
      return fleet.store.commit([
        {
          put: 'resource',
          row: withStatus(view.cache, view.cache.status, fleet.clock.now(), { configurationVersion: 1 }),
        },
      ]);
    case 'stop':
      return stopNodes(tools, view.nodes, signal);
    default:
      return what satisfies never;
  }
}

/** One node for each member of a group; the nodes of a Memcached cluster in order. */
function slotsOf(view: CacheView, zones: readonly string[]): NodeSlot[] {
  const { cache, clusters } = view;
  if (hasReplication(cache)) return memberSlots(clusters);
  const cluster = clusters[0]!;
  return zones.map((availabilityZone, index) => ({
    cluster,
    cacheNodeId: fourDigits(index + 1),
    availabilityZone,
  }));
}
