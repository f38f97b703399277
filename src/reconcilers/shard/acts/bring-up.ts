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
  repairDataFiles,
  setAside,
  setNodesFileAside,
} from '../../../fleet/data-files.ts';
import { keepMarked, unmark } from '../../../fleet/kept-files.ts';
import { startNode } from '../../../fleet/start-node.ts';
import { chooseSyncManner } from '../../../fleet/sync-manner.ts';
import type { CacheNode } from '../../../model/node.ts';
import { faultPoint } from '../../../platform/fault-points.ts';
import { retryDelayMs } from '../../../platform/retry.ts';
import type { Change } from '../../../store/contract.ts';
import type { ShardContext, StartFailure } from '../context.ts';
import type { ShardFacts } from '../observe/observe-shard.ts';
import { cacheEvent, invalidateSync, memberEvent } from '../record.ts';
import { isRecovering, recovered } from '../recovery.ts';
import { isDown } from '../view.ts';
import { parameterUpdates } from './apply-config.ts';

/** A process that lived shorter has failed again; one that lived longer has a clean slate. A judgement. */
const steadyAfterMs = 10_000;
/** Failures in a row before the node's files are looked into. */
const inspectAfter = 2;
/** Failures in a row before a replica gets a fresh directory. */
const rebuildAfter = 5;

export async function bringUp(
  context: ShardContext,
  facts: ShardFacts,
  node: CacheNode,
  follow: CacheNode | null,
): Promise<void> {
  const { fleet, startFailures, bindings, monitor, starts } = context;
  const now = fleet.clock.monotonic();
  const failures = startFailures.get(node.incarnation)?.attempts ?? 0;
  const diedAgain = now - (starts.get(node.incarnation) ?? Number.NEGATIVE_INFINITY) < steadyAfterMs;
  await announceLoss(context, facts, node, follow);
  if (failures >= inspectAfter || (diedAgain && failures > 0)) {
    const isDecidedAnew = await mend(context, facts, node, follow, failures);
    if (isDecidedAnew) return;
  }
  bindings.forget(node.incarnation);
  if (facts.view.durability !== 'disabled') await keepFiles(context, node, follow);
  await keepTail(context, facts, node);
  if (facts.view.clusterMode === 'enabled') await mendIdentity(context, facts, node, follow);
  if (follow) await prepareSync(context, follow);
  try {
    await startNode(fleet, facts.cache, node, facts.view.clusterMode === 'enabled' ? null : follow);
  } catch (error) {
    fail(context, node, 'start', failures + 1, error as Error);
    throw error;
  }
  faultPoint('bring-up:started');
  // A node that dies soon after each start is started later each time.
  if (diedAgain)
    fail(context, node, 'death', failures + 1, new Error(`${node.cacheClusterId} died soon after its start`));
  else startFailures.delete(node.incarnation);
  starts.set(node.incarnation, fleet.clock.monotonic());
  const started = await fleet.store.node(node.incarnation);
  if (started) monitor.watch(started);
  await fleet.store.commit(parameterUpdates(context, facts.cache, node));
  if (follow !== null) return;
  // It leads, and the others take its data anew: nothing that was confirmed of them holds any longer.
  for (const { node: other } of facts.view.members)
    if (other !== node && other.synced) await invalidateSync(fleet.store, other.incarnation);
  await recovered(context, node);
}

/** A node that is filled anew keeps aside what it was told to keep; one that leads uses it. */
async function keepFiles(context: ShardContext, node: CacheNode, follow: CacheNode | null): Promise<void> {
  if (follow === null) return unmark(context.fleet, node);
  const kept = await keepMarked(context.fleet, node);
  if (!kept) return;
  const text = filesSetAside(node.cacheClusterId, kept.aside, kept.reason);
  await context.fleet.store.commit([memberEvent(context, node, text)]);
}

/**
 * What the engine will cut off the append-only file of one that died is kept first: after its start nothing is left
 * to keep. It costs a millisecond when the file is whole (measured; unfinished-write.ts).
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
  { cache }: ShardFacts,
  node: CacheNode,
  follow: CacheNode | null,
): Promise<void> {
  const { fleet } = context;
  if (node.handle === null) return;
  const state = await nodesFileOf(fleet, node);
  if (state.kind === 'fine') return;
  const recordAside = (aside: string, reason: string) =>
    fleet.store.commit([memberEvent(context, node, filesSetAside(node.cacheClusterId, aside, reason))]);
  if (state.kind === 'damaged') {
    const aside = await setNodesFileAside(fleet, node);
    faultPoint('mend:set-aside');
    await recordAside(aside, state.problem);
  }
  if (follow !== null && (await dataStateOf(fleet, cache, node)) === 'present')
    await recordAside(
      await setAside(fleet, node),
      `without its nodes.conf it is new to the cluster; it is rebuilt from ${follow.cacheClusterId}`,
    );
}

/** Only makes the first sync quicker: a primary that does not answer now is waited for elsewhere. */
async function prepareSync({ fleet }: ShardContext, primary: CacheNode): Promise<void> {
  try {
    await chooseSyncManner(fleet, await fleet.connections.of(primary));
  } catch (error) {
    fleet.log.debug('the manner of the next synchronisation was not chosen', { error });
  }
}

function fail(
  { fleet, startFailures }: ShardContext,
  node: CacheNode,
  kind: StartFailure['kind'],
  attempts: number,
  error: Error,
): void {
  const notBefore = fleet.clock.monotonic() + retryDelayMs(attempts);
  startFailures.set(node.incarnation, { kind, attempts, notBefore, error });
}

/** A node that had a process lost it, and nobody asked for that: an event, once per loss. */
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
  const isEmpty = follow === null && own?.data !== 'present' && view.shard.nodeGroupId !== '';
  if (isEmpty) changes.push(cacheEvent(context, cache, rebuiltEmpty(view.shard.nodeGroupId)));
  await context.fleet.store.commit(changes);
  context.recovering.set(node.incarnation, true);
}

/**
 * Bad files are set aside; a replica that fails for another reason is rebuilt from its primary on a fresh directory.
 * True when the node is not to be started now: it was to lead with its files, which are bad, and a living copy holds
 * more than what could be read of them.
 */
async function mend(
  context: ShardContext,
  { view }: ShardFacts,
  node: CacheNode,
  follow: CacheNode | null,
  failures: number,
): Promise<boolean> {
  const { fleet } = context;
  if (view.durability !== 'disabled') {
    const isLed = follow !== null;
    const copy = view.members.find((member) => member.node !== node && member.node.synced && !isDown(member));
    const repair = await repairDataFiles(fleet, node, { keepWhatCanBeRead: !isLed && !copy });
    if (repair) {
      faultPoint('mend:set-aside');
      const how = repair.isCut ? `${repair.reason} (what can be read is used)` : repair.reason;
      const text = filesSetAside(node.cacheClusterId, repair.aside, how);
      await fleet.store.commit([memberEvent(context, node, text)]);
      return !isLed && copy !== undefined;
    }
  }
  if (follow === null || failures !== rebuildAfter) return false;
  const aside = await setAside(fleet, node);
  const reason = `it did not start ${failures} times; it is rebuilt from ${follow.cacheClusterId}`;
  await fleet.store.commit([memberEvent(context, node, filesSetAside(node.cacheClusterId, aside, reason))]);
  return false;
}
