/**
 * How operations end that cannot go on because of a defect of ours: their facts cannot be read or judged, again and
 * again. By what is at stake:
 * - a creation: `create-failed`, processes stopped. Nobody has data there yet, and the cache can be deleted.
 * - a change of a living cache: it ends where it is. Nodes are neither ended nor taken back, because whoever cannot
 *   judge the facts does not know which of them holds the data. The cache can be used, changed and deleted again.
 * - a deletion, and a node with data that moves between caches: there is nothing to go back to, so it is tried on, and
 *   a Limber that has the defect mended finishes it.
 */
import {
  clusterCreationFailed,
  operationGivenUp,
  operationStuck,
  replicationGroupCreationFailed,
} from '../catalog/events.ts';
import { announce } from '../fleet/announce.ts';
import { membersOf } from '../fleet/cache-view.ts';
import type { CacheNode } from '../model/node.ts';
import type { OperatedCache } from '../model/operation-input.ts';
import type { Cache, CacheCluster } from '../model/resource.ts';
import { timeLimit } from '../platform/clock.ts';
import type { Change } from '../store/contract.ts';
import { stopNodes } from './members/end-nodes.ts';
import type { GivenUp } from './operation-kind.ts';
import { availableShards, nextNode, withStatus } from './rows.ts';
import type { Tools } from './tools.ts';

/** SIGTERM, its grace, SIGKILL. */
const stopDeadlineMs = 10_000;

const ended = (changes: readonly Change[]): GivenUp => ({ ends: true, changes });
const triedOn = (changes: readonly Change[]): GivenUp => ({ ends: false, changes });

export async function giveUpCreation(tools: Tools, input: OperatedCache, reason: string): Promise<GivenUp> {
  const { store, clock, log } = tools.fleet;
  const cache = await cacheOf(tools, input);
  if (!cache) return ended([]);
  const limit = timeLimit(clock, stopDeadlineMs);
  try {
    await stopNodes(tools, await store.nodesOf([cache.incarnation]), limit.signal);
  } catch (error) {
    // The deletion of the cache ends what is left.
    log.warn('what a failed creation has started could not be stopped', { cache: cache.id, error });
  }
  const now = clock.now();
  const isGroup = cache.kind === 'replication-group';
  const nodes = await store.nodesOf([cache.incarnation]);
  const text = isGroup ? replicationGroupCreationFailed(cache.id, reason) : clusterCreationFailed(reason);
  return ended([
    { put: 'resource', row: withStatus(cache, 'create-failed', now, { sentence: reason }) },
    ...(await membersIn(tools, cache)).map(
      (row): Change => ({ put: 'resource', row: withStatus(row, 'create-failed', now) }),
    ),
    ...nodes.map((node): Change => ({ put: 'node', row: nextNode(node, { status: 'create-failed' }) })),
    announce(cache, cache.id, text, now),
  ]);
}

/** `what`: the operation, as the subject of a sentence. */
export async function giveUpChange(
  tools: Tools,
  what: string,
  input: OperatedCache,
  reason: string,
): Promise<GivenUp> {
  const { store, clock } = tools.fleet;
  const cache = await cacheOf(tools, input);
  if (!cache || cache.status === 'deleting') return ended([]);
  const now = clock.now();
  const nodes = await store.nodesOf([cache.incarnation]);
  const event = announce(cache, cache.id, operationGivenUp(cache.kind, what, reason), now);
  return ended([
    { put: 'resource', row: released(cache, nodes, now) },
    ...(await membersIn(tools, cache)).flatMap((row) => releasedMember(row, nodes, now)),
    ...availableShards(await store.nodeGroupsOf([cache.incarnation])),
    ...nodes
      .filter(({ intent, status }) => intent !== 'deleted' && status !== 'available')
      .map((node): Change => ({ put: 'node', row: nextNode(node, { status: 'available' }) })),
    event,
  ]);
}

export async function goOnTrying(
  tools: Tools,
  what: string,
  input: OperatedCache,
  reason: string,
): Promise<GivenUp> {
  const cache = await cacheOf(tools, input);
  if (!cache) return triedOn([]);
  const text = operationStuck(cache.kind, what, reason);
  return triedOn([announce(cache, cache.id, text, tools.fleet.clock.now())]);
}

async function cacheOf({ fleet }: Tools, input: OperatedCache): Promise<Cache | null> {
  return (await fleet.store.resourceByIncarnation(input.cacheKind, input.cacheIncarnation)) as Cache | null;
}

async function membersIn({ fleet }: Tools, cache: Cache): Promise<CacheCluster[]> {
  return cache.kind === 'replication-group' ? await membersOf(fleet.store, cache) : [];
}

/** Nothing is pending any more, and what is shown is what is there. */
function released(cache: Cache, nodes: readonly CacheNode[], now: number): Cache {
  const row = withStatus(cache, 'available', now);
  if (row.kind === 'replication-group') {
    const { primaryClusterId, ...pending } = row.desired.pending;
    return { ...row, desired: { ...row.desired, pending } };
  }
  const { numCacheNodes, cacheNodeIdsToRemove, newAvailabilityZones, ...pending } = row.desired.pending;
  const count = nodes.filter(({ intent }) => intent !== 'deleted').length;
  return { ...row, desired: { ...row.desired, numCacheNodes: count, pending } };
}

/** A member whose node was never placed holds nothing, and could not be removed by its name. */
function releasedMember(member: CacheCluster, nodes: readonly CacheNode[], now: number): Change[] {
  const hasNode = nodes.some((node) => node.cacheClusterId === member.id);
  if (!hasNode) return [{ remove: 'resource', key: member, version: member.version }];
  return member.status === 'available' || member.status === 'deleting'
    ? []
    : [{ put: 'resource', row: withStatus(member, 'available', now) }];
}
