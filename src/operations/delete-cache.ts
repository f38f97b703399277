/**
 * Deletes a cache. Its status is `deleting` since the API call; this operation ends the processes, and removes the
 * rows last. `retainPrimary`: the primary of a group without cluster mode lives on as a cluster of its own.
 */
import { clusterDeleted, deletionGivenUp, replicationGroupDeleted } from '../catalog/events.ts';
import { announce } from '../fleet/announce.ts';
import { type CacheView, hasReplication, loadCacheView } from '../fleet/cache-view.ts';
import type { CacheNode } from '../model/node.ts';
import type { OperationInput } from '../model/operation-input.ts';
import { untilAborted } from '../platform/until-aborted.ts';
import { isLed as isLedIn } from '../reconcilers/shard/decide/last-copy.ts';
import { shardKeysOf } from '../reconcilers/shards.ts';
import type { Change } from '../store/contract.ts';
import { goOnTrying } from './give-up.ts';
import { destroyNodes, destroySpared, forgetWithin, release } from './members/end-nodes.ts';
import { retainPrimary } from './members/move.ts';
import { entomb, entombSpared } from './members/tombstone.ts';
import { withoutWorker } from './members/without-worker.ts';
import {
  act,
  type Decision,
  fail,
  finish,
  go,
  type OperationKind,
  queuedAs,
  wait,
} from './operation-kind.ts';
import { kept, memberAgain } from './rows.ts';
import type { Tools } from './tools.ts';
import { dataLimitMs } from './wait-limits.ts';

type DeleteCacheInput = OperationInput<'delete-cache'>;

export interface DeleteCacheState {
  readonly step: 'retaining' | 'marking' | 'destroying';
}

interface DeleteCacheSeen {
  readonly view: CacheView | null;
  /** True while the primary that is to be retained answers and leads, by fresh facts; false where nothing is retained. */
  readonly isLed: boolean;
  readonly now: number;
}

type DeleteCacheAct = 'mark-others' | 'destroy-others' | 'retain' | 'mark' | 'destroy' | 'remove-rows';

export function deleteCacheKind(
  tools: Tools,
): OperationKind<DeleteCacheInput, DeleteCacheState, DeleteCacheSeen, DeleteCacheAct> {
  return {
    ...queuedAs('delete-cache'),
    cancelsOthers: true,
    first: (input) => ({ step: input.retainPrimary ? 'retaining' : 'marking' }),
    observe: async (input, { step }) => {
      const view = await loadCacheView(tools.fleet.store, input);
      const isLed = view !== null && step === 'retaining' && (await isLedNow(tools, view));
      return { view, isLed, now: tools.fleet.clock.now() };
    },
    decide: decideDeleteCache,
    perform: (what, input, signal) => perform(tools, what, input, signal),
    giveUp: (input, reason) => goOnTrying(tools, 'The deletion', input, reason),
  };
}

export function decideDeleteCache(
  input: DeleteCacheInput,
  state: DeleteCacheState,
  { view, isLed, now }: DeleteCacheSeen,
): Decision<DeleteCacheState, DeleteCacheAct> {
  if (!view) return finish(`${input.cacheId} is deleted`);
  switch (state.step) {
    case 'retaining': {
      const primary = primaryIn(view);
      if (!primary) return go({ step: 'marking' }, 'the primary is a cluster of its own');
      if (!isLed)
        return wait('the shard has no living primary at present, which is to be retained', {
          retryAfterMs: 100,
          limitMs: dataLimitMs(view.cache),
          otherwise: (reason) =>
            fail(`${input.cacheId} is not deleted: ${reason}`, [
              ...[view.cache, ...view.clusters].map(
                (row): Change => ({ put: 'resource', row: kept(row, now) }),
              ),
              // Those that were to go before the primary was lost.
              ...view.nodes
                .filter(({ intent }) => intent === 'deleted')
                .map((node): Change => ({ put: 'node', row: memberAgain(node) })),
              announce(view.cache, view.cache.id, deletionGivenUp(view.cache.kind, reason), now),
            ]),
        });
      // The other nodes go first: should the primary be lost meanwhile, one of them leads, and is retained instead.
      const others = view.nodes.filter((node) => node !== primary);
      if (others.some((node) => node.intent !== 'deleted'))
        return act('mark-others', 'the nodes but the primary are marked for deletion', 30_000);
      if (others.length > 0) return act('destroy-others', 'the nodes but the primary are destroyed', 60_000);
      return act('retain', 'the primary becomes a cluster of its own', 30_000);
    }
    case 'marking':
      if (view.nodes.every((node) => node.intent === 'deleted'))
        return go({ step: 'destroying' }, 'all nodes are marked for deletion');
      return act('mark', 'the nodes are marked for deletion', 30_000);
    case 'destroying':
      if (view.nodes.length > 0) return act('destroy', 'the nodes are destroyed', 60_000);
      return act('remove-rows', 'the rows are removed', 10_000);
    default:
      return state.step satisfies never;
  }
}

async function perform(
  tools: Tools,
  what: DeleteCacheAct,
  input: DeleteCacheInput,
  signal: AbortSignal,
): Promise<void> {
  const { fleet } = tools;
  const view = await loadCacheView(fleet.store, input);
  if (!view) return;
  const others = view.nodes.filter((node) => node !== primaryIn(view));
  switch (what) {
    case 'mark-others':
      return entombSpared(tools, view, others, signal);
    case 'destroy-others':
      return destroySpared(tools, others, view, signal);
    case 'retain':
      return retain(tools, view, signal);
    case 'mark':
      await forgetWithin(tools, input.cacheIncarnation, signal);
      return entomb(tools, view, view.nodes);
    case 'destroy':
      return destroyNodes(tools, view.nodes, view, signal);
    case 'remove-rows':
      // A Limber that came back in the middle looks after the shards again.
      await forgetWithin(tools, input.cacheIncarnation, signal);
      if (!hasReplication(view.cache)) await tools.configurationServer.withdraw(input.cacheIncarnation);
      return fleet.store.commit(removal(tools, view));
    default:
      return what satisfies never;
  }
}

/** The recorded primary of a group without cluster mode. */
const primaryIn = ({ nodes, nodeGroups }: CacheView): CacheNode | undefined =>
  nodes.find((node) => node.incarnation === nodeGroups[0]?.currentPrimary);

/** The node that is retained must be the copy that leads: a primary that is dead, or takes its data from another node, is waited for. */
async function isLedNow({ shards }: Tools, { cache, nodeGroups }: CacheView): Promise<boolean> {
  const nodeGroupId = nodeGroups[0]?.nodeGroupId ?? null;
  const facts = await shards.look({
    cacheKind: cache.kind,
    cacheIncarnation: cache.incarnation,
    nodeGroupId,
  });
  return facts !== null && isLedIn(facts.view);
}

/** The group's worker is stopped first: it must not take the retained node for a lost one. */
async function retain(tools: Tools, view: CacheView, signal: AbortSignal): Promise<void> {
  const { fleet, shards } = tools;
  const { kind: cacheKind, incarnation: cacheIncarnation } = view.cache;
  const kept = await withoutWorker(tools, view, signal, async () => {
    const now = await loadCacheView(fleet.store, { cacheKind, cacheIncarnation });
    const isLed = now && (await untilAborted(signal, isLedNow(tools, now), 'a look at the primary'));
    if (now && !isLed) throw new Error('the primary has just died: another has to lead first');
    return now && (await retainPrimary(tools, now));
  });
  const own = kept && (await loadCacheView(fleet.store, kept));
  if (own) shards.ensure(shardKeysOf(own));
}

/** Everything that is left of the cache, in one commit. */
function removal(tools: Tools, view: CacheView): Change[] {
  const { cache, clusters, nodeGroups, endpoints } = view;
  const now = tools.fleet.clock.now();
  const isGroup = cache.kind === 'replication-group';
  const members = isGroup ? clusters : [];
  return [
    ...endpoints.map((endpoint) => release(tools, endpoint)),
    ...nodeGroups.map(
      ({ cacheIncarnation, nodeGroupId }): Change => ({
        remove: 'node-group',
        cacheIncarnation,
        nodeGroupId,
      }),
    ),
    { remove: 'secrets', owner: cache.incarnation },
    ...[...members, cache].map((row): Change => ({ remove: 'resource', key: row, version: row.version })),
    ...clusters.map((cluster) => announce(cluster, cluster.id, clusterDeleted(), now)),
    ...(isGroup ? [announce(cache, cache.id, replicationGroupDeleted(cache.id), now)] : []),
  ];
}
