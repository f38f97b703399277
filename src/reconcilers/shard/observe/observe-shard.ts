/** Reads the facts of one shard: rows from the store, processes from /proc, roles and offsets from the engines. */

import { type EngineInfo, parseInfo } from '../../../engines/valkey/info.ts';
import { isClusterMode } from '../../../fleet/cache-view.ts';
import { dataStateOf, isLost, nodesFileOf } from '../../../fleet/data-files.ts';
import { durabilityOf } from '../../../fleet/launch.ts';
import {
  type CacheNode,
  type Endpoint,
  isEngineOf,
  isSameProcess,
  type NodeGroup,
} from '../../../model/node.ts';
import type { Cache } from '../../../model/resource.ts';
import { keyText, type ShardContext, type ShardKey } from '../context.ts';
import { type EngineFacts, endpointOf, type Member, type ShardView, type Verdict } from '../view.ts';
import { wasRefilled } from './refilled.ts';
import { withSlots } from './slots.ts';

export interface ShardFacts {
  readonly cache: Cache;
  readonly view: ShardView;
  readonly endpoints: readonly Endpoint[];
}

/** The facts of a shard; null when the cache is gone. Memcached has no shards: its view has no primary. */
export async function observeShard(context: ShardContext, key: ShardKey): Promise<ShardFacts | null> {
  const { store } = context.fleet;
  const { cacheIncarnation, nodeGroupId } = key;
  const [shard, all, endpoints] = await Promise.all([
    nodeGroupId === null ? null : store.nodeGroup(cacheIncarnation, nodeGroupId),
    store.nodesOf([cacheIncarnation], nodeGroupId ?? undefined),
    store.endpointsOf([cacheIncarnation]),
  ]);
  // The cache is read after its nodes, so that it has every configuration that one of them is to run with.
  const cache = await store.resourceByIncarnation(key.cacheKind, cacheIncarnation);
  if (!cache || (nodeGroupId !== null && !shard)) return null;
  const look = (nodes: readonly CacheNode[]) =>
    Promise.all(nodes.map((node) => observeMember(context, cache as Cache, node)));
  const isLeaving = ({ intent }: CacheNode) => intent === 'deleted';
  const staying = all.filter(({ intent }) => intent === 'running' || intent === 'restarting');
  // Nobody is needed in a cache that is deleted as a whole, and no Memcached node holds what another one had.
  const isGoing = cache.status === 'deleting' && staying.length === 0;
  const [seen, leaving] = await Promise.all([
    look(staying),
    look(shard === null || isGoing ? [] : all.filter(isLeaving)),
  ]);
  const leader = all.find(({ incarnation }) => incarnation === shard?.currentPrimary);
  const compared = leader ? seen.map((member) => withLag(context, member, leader)) : seen;
  const hasSlots = shard !== null && isClusterMode(cache as Cache) && shard.isFormed;
  const members = hasSlots ? await withSlots(context, shard, compared) : compared;
  const view: ShardView = {
    shard: shard ?? noShard(cacheIncarnation),
    clusterMode: isClusterMode(cache as Cache) ? 'enabled' : 'disabled',
    automaticFailover: 'automaticFailover' in cache.desired && cache.desired.automaticFailover,
    durability: durabilityOf(cache as Cache),
    isForming: shard?.isFormed === false,
    ...switchoversSoFar(context, key, shard?.version ?? 0),
    strangers: hasSlots ? context.bus.strangersOf(cacheIncarnation) : [],
    members,
    leaving,
  };
  return { cache: cache as Cache, view, endpoints };
}

/** Offsets compare only within the history of one primary. */
function withLag({ fleet, monitor }: ShardContext, member: Member, leader: CacheNode): Member {
  if (member.engine?.follows !== endpointOf(leader)) return member;
  const lag = monitor.lagBehind(leader, member.engine.offset);
  return { ...member, isLagging: lag !== null && lag.ms > fleet.settings.maxLagMs };
}

/** A restart of the primary that could not switch over is tried again after this. */
const restartMemoryMs = 30_000;
/** After each failure, that writers get their turn: this, twice this, … A judgement. */
const switchoverRestMs = 500;

function switchoversSoFar(
  { fleet, switchoverFailures }: ShardContext,
  key: ShardKey,
  version: number,
): Pick<ShardView, 'switchoverFailures' | 'restartFailures' | 'isSwitchoverResting'> {
  const failures = switchoverFailures.get(keyText(key));
  if (!failures) return { switchoverFailures: 0, restartFailures: 0, isSwitchoverResting: false };
  const { count, at } = failures;
  const ageMs = fleet.clock.monotonic() - at;
  return {
    switchoverFailures: failures.version === version ? count : 0,
    restartFailures: ageMs < restartMemoryMs ? count : 0,
    isSwitchoverResting: failures.version === version && ageMs < count * switchoverRestMs,
  };
}

const noShard = (cacheIncarnation: string): NodeGroup => ({
  cacheIncarnation,
  nodeGroupId: '',
  version: 0,
  status: 'available',
  isFormed: true,
  slots: '',
  currentPrimary: null,
  targetPrimary: null,
});

/**
 * A node that did not answer a PING is asked all the same, since it may have just come up; but nobody waits for it. The
 * first question to a process is waited for: right after the start of Limber nobody has answered a PING yet, and the copy
 * that is a moment late may be the one that holds most.
 */
const silentDeadlineMs = 50;
/** Whoever looks waits no longer than this, however patient the settings are with a node that hangs. */
const askDeadlineMaxMs = 1_000;

async function observeMember(context: ShardContext, cache: Cache, node: CacheNode): Promise<Member> {
  const { fleet, monitor } = context;
  const failure = context.startFailures.get(node.incarnation);
  const isBackingOff = failure !== undefined && failure.notBefore > fleet.clock.monotonic();
  const verdict = monitor.verdict(node);
  const dataIf = async (seen: Verdict) => (seen === 'dead' ? dataStateOf(fleet, cache, node) : 'none');
  const startFailure = failure?.error.message ?? null;
  // This is looked at only of nodes that may be killed or ended soon.
  const keepsDataIf = async (seen: Verdict) =>
    (seen !== 'hung' && node.intent !== 'restarting') || !isLost(await dataStateOf(fleet, cache, node));
  const keepsData = await keepsDataIf(verdict);
  const leadsSince = verdict === 'dead' && isClusterMode(cache) ? await leadsSinceOf(context, node) : null;
  const facts = { node, isBackingOff, startFailure, data: await dataIf(verdict), keepsData, leadsSince };
  if (verdict !== 'answering' && verdict !== 'unresponsive') return { ...facts, verdict, engine: null };
  if (node.engine === 'memcached') return { ...facts, verdict, engine: null };
  const isFirst = !isSameProcess(context.asked.get(node.incarnation) ?? null, node.handle);
  if (node.handle) context.asked.set(node.incarnation, node.handle);
  const isAwaited = verdict === 'answering' || isFirst;
  const deadlineMs = isAwaited ? Math.min(fleet.settings.hangAfterMs, askDeadlineMaxMs) : silentDeadlineMs;
  const engine = await askEngine(context, node, deadlineMs);
  if (engine)
    return { ...facts, verdict: 'answering', engine, isCut: fleet.connections.isCut(node.incarnation) };
  // The node may have died while it was asked: then its files count, as of any dead node.
  const again = monitor.verdict(node);
  const [silence, data] = [monitor.silence(node), await dataIf(again)];
  return {
    ...facts,
    data,
    keepsData: await keepsDataIf(again),
    verdict: again === 'answering' ? 'unresponsive' : again,
    engine: null,
    silence,
    silentMs: monitor.silentMs(node),
  };
}

async function leadsSinceOf({ fleet }: ShardContext, node: CacheNode): Promise<number | null> {
  const state = await nodesFileOf(fleet, node);
  return state.kind === 'fine' ? state.leadsSince : null;
}

async function askEngine(
  { fleet, histories }: ShardContext,
  node: CacheNode,
  deadlineMs: number,
): Promise<EngineFacts | null> {
  try {
    const connection = await fleet.connections.of(node);
    const sections = ['server', 'replication', 'persistence', 'keyspace'];
    const info = parseInfo(String(await connection.callWithin(deadlineMs, 'INFO', ...sections)));
    // Somebody else's process at this address is no news of ours.
    if (!isEngineOf(node.handle, info)) return null;
    const facts = factsOf(info);
    return { ...facts, wasRefilled: wasRefilled(histories, node, facts) };
  } catch {
    return null;
  }
}

export const factsOf = (info: EngineInfo): EngineFacts => ({
  runId: info.runId,
  role: info.role,
  replicationId: info.replicationId,
  replicationId2: info.secondReplicationId ?? '0'.repeat(40),
  secondOffset: info.secondOffset,
  offset: info.offset,
  follows: info.upstream ? `${info.upstream.address}:${info.upstream.port}` : null,
  isLinkUp: info.upstream?.isUp ?? false,
  // A link that never was up says nothing: a node that has just begun to follow another still holds its data.
  isSyncing: info.isSyncing,
  isLoading: info.isLoading,
  holdsData: info.keys > 0,
  keys: info.keys,
});
