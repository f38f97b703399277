/**
 * Starts a node that is down: at once the first time, with back-off while it keeps failing or dying, and after a look
 * into its files when it does not start. What is bad is set aside, never deleted; each step is an event.
 */
import {
  filesSetAside,
  nodeDied,
  rebuiltEmpty,
  recoveringNodes,
  unfinishedWriteCut,
} from '../../../catalog/events.ts';
import {
  dataStateOf,
  keepUnfinishedWrite,
  nodesFileOf,
  prepareToLead,
  setAside,
  setNodesFileAside,
} from '../../../fleet/data-files.ts';
import { keepMarked, unmark } from '../../../fleet/kept-files.ts';
import { startNode, updateNode } from '../../../fleet/start-node.ts';
import { chooseSyncManner } from '../../../fleet/sync-manner.ts';
import type { CacheNode } from '../../../model/node.ts';
import type { Cache } from '../../../model/resource.ts';
import { faultPoint } from '../../../platform/fault-points.ts';
import { retryDelayMs } from '../../../platform/retry.ts';
import { SpawnFailed } from '../../../runtime/contract.ts';
import type { Change } from '../../../store/contract.ts';
import type { ShardContext, StartFailure } from '../context.ts';
import type { ShardFacts } from '../observe/observe-shard.ts';
import { cacheEvent, invalidateSync, memberEvent } from '../record.ts';
import { isRecovering, recovered } from '../recovery.ts';
import { comesBackToLead } from '../view.ts';
import { parameterUpdates } from './apply-config.ts';
import { epochOf } from './cluster-epoch.ts';
import { mendFiles } from './mend-files.ts';

/** A process that ended sooner than this after its start has failed again; one that lived longer has a clean slate. A judgement. */
const steadyAfterMs = 10_000;

export async function bringUp(
  context: ShardContext,
  facts: ShardFacts,
  node: CacheNode,
  follow: CacheNode | null,
): Promise<void> {
  const { fleet, bindings, monitor, starts } = context;
  const before = recentFailures(context, facts, node);
  // Before the next process writes into the same log.
  const death = before.isDeath ? await deathOf(context, node, before) : null;
  await announceLoss(context, facts, node, follow);
  if ((await mendFiles(context, facts, { node, follow, before })) === 'decide-anew') return;
  bindings.forget(node.incarnation);
  if (facts.view.durability !== 'disabled') await keepFiles(context, node, follow);
  await keepTail(context, facts, node);
  if (facts.view.clusterMode === 'enabled') await mendIdentity(context, facts, node, follow);
  if (follow) await prepareSync(context, follow);
  try {
    await startNode(fleet, facts.cache, node, follow);
  } catch (error) {
    recordFailure(context, node, before, {
      error: error as Error,
      // What else keeps a node from starting says nothing of its files.
      hasEndedByItself: error instanceof SpawnFailed,
    });
    throw error;
  }
  faultPoint('bring-up:started');
  // A node that dies soon after each start is started later each time.
  if (death)
    recordFailure(context, node, before, {
      error: death,
      hasEndedByItself: !before.hasServed,
    });
  else context.startFailures.delete(node.incarnation);
  starts.set(node.incarnation, {
    at: fleet.clock.monotonic(),
    isToLead: follow === null,
    // Memcached has nothing to load.
    hasServed: node.engine === 'memcached',
  });
  const started = await recordApplied(context, facts.cache, node);
  if (started) monitor.watch(started);
}

/** The process answers, so it runs with what it was given; what is new with that is told now, however many starts failed before. */
async function recordApplied(
  context: ShardContext,
  cache: Cache,
  node: CacheNode,
): Promise<CacheNode | null> {
  const answering = (row: CacheNode): CacheNode => {
    if (!row.started) return row;
    const { engineVersion, ...applied } = row.started;
    return row.applied && row.applied.configVersion >= applied.configVersion ? row : { ...row, applied };
  };
  return updateNode(context.fleet, node.incarnation, answering, parameterUpdates(context, cache, node));
}

/**
 * The rest of each start, once the node has its data loaded. A node that leads with them is back, and the others take its
 * data anew: nothing that was confirmed of them holds any longer. That is not recorded before: should the node end while
 * it loads, what the others hold is still what it was. True when something was recorded. (A Limber that dies in between: decide.ts sees two histories.)
 */
export async function finishStarts(context: ShardContext, { view }: ShardFacts): Promise<boolean> {
  const loaded = view.members.filter(({ node, engine }) => {
    const latest = context.starts.get(node.incarnation);
    return latest && !latest.hasServed && engine && !engine.isLoading && !comesBackToLead({ node, engine });
  });
  for (const { node, engine } of loaded) {
    const latest = context.starts.get(node.incarnation)!;
    // All nodes of a new shard start as primaries: only one of them is to lead.
    const isChosen = [view.shard.currentPrimary, view.shard.targetPrimary].includes(node.incarnation);
    if (latest.isToLead && isChosen && engine?.role === 'primary') {
      for (const { node: other } of view.members)
        if (other.incarnation !== node.incarnation && other.synced)
          await invalidateSync(context.fleet.store, other.incarnation);
      await recovered(context, node);
    }
    latest.hasServed = true;
  }
  return loaded.length > 0;
}

/** A node that is filled anew sets its marked files aside before; one that leads uses them. */
async function keepFiles(context: ShardContext, node: CacheNode, follow: CacheNode | null): Promise<void> {
  if (follow === null) return unmark(context.fleet, node);
  const kept = await keepMarked(context.fleet, node);
  if (!kept) return;
  const text = filesSetAside(node.cacheClusterId, kept.aside, kept.reason);
  await context.fleet.store.commit([memberEvent(context, node, text)]);
}

/**
 * Keeps what the engine will cut off the append-only file of a node that died: after its start nothing is left to keep.
 * It costs a millisecond when the file is whole (measured; unfinished-write.ts).
 */
async function keepTail(context: ShardContext, { view }: ShardFacts, node: CacheNode): Promise<void> {
  if (view.durability === 'disabled' || node.handle === null || node.intent !== 'running') return;
  const kept = await keepUnfinishedWrite(context.fleet, node);
  if (!kept) return;
  const text = unfinishedWriteCut(node.cacheClusterId, kept.bytes, kept.aside);
  await context.fleet.store.commit([memberEvent(context, node, text)]);
}

/**
 * Cluster mode. A bad nodes.conf is set aside: the node comes back with a new id, and is introduced again when it
 * follows, or claims its slots. To follow it has to be empty then: the engine refuses CLUSTER REPLICATE to a blank node
 * with keys.
 */
async function mendIdentity(
  context: ShardContext,
  { cache, view }: ShardFacts,
  node: CacheNode,
  follow: CacheNode | null,
): Promise<void> {
  const { fleet } = context;
  if (node.handle === null) return;
  const state = await nodesFileOf(fleet, node);
  if (state.kind === 'fine' && !(await takesOver(context, follow, state.leadsSince))) {
    if (follow === null && !view.isForming) await prepareToLead(fleet, cache, node);
    faultPoint('bring-up:ghost-written');
    return;
  }
  const recordAside = (aside: string, reason: string) =>
    fleet.store.commit([memberEvent(context, node, filesSetAside(node.cacheClusterId, aside, reason))]);
  if (state.kind !== 'missing') {
    const aside = await setNodesFileAside(fleet, node);
    faultPoint('mend:set-aside');
    const why =
      state.kind === 'damaged'
        ? state.problem
        : `by it the node would lead instead of ${follow?.cacheClusterId}`;
    await recordAside(aside, why);
  }
  if (follow !== null && (await dataStateOf(fleet, cache, node)) === 'present')
    await recordAside(
      await setAside(fleet, node),
      `without its nodes.conf it is new to the cluster; it is rebuilt from ${follow.cacheClusterId}`,
    );
}

/**
 * It comes back by its nodes.conf with slots, in which it would be believed: it led last, by the engines' own failover, or
 * in an epoch that the recorded primary has, too. Whoever leads would follow it, and take its data for its own.
 */
async function takesOver(
  { fleet }: ShardContext,
  follow: CacheNode | null,
  leadsSince: number | null,
): Promise<boolean> {
  if (follow === null || leadsSince === null) return false;
  const epoch = await epochOf(fleet.connections.of(follow));
  return epoch === null || epoch <= leadsSince;
}

/** Makes the first sync quicker, and no more: a primary that does not answer now is waited for elsewhere. */
async function prepareSync({ fleet }: ShardContext, primary: CacheNode): Promise<void> {
  try {
    await chooseSyncManner(fleet, primary);
  } catch (error) {
    fleet.log.debug('the manner of the next synchronisation was not chosen', { error });
  }
}

/** What is known of the node's latest starts when it is to be started again. */
export interface RecentFailures {
  /** Starts in a row that failed, or soon ended. */
  readonly attempts: number;
  /** How many of the latest of them ended by themselves before they had their data loaded. */
  readonly endings: number;
  /** True when the node came up last time and died soon after, or before it had served or was confirmed to hold its data. */
  readonly isDeath: boolean;
  readonly wasFilled: boolean;
  readonly hasServed: boolean;
}

function recentFailures(
  { fleet, startFailures, starts }: ShardContext,
  { view }: ShardFacts,
  { incarnation, synced }: CacheNode,
): RecentFailures {
  const { attempts = 0, endings = 0 } = startFailures.get(incarnation) ?? {};
  const latest = starts.get(incarnation);
  const isSoon = latest !== undefined && fleet.clock.monotonic() - latest.at < steadyAfterMs;
  const hasServed = latest?.hasServed ?? true;
  // Memcached has nothing to be filled with, and nobody knows how far a process came that a Limber before us started.
  const wasFilled = latest === undefined || synced || view.shard.nodeGroupId === '';
  return { attempts, endings, isDeath: isSoon || !hasServed || !wasFilled, hasServed, wasFilled };
}

/** The error for a process that ended, with what its engine said last. */
async function deathOf(
  { fleet }: ShardContext,
  { incarnation, cacheClusterId }: CacheNode,
  { attempts, wasFilled }: RecentFailures,
): Promise<SpawnFailed> {
  const often = attempts === 0 ? '' : ` ${attempts + 1} times`;
  const when = wasFilled ? 'soon after its start' : 'before it held its data';
  return new SpawnFailed(
    `${cacheClusterId} died${often} ${when}`,
    await fleet.runtime.lastWords(incarnation, 20),
  );
}

function recordFailure(
  { fleet, startFailures }: ShardContext,
  node: CacheNode,
  before: RecentFailures,
  failure: Pick<StartFailure, 'error'> & { readonly hasEndedByItself: boolean },
): void {
  const { hasEndedByItself, ...rest } = failure;
  const attempts = before.attempts + 1;
  const endings = hasEndedByItself ? before.endings + 1 : 0;
  const notBefore = fleet.clock.monotonic() + retryDelayMs(attempts);
  startFailures.set(node.incarnation, { ...rest, attempts, endings, notBefore });
}

/** Records an event, once per loss, when a node has lost its process and nobody asked for that. */
async function announceLoss(
  context: ShardContext,
  { cache, view }: ShardFacts,
  node: CacheNode,
  follow: CacheNode | null,
): Promise<void> {
  const isLoss = node.handle !== null && node.intent === 'running' && node.status !== 'creating';
  if (!isLoss || (await isRecovering(context, node))) return;
  const changes: Change[] = [
    memberEvent(context, node, nodeDied(node.cacheClusterId, node.cacheNodeId, 'its process has ended')),
    memberEvent(context, node, recoveringNodes([node.cacheNodeId])),
  ];
  const own = view.members.find((member) => member.node.incarnation === node.incarnation);
  // What becomes of damaged files is known when they have been mended: an event says it then.
  const hasFiles = own?.data === 'present' || own?.data === 'unreadable';
  const isEmpty = follow === null && !hasFiles && view.shard.nodeGroupId !== '';
  if (isEmpty) changes.push(cacheEvent(context, cache, rebuiltEmpty(view.shard.nodeGroupId)));
  await context.fleet.store.commit(changes);
  context.recovering.set(node.incarnation, true);
}
