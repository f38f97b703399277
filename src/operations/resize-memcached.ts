/**
 * More nodes for a Memcached cluster, or fewer. New nodes are listed only when they answer; nodes that go are taken off
 * the list before they end, so that clients that follow the list meet no dead node.
 */
import {
  cacheNodeAdded,
  cacheNodesRemoved,
  nodeCountChanged,
  nodeCountChangeFailed,
} from '../catalog/events.ts';
import { announce } from '../fleet/announce.ts';
import { type CacheView, loadCacheView } from '../fleet/cache-view.ts';
import { placeNodes } from '../fleet/make-room.ts';
import type { CacheNode } from '../model/node.ts';
import type { OperationInput } from '../model/operation-input.ts';
import type { CacheCluster } from '../model/resource.ts';
import { shownZone } from '../model/zones.ts';
import { untilAborted } from '../platform/until-aborted.ts';
import type { CacheHealth } from '../reconcilers/shards.ts';
import type { Change } from '../store/contract.ts';
import { reasonOf } from './failure-reason.ts';
import { giveUpChange } from './give-up.ts';
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
import { nextNode, withStatus } from './rows.ts';
import type { Tools } from './tools.ts';
import { startLimitMs } from './wait-limits.ts';

type ResizeMemcachedInput = OperationInput<'resize-memcached'>;

export type ResizeMemcachedState =
  | { readonly step: 'placing' | 'starting' | 'unlisting' | 'publishing' | 'destroying' }
  | { readonly step: 'undoing'; readonly reason: string };

interface ResizeMemcachedSeen {
  readonly view: CacheView | null;
  readonly health: CacheHealth;
  readonly now: number;
}

type ResizeMemcachedAct = 'place' | 'unlist' | 'publish' | 'destroy' | 'undo';

const attemptsMax = 3;

export function resizeMemcachedKind(
  tools: Tools,
): OperationKind<ResizeMemcachedInput, ResizeMemcachedState, ResizeMemcachedSeen, ResizeMemcachedAct> {
  const { fleet, shards } = tools;
  return {
    ...queuedAs('resize-memcached'),
    first: () => ({ step: 'placing' }),
    async observe(input) {
      const view = await loadCacheView(fleet.store, input);
      const added = view?.nodes.filter((node) => isNew(input, node)) ?? [];
      const health = shards.health(input.cacheIncarnation, added);
      return { view, health, now: fleet.clock.now() };
    },
    decide: decideResizeMemcached,
    perform: (what, input, signal) => perform(tools, what, input, signal),
    giveUp: (input, reason) => giveUpChange(tools, 'The change of the number of nodes', input, reason),
  };
}

const isNew = (input: ResizeMemcachedInput, node: CacheNode): boolean =>
  input.add.some((slot) => slot.cacheNodeId === node.cacheNodeId);
const isGoing = (input: ResizeMemcachedInput, node: CacheNode): boolean =>
  input.remove.includes(node.cacheNodeId);

export function decideResizeMemcached(
  input: ResizeMemcachedInput,
  state: ResizeMemcachedState,
  { view, health, now }: ResizeMemcachedSeen,
  tries: Tries,
): Decision<ResizeMemcachedState, ResizeMemcachedAct> {
  if (!view || view.cache.status === 'deleting') return finish('the cluster is gone');
  const added = view.nodes.filter((node) => isNew(input, node));
  const failed = health.failure?.error ?? tries.lastError;
  const reason = failed ? reasonOf(failed) : 'unknown';
  const isHopeless = tries.attempts >= attemptsMax || (health.failure?.attempts ?? 0) >= attemptsMax;
  switch (state.step) {
    case 'placing':
      if (isHopeless) return go({ step: 'undoing', reason }, `no room for the nodes: ${reason}`);
      if (added.length === input.add.length) return go({ step: 'starting' }, 'the nodes have addresses');
      return act('place', 'the new nodes get their addresses', 60_000);
    case 'starting':
      if (isHopeless) return go({ step: 'undoing', reason }, `a node does not start: ${reason}`);
      if (!health.isSettled)
        return wait(health.sentence, {
          retryAfterMs: 250,
          limitMs: startLimitMs,
          otherwise: (late) => go({ step: 'undoing', reason: late }, 'a new node does not answer'),
        });
      return go({ step: 'unlisting' }, 'the new nodes answer');
    case 'unlisting':
      if (view.nodes.every((node) => !isGoing(input, node) || node.intent === 'deleted'))
        return go({ step: 'publishing' }, 'nodes that go are marked');
      return act('unlist', 'nodes that go are marked', 10_000);
    case 'publishing':
      if (tries.successes > 0) return go({ step: 'destroying' }, 'the new node list is served');
      return act('publish', 'the new node list is published', 30_000);
    case 'destroying':
      if (view.nodes.some((node) => node.intent === 'deleted'))
        return act('destroy', 'nodes that go are destroyed', 60_000);
      return finish(`${input.cacheId} has ${view.nodes.length} nodes`, resized(view, input, now));
    case 'undoing':
      if (added.length > 0) return act('undo', 'the new nodes are taken back', 60_000);
      return fail('the number of nodes was not changed', undone(view, input, now, state.reason));
    default:
      return state satisfies never;
  }
}

async function perform(
  tools: Tools,
  what: ResizeMemcachedAct,
  input: ResizeMemcachedInput,
  signal: AbortSignal,
): Promise<void> {
  const { fleet, shards } = tools;
  const view = await loadCacheView(fleet.store, input);
  if (!view) return;
  const cluster = view.clusters[0]!;
  switch (what) {
    case 'place':
      await placeNodes(
        fleet,
        view,
        input.add.map((slot) => ({ cluster, ...slot })),
        signal,
      );
      shards.recheck(input.cacheIncarnation);
      return;
    case 'unlist':
      return entomb(
        tools,
        view,
        view.nodes.filter((node) => isGoing(input, node)),
      );
    case 'publish':
      return publish(tools, view, signal);
    case 'destroy':
      return destroyNodes(tools, view.nodes, view, signal);
    case 'undo': {
      await entomb(
        tools,
        view,
        view.nodes.filter((node) => isNew(input, node)),
      );
      const marked = await loadCacheView(fleet.store, input);
      if (marked) await destroyNodes(tools, marked.nodes, marked, signal);
      return;
    }
    default:
      return what satisfies never;
  }
}

async function publish(
  { fleet, configurationServer }: Tools,
  view: CacheView,
  signal: AbortSignal,
): Promise<void> {
  const version = view.cache.observed.configurationVersion + 1;
  await untilAborted(signal, configurationServer.publish(view, version, signal), 'publishing the node list');
  const row = withStatus(view.cache, view.cache.status, fleet.clock.now(), { configurationVersion: version });
  await fleet.store.commit([{ put: 'resource', row }]);
}

function resized(view: CacheView, input: ResizeMemcachedInput, now: number): Change[] {
  const cluster = view.cache as CacheCluster;
  const zone = shownZone(view.nodes.map((node) => node.availabilityZone));
  const { numCacheNodes, cacheNodeIdsToRemove, newAvailabilityZones, ...pending } = cluster.desired.pending;
  const row: CacheCluster = {
    ...withStatus(cluster, 'available', now),
    desired: {
      ...cluster.desired,
      numCacheNodes: view.nodes.length,
      preferredAvailabilityZone: zone,
      pending,
    },
  };
  const removed = input.remove.length > 0 ? [cacheNodesRemoved(input.remove)] : [];
  const texts = [
    ...input.add.map((slot) => cacheNodeAdded(slot.cacheNodeId, slot.availabilityZone)),
    ...removed,
    nodeCountChanged(input.from, view.nodes.length),
  ];
  return [
    { put: 'resource', row },
    ...view.nodes
      .filter((node) => node.status !== 'available')
      .map((node): Change => ({ put: 'node', row: nextNode(node, { status: 'available' }) })),
    ...texts.map((text) => announce(cluster, cluster.id, text, now)),
  ];
}

function undone(view: CacheView, input: ResizeMemcachedInput, now: number, reason: string): Change[] {
  const cluster = view.cache as CacheCluster;
  const { numCacheNodes, cacheNodeIdsToRemove, newAvailabilityZones, ...pending } = cluster.desired.pending;
  const to = input.from + input.add.length - input.remove.length;
  return [
    {
      put: 'resource',
      row: { ...withStatus(cluster, 'available', now), desired: { ...cluster.desired, pending } },
    },
    announce(cluster, cluster.id, nodeCountChangeFailed(input.from, to, reason), now),
  ];
}
