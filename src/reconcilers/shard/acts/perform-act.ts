/** Does what `decide` chose. Every act may be repeated: it checks by its effect whether it is done already. */
import { setTimeout as delay } from 'node:timers/promises';
import {
  type CacheSource,
  cacheNodeShutdown,
  failoverCompleted,
  nodeDied,
  olderCopyLeads,
} from '../../../catalog/events.ts';
import { readInfo } from '../../../engines/valkey/info.ts';
import { confirmSynced, promote, replicateFrom } from '../../../engines/valkey/replication.ts';
import { acceptWrites, refuseWrites } from '../../../engines/valkey/switchover.ts';
import { dataStateOf } from '../../../fleet/data-files.ts';
import { durabilityOf } from '../../../fleet/launch.ts';
import { writeCondition } from '../../../fleet/parameters.ts';
import { updateNode } from '../../../fleet/start-node.ts';
import type { CacheNode } from '../../../model/node.ts';
import type { Cache } from '../../../model/resource.ts';
import { faultPoint } from '../../../platform/fault-points.ts';
import { keyText, type ShardContext } from '../context.ts';
import type { ShardAct } from '../decide/decision.ts';
import { copiesBeside, countsOnItsFiles, type FinalAct, heirsOf, whyNotDue } from '../decide/recheck.ts';
import { sharesHistory } from '../decide/shares-history.ts';
import { observeShard, type ShardFacts } from '../observe/observe-shard.ts';
import { recordDoubt, tellCache, tellMember, updateNodeGroup } from '../record.ts';
import { recovered } from '../recovery.ts';
import { bringUp } from './bring-up.ts';
import { claimShardSlots } from './claim-slots.ts';
import { clusterFollow, clusterSwitchover, clusterTakeOver } from './cluster-follow.ts';
import { stepDown } from './demote.ts';
import { passOnWrites } from './drain-writes.ts';
import { bindEndpoints } from './endpoints.ts';
import { prepareLaggingLead } from './lagging-lead.ts';
import { switchOver } from './switchover.ts';

/** Long enough for a full synchronisation's last moments; the pass after looks again. */
const confirmDeadlineMs = 1_000;
const fenceDeadlineMs = 5_000;

export async function performAct(context: ShardContext, facts: ShardFacts, act: ShardAct): Promise<void> {
  const node = (incarnation: string): CacheNode => {
    const member = facts.view.members.find((one) => one.node.incarnation === incarnation);
    if (!member) throw new Error(`node ${incarnation} is no member of this shard`);
    return member.node;
  };
  switch (act.kind) {
    case 'start':
      if (countsOnItsFiles(facts.view, act)) await lookAgain(context, facts, act);
      return bringUp(context, facts, node(act.node), act.follow === null ? null : node(act.follow));
    case 'end':
      return end(context, await lookAgain(context, facts, act), act.node);
    case 'fence':
      return fence(context, await lookAgain(context, facts, act), act.node);
    case 'intend':
      return intend(context, facts, act.node, act.reason);
    case 'promote':
      return promoteNode(context, facts, node(act.node));
    case 'switchover':
      return handOver(context, facts, node(act.from), node(act.to));
    case 'confirm-primary':
      return confirmPrimary(context, facts, node(act.node));
    case 'follow':
      return follow(context, facts, node(act.node), node(act.primary));
    case 'doubt':
      return recordDoubt(context.fleet.store, act.node);
    case 'confirm-synced':
      return confirm(context, facts, node(act.node), node(act.primary));
    case 'lend-lead':
      return lendLeadAlone(context, facts, node(act.node));
    case 'claim-slots':
      return claimShardSlots(context, facts, node(act.node));
    case 'restore-lead':
      return restoreLead(context, facts.cache, node(act.from), node(act.to));
    default:
      return act satisfies never;
  }
}

/** Fresh facts, which call for the same act. Throws when they do not: then nothing is killed, and decided anew. */
async function lookAgain(
  context: ShardContext,
  { cache, view }: ShardFacts,
  act: FinalAct,
): Promise<ShardFacts> {
  const { cacheIncarnation, nodeGroupId } = view.shard;
  const fresh = await observeShard(context, {
    cacheKind: cache.kind,
    cacheIncarnation,
    nodeGroupId: nodeGroupId === '' ? null : nodeGroupId,
  });
  const reason = fresh ? whyNotDue(fresh.view, act) : 'the cache is gone';
  if (!fresh || reason !== null) throw new Error(`things have changed since that was decided: ${reason}`);
  // The other members took their time to answer, and an empty primary wipes its replicas.
  const node = nodeIn(fresh, act.node);
  if (countsOnItsFiles(fresh.view, act) && (await dataStateOf(context.fleet, cache, node)) !== 'present')
    throw new Error(`the files of ${node.cacheClusterId} have just vanished`);
  return fresh;
}

/** At the moment of the signal, by /proc: a death shows there at once, and so does a suspension. */
function requireLivingCopies({ fleet }: ShardContext, { view }: ShardFacts, incarnation: string): void {
  for (const { node } of copiesBeside(view, incarnation))
    if (node.handle && fleet.runtime.inspect(node.handle).kind !== 'running')
      throw new Error(`${node.cacheClusterId}, which holds the same data, has just died or been suspended`);
}

const nodeIn = ({ view }: ShardFacts, incarnation: string): CacheNode =>
  view.members.find((member) => member.node.incarnation === incarnation)!.node;

async function end(context: ShardContext, fresh: ShardFacts, incarnation: string): Promise<void> {
  const node = nodeIn(fresh, incarnation);
  if (!node.handle) return;
  const check = () => requireLivingCopies(context, fresh, incarnation);
  const heirs = heirsOf(fresh.view, incarnation).map((heir) => heir.node);
  if (heirs.length === 0) check();
  else await counted(context, fresh, () => passOnWrites(context, fresh.cache, { from: node, heirs }, check));
  context.fleet.connections.drop(node.incarnation);
  // Memcached has nothing to put in order, and takes a second to notice.
  const graceMs = node.engine === 'memcached' ? 0 : 5_000;
  await context.fleet.runtime.stop(node.handle, { graceMs });
  faultPoint('end:stopped');
  await context.fleet.store.commit([tellMember(context, node, cacheNodeShutdown(node.cacheNodeId))]);
}

async function fence(context: ShardContext, fresh: ShardFacts, incarnation: string): Promise<void> {
  const node = nodeIn(fresh, incarnation);
  if (!node.handle) return;
  requireLivingCopies(context, fresh, incarnation);
  const outcome = await context.fleet.runtime.fence(node.handle, { deadlineMs: fenceDeadlineMs });
  faultPoint('fence:done');
  if (outcome === 'unknown')
    throw new Error(
      `${node.cacheClusterId} (process ${node.handle.pid}) was killed and its exit was not seen`,
    );
  await context.fleet.store.commit([
    tellMember(
      context,
      node,
      nodeDied(node.cacheClusterId, node.cacheNodeId, 'it made no progress and was killed'),
    ),
  ]);
}

async function intend(
  context: ShardContext,
  facts: ShardFacts,
  incarnation: string,
  reason: 'failover' | 'switchover' | 'found',
): Promise<void> {
  if (incarnation === facts.view.shard.currentPrimary) await leadOn(context, facts, incarnation);
  await updateNodeGroup(context.fleet.store, facts.view.shard, (shard) => ({
    ...shard,
    targetPrimary: incarnation,
    // Nobody led before: there is nothing to hand over.
    currentPrimary: shard.currentPrimary ?? (reason === 'found' ? incarnation : null),
  }));
  faultPoint(`${reason}:intended`);
}

/** A hand-over was given up: the primary goes on, and takes writes again if it refused them for that. Before the record. */
async function leadOn(context: ShardContext, facts: ShardFacts, incarnation: string): Promise<void> {
  const member = facts.view.members.find((one) => one.node.incarnation === incarnation);
  if (member?.engine?.role !== 'primary') return;
  const connection = await context.fleet.connections.of(member.node);
  await acceptWrites(connection, await writeCondition(context.fleet.store, facts.cache));
}

async function promoteNode(context: ShardContext, facts: ShardFacts, node: CacheNode): Promise<void> {
  const connection = await context.fleet.connections.of(node);
  const tellings = [...(await prepareLaggingLead(context, facts, node))];
  if (facts.view.clusterMode === 'enabled') {
    await clusterTakeOver(context, node, connection);
    faultPoint('failover:taken-over');
  } else {
    await promote(connection);
    faultPoint('failover:promoted');
    // At once: clients wait for nothing but this. The old primary was seen dead.
    await bindEndpoints(context, facts, node.incarnation);
  }
  if (!node.synced) tellings.push(tellMember(context, node, olderCopyLeads(node.cacheClusterId)));
  if (tellings.length > 0) await context.fleet.store.commit(tellings);
}

async function handOver(
  context: ShardContext,
  facts: ShardFacts,
  from: CacheNode,
  to: CacheNode,
): Promise<void> {
  await counted(context, facts, () =>
    facts.view.clusterMode === 'enabled'
      ? clusterSwitchover(context, from, to)
      : switchOver(context, facts, from, to),
  );
}

/** Planned work that writers wait for: it is tried a few times only when it fails again and again. */
async function counted(context: ShardContext, facts: ShardFacts, work: () => Promise<void>): Promise<void> {
  const key = keyText(facts.view.shard);
  try {
    await work();
    context.handOverFailures.delete(key);
  } catch (error) {
    const count = facts.view.handOverFailures + 1;
    context.handOverFailures.set(key, { count, at: context.fleet.clock.monotonic() });
    throw error;
  }
}

/** The engine says that it leads: record it, and tell. */
async function confirmPrimary(context: ShardContext, facts: ShardFacts, node: CacheNode): Promise<void> {
  const { shard, members } = facts.view;
  const before = members.find((member) => member.node.incarnation === shard.currentPrimary)?.node;
  const told = (source: CacheSource) =>
    failoverCompleted(source, before?.cacheClusterId ?? '', node.cacheClusterId);
  const isMove = shard.currentPrimary !== null && shard.currentPrimary !== node.incarnation;
  // It may have led before without taking writes, for another one's sake. First: behind the record nobody looks again.
  const connection = await context.fleet.connections.of(node);
  await acceptWrites(connection, await writeCondition(context.fleet.store, facts.cache));
  await updateNodeGroup(
    context.fleet.store,
    shard,
    (row) => ({ ...row, currentPrimary: node.incarnation, targetPrimary: node.incarnation }),
    isMove
      ? [
          tellMember(context, node, told('cache-cluster')),
          tellCache(context, facts.cache, told('replication-group')),
        ]
      : [],
  );
  context.handOverFailures.delete(keyText(shard));
  faultPoint('failover:confirmed');
  await updateNode(context.fleet, node.incarnation, (row) => ({ ...row, role: 'primary', synced: true }));
  if (before) await updateNode(context.fleet, before.incarnation, (row) => ({ ...row, role: 'replica' }));
}

async function follow(
  context: ShardContext,
  facts: ShardFacts,
  node: CacheNode,
  primary: CacheNode,
): Promise<void> {
  const connection = await context.fleet.connections.of(node);
  const [own, leader] = [node, primary].map(
    ({ incarnation }) => facts.view.members.find((member) => member.node.incarnation === incarnation)?.engine,
  );
  if (!own || !leader || !sharesHistory(own, leader))
    await recordDoubt(context.fleet.store, node.incarnation);
  if (facts.view.clusterMode === 'enabled') return clusterFollow(context, node, primary);
  await replicateFrom(connection, primary);
  faultPoint('follow:told');
  // A former primary refused writes while it handed over; a replica refuses them anyway.
  await acceptWrites(connection, await writeCondition(context.fleet.store, facts.cache));
}

async function confirm(
  context: ShardContext,
  facts: ShardFacts,
  node: CacheNode,
  primary: CacheNode,
): Promise<void> {
  const connection = await context.fleet.connections.of(primary);
  const confirmed = await confirmSynced(connection, [node], confirmDeadlineMs);
  if (confirmed.length === 0) return;
  if (facts.view.durability !== 'disabled' && !(await isOnDisk(context, node))) return;
  await recovered(context, node);
  await updateNode(context.fleet, node.incarnation, (row) => ({ ...row, synced: true, role: 'replica' }));
}

/**
 * After a full sync a replica writes its append-only file anew, and until that is whole a start finds nothing of what
 * it acknowledges: it must not lead where acknowledged means kept.
 */
async function isOnDisk({ fleet }: ShardContext, node: CacheNode): Promise<boolean> {
  const connection = await fleet.connections.of(node);
  const deadline = fleet.clock.monotonic() + confirmDeadlineMs;
  for (;;) {
    const { fields } = await readInfo(connection);
    const isWriting =
      fields.get('aof_rewrite_in_progress') !== '0' || fields.get('aof_rewrite_scheduled') !== '0';
    if (!isWriting) return fields.get('aof_last_bgrewrite_status') === 'ok';
    if (fleet.clock.monotonic() > deadline) return false;
    await delay(10);
  }
}

/** The primary is down: it takes its data from this one when it comes back. */
async function lendLeadAlone(context: ShardContext, facts: ShardFacts, node: CacheNode): Promise<void> {
  const tellings = await prepareLaggingLead(context, facts, node);
  await lendLead(context, node);
  if (tellings.length > 0) await context.fleet.store.commit(tellings);
}

async function lendLead(context: ShardContext, node: CacheNode): Promise<void> {
  const connection = await context.fleet.connections.of(node);
  await refuseWrites(connection);
  await promote(connection);
  faultPoint('restore-lead:source-leads');
  if (node.synced) return;
  // Until then nobody knew whether it holds everything; now the shard's data are what it holds.
  await updateNode(context.fleet, node.incarnation, (row) => ({ ...row, synced: true }));
  await context.fleet.store.commit([tellMember(context, node, olderCopyLeads(node.cacheClusterId))]);
}

/**
 * Automatic failover is disabled and the primary came back as a replica of a living copy. The copy leads, refusing
 * every client's write, until the primary holds all its data; then the primary leads again. Whoever dies in between:
 * the copy still refuses writes, so there are never two that take them.
 */
async function restoreLead(
  context: ShardContext,
  cache: Cache,
  from: CacheNode,
  to: CacheNode,
): Promise<void> {
  await lendLead(context, from);
  const [source, former] = await Promise.all([
    context.fleet.connections.of(from),
    context.fleet.connections.of(to),
  ]);
  await replicateFrom(former, from);
  const deadline = context.fleet.clock.monotonic() + 30_000;
  while ((await confirmSynced(source, [to], confirmDeadlineMs)).length === 0) {
    if (context.fleet.clock.monotonic() > deadline)
      throw new Error(`${to.cacheClusterId} has not taken the data from ${from.cacheClusterId} yet`);
    await delay(50);
  }
  // What it acknowledges from now on has to outlive its process, and until its file is whole that would not.
  while (durabilityOf(cache) === 'sync' && !(await isOnDisk(context, to))) {
    if (context.fleet.clock.monotonic() > deadline)
      throw new Error(`${to.cacheClusterId} has not written the data to its disk yet`);
    await delay(50);
  }
  faultPoint('restore-lead:synced');
  await promote(former);
  faultPoint('restore-lead:restored');
  await stepDown(context, from, to);
  faultPoint('restore-lead:source-follows');
  await acceptWrites(source, await writeCondition(context.fleet.store, cache));
  await updateNode(context.fleet, to.incarnation, (row) => ({ ...row, role: 'primary', synced: true }));
  await updateNode(context.fleet, from.incarnation, (row) => ({ ...row, role: 'replica' }));
}
