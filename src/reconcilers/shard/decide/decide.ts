/**
 * Who leads a shard, who follows, and what to do next. Pure: facts in, acts out; the same table serves creation,
 * reboot, failover, switchover, the return of a whole machine and the return of Limber itself.
 *
 * The rules (DESIGN 4, 5, 6), each where it is applied below:
 * - A member that may have lost its data never leads while another copy lives.
 * - Nobody is promoted before the old primary was seen dead.
 * - Who is to lead is recorded before the promotion (`targetPrimary`), who leads (`currentPrimary`)
 *   after the engine confirmed it.
 * - A replica that was never confirmed to hold the data is never promoted.
 * - A member that is to leave stays when nobody else holds the data any more (`last-copy.ts`).
 */

import { describeStranger } from '../../cluster-bus/stranger-log.ts';
import type { EngineFacts, Member, ShardView } from '../view.ts';
import { endpointOf, isCandidate, isDown, isFedBy, mostCaughtUp } from '../view.ts';
import { decideDeadPrimary } from './dead-primary.ts';
import {
  doesNotAnswer,
  doing,
  isAnswering,
  isToBeForced,
  leads,
  name,
  patienceMs,
  type ShardDecision,
  startAll,
  waiting,
  waitingFor,
} from './decision.ts';
import { decideDeposedPrimary, decideElected, findElected } from './deposed-primary.ts';
import { decideFollowers } from './followers.ts';
import { neededAgain } from './last-copy.ts';
import { decideLostSlots } from './lost-slots.ts';
import { decideMemcached } from './memcached.ts';
import { decideUnfinishedPromotion, switchoversMax } from './unfinished-promotion.ts';

/** A Memcached cluster is seen as a shard without an id. */
export const decide = (view: ShardView): ShardDecision =>
  view.shard.nodeGroupId === '' ? decideMemcached(view.members) : decideShard(view);

export const decideShard = (view: ShardView): ShardDecision => withStrangers(view, decideMembers(view));

function decideMembers(view: ShardView): ShardDecision {
  const { shard, members } = view;
  const find = (incarnation: string | null) =>
    members.find((member) => member.node.incarnation === incarnation) ?? null;
  const current = find(shard.currentPrimary);
  const target = find(shard.targetPrimary);
  const needed = neededAgain(view);
  if (needed)
    return doing(
      needed.sentence,
      ...needed.members.map(({ node }) => ({ kind: 'withdraw-tombstone', node: node.incarnation }) as const),
    );
  if (members.length === 0) return { sentence: 'no members', acts: [], isSettled: true };
  if (view.isForming) return decideForming(view);
  const refilled = members.filter(({ node, engine }) => node.synced && engine?.wasRefilled);
  if (refilled.length > 0) return decideInvalidSync(refilled, 'was filled anew since it was confirmed');
  if (shard.targetPrimary !== shard.currentPrimary && target)
    return decideUnfinishedPromotion(view, current, target);
  // It was removed before it led, or by somebody who did not know: nobody can wait for it to lead.
  if (shard.targetPrimary !== shard.currentPrimary && current)
    return doing(`who was chosen to lead is no member any more: back to ${name(current)}`, {
      kind: 'set-target-primary',
      node: current.node.incarnation,
      reason: 'found',
    });
  if (!current) return decideWithoutPrimary(view);
  if (isDown(current)) return decideDeadPrimary(view, current);
  if (current.verdict === 'hung') return decideHungPrimary(view, current);
  const elected = isAnswering(current) ? null : findElected(view, current);
  if (elected) return decideElected(elected);
  if (isToBeForced(current)) return decideForcedRestart(view, current);
  if (!isAnswering(current))
    return decideFollowers(view, current, `${name(current)} leads but ${doesNotAnswer(current)}`);
  if (current.engine.role === 'replica') return decideDeposedPrimary(view, current);
  const strangers = current.engine.isLoading ? [] : ofAnotherHistory(view, current);
  if (strangers.length > 0)
    return decideInvalidSync(strangers, `was confirmed of another history than ${name(current)} has now`);
  if (!leads(current)) return decideLostSlots(view, current);
  if (current.node.intent === 'restarting') return decideRestartOfPrimary(view, current);
  const { isLoading } = current.engine;
  return decideFollowers(view, current, isLoading ? `${name(current)} is loading its data` : null);
}

/** While somebody is on its cluster bus who is in no record, a shard is not well, whatever its members say. */
function withStrangers({ strangers = [] }: ShardView, decision: ShardDecision): ShardDecision {
  if (!decision.isSettled || strangers.length === 0) return decision;
  return {
    ...decision,
    sentence: [decision.sentence, ...strangers.map(describeStranger)].join('; '),
    isSettled: !strangers.some(({ isInside, isOurs }) => isInside && !isOurs),
  };
}

/** Takes back what was confirmed of these replicas, before anything else is decided on it. */
const decideInvalidSync = (members: readonly Member[], why: string): ShardDecision =>
  doing(
    `${members.map(name).join(', ')} ${why}`,
    ...members.map((member) => ({ kind: 'invalidate-sync', node: member.node.incarnation }) as const),
  );

/** The primary has started with its own files since its replicas were confirmed: they will be filled anew. */
function ofAnotherHistory(view: ShardView, current: Member & { engine: EngineFacts }): Member[] {
  const { replicationId, replicationId2 } = current.engine;
  return view.members.filter(
    ({ node, engine }) =>
      node.synced &&
      engine?.role === 'replica' &&
      engine.follows === endpointOf(current.node) &&
      engine.replicationId !== replicationId &&
      engine.replicationId !== replicationId2,
  );
}

/**
 * Before a cluster is formed no node has data or slots: all of them only have to run. One that is silent for long is killed
 * and started again: Valkey 8.1 sometimes turns in an endless loop when it hears who follows whom in an unlucky order
 * (1 of 33 clusters of 3x(1+2) on a busy machine).
 */
function decideForming(view: ShardView): ShardDecision {
  if (view.members.some(isDown)) return startAll(view);
  const stuck = view.members.find(
    ({ verdict, silentMs = 0 }) =>
      verdict === 'hung' || (verdict === 'unresponsive' && silentMs >= patienceMs),
  );
  if (stuck)
    return doing(`${name(stuck)} does not answer and has no data yet: it is killed and started again`, {
      kind: 'fence',
      node: stuck.node.incarnation,
      reason: 'it did not answer while its cluster was being formed',
    });
  const silent = view.members.find((member) => !isAnswering(member));
  if (silent) return waiting(`${name(silent)} does not answer yet`);
  return { sentence: 'all nodes answer; the cluster is being formed', acts: [], isSettled: true };
}

/** Nobody is recorded, or the recorded one was removed: the first member of a new shard, else a living copy. */
function decideWithoutPrimary(view: ShardView): ShardDecision {
  const best = view.members.find(leads) ?? mostCaughtUp(view.members);
  const chosen =
    best ?? (view.members.every((member) => member.node.handle === null) ? view.members[0] : null);
  if (!chosen) return waiting('no member is known to hold the data; nobody is promoted');
  return doing(`${name(chosen)} is chosen to lead`, {
    kind: 'set-target-primary',
    node: chosen.node.incarnation,
    reason: 'found',
  });
}

/** The process of the primary exists and makes no progress. */
function decideHungPrimary(view: ShardView, current: Member): ShardDecision {
  if (view.durability === 'sync' && current.keepsData !== false)
    return doing(`${name(current)} hangs: it is killed and comes back with its own files`, {
      kind: 'fence',
      node: current.node.incarnation,
    });
  const best = mostCaughtUp(view.members.filter((member) => member !== current));
  const isFailover = view.automaticFailover || view.clusterMode === 'enabled';
  if (best)
    return doing(
      `${name(current)} hangs: it is killed, then ${isFailover ? `${name(best)} leads` : `it takes the data from ${name(best)}`}`,
      { kind: 'fence', node: current.node.incarnation },
    );
  const busy = view.members.find(
    ({ node, verdict }) => node !== current.node && node.synced && verdict === 'unresponsive',
  );
  if (busy) return waitingFor(busy, `${name(current)} hangs, and ${name(busy)} ${doesNotAnswer(busy)}`);
  return waiting(`${name(current)} hangs; its data are nowhere else, so it is left alone`);
}

/**
 * A restart of the primary was asked for, and a client keeps it from answering: an endless script, a pause. It cannot hand
 * over, so that it fails over, as if it hung; what is nowhere else is kept from that by the same rules as in any restart.
 */
function decideForcedRestart(view: ShardView, current: Member): ShardDecision {
  const others = view.members.filter((member) => member !== current);
  const best = mostCaughtUp(
    others.filter(({ node, isLagging }) => node.intent === 'running' && isLagging !== true),
  );
  if (best)
    return doing(
      `${name(current)} ${doesNotAnswer(current)}; it is killed for its restart: ${name(best)} has its data`,
      {
        kind: 'fence',
        node: current.node.incarnation,
      },
    );
  const isInMemoryOnly = view.durability === 'disabled' || current.keepsData === false;
  if (isInMemoryOnly && others.length > 0)
    return decideFollowers(
      view,
      current,
      `${name(current)} ${doesNotAnswer(current)}, and restarts once a replica holds its data`,
    );
  return doing(`${name(current)} ${doesNotAnswer(current)}; it is stopped for its restart`, {
    kind: 'end',
    node: current.node.incarnation,
  });
}

/** A restart of the primary was asked for. Where another can lead without loss, it does first. */
function decideRestartOfPrimary(view: ShardView, current: Member): ShardDecision {
  if ((view.restartFailures ?? 0) >= switchoversMax)
    return decideFollowers(
      view,
      current,
      `${name(current)} could not hand over; it is tried again in half a minute`,
    );
  const best = mostCaughtUp(
    view.members.filter((member) => member !== current && member.node.intent === 'running'),
  );
  if (best && (view.automaticFailover || view.clusterMode === 'enabled'))
    return doing(`${name(best)} takes over before ${name(current)} restarts`, {
      kind: 'set-target-primary',
      node: best.node.incarnation,
      reason: 'switchover',
    });
  // What the primary holds is nowhere else yet: the others take it first.
  const others = view.members.filter((member) => member !== current);
  const isFed = (member: Member) => isCandidate(member) && isFedBy(member, current.node);
  const isInMemoryOnly = view.durability === 'disabled' || current.keepsData === false;
  if (isInMemoryOnly && others.length > 0 && !others.some(isFed))
    return decideFollowers(view, current, `${name(current)} restarts once a replica holds its data`);
  return doing(`${name(current)} is stopped for its restart`, {
    kind: 'end',
    node: current.node.incarnation,
  });
}
