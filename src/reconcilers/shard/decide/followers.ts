/** The primary stands: what every other member needs in order to follow it. Pure. */

import { isConfigured } from '../../../model/node.ts';
import type { Member, ShardView } from '../view.ts';
import { endpointOf, isDown } from '../view.ts';
import {
  doesNotAnswer,
  doing,
  isAnswering,
  isToBeForced,
  name,
  type ShardAct,
  type ShardDecision,
  startedAgain,
  waiting,
} from './decision.ts';

/** The primary stands: bring every other member to follow it. */
export function decideFollowers(view: ShardView, primary: Member, caution: string | null): ShardDecision {
  const acts: ShardAct[] = [];
  const waits: string[] = caution ? [caution] : [];
  for (const member of view.members) {
    const next = member === primary ? applyConfig(primary) : decideFollower(view, member, primary);
    if (typeof next === 'string') waits.push(next);
    else if (next) acts.push(next);
  }
  if (acts.length > 0) return doing(acts.map((act) => describe(view, act)).join('; '), ...acts);
  if (waits.length > 0) return waiting(waits.join('; '));
  return { sentence: `${name(primary)} leads and every member follows it`, acts: [], isSettled: true };
}

/** The act for a member that does not run with its target configuration; null when it does, or does not answer. */
function applyConfig(member: Member): ShardAct | null {
  if (!isAnswering(member) || isConfigured(member.node)) return null;
  return { kind: 'apply-config', node: member.node.incarnation };
}

/** The one thing that a member needs; a sentence when it must be waited for; null when it is well. */
function decideFollower(view: ShardView, member: Member, primary: Member): ShardAct | string | null {
  const node = member.node.incarnation;
  const leader = primary.node.incarnation;
  if (isDown(member)) {
    if (member.isBackingOff) return startedAgain(member);
    // While the primary does not answer, the engines may have made it a replica of this very member: it would take
    // its data anew from the empty process that comes back there.
    if (view.clusterMode === 'enabled' && !isAnswering(primary))
      return `${name(member)} is started when ${name(primary)} answers`;
    return { kind: 'start', node, follow: leader };
  }
  if (member.verdict === 'hung') {
    // A replica that hangs may be the only copy that is left: the primary has to be well before it is killed.
    return isAnswering(primary) ? { kind: 'fence', node } : `${name(member)} hangs`;
  }
  if (isToBeForced(member) && isAnswering(primary)) return { kind: 'end', node };
  if (!isAnswering(member)) return `${name(member)} ${doesNotAnswer(member)}`;
  if (!isAnswering(primary)) return applyConfig(member);
  if (member.node.intent === 'restarting') return { kind: 'end', node };
  if (primary.engine.isLoading) return `${name(primary)} is loading its data`;
  if (member.engine.role === 'primary' || member.engine.follows !== endpointOf(primary.node))
    return { kind: 'follow', node, primary: leader };
  const configuring = applyConfig(member);
  if (configuring) return configuring;
  if (member.engine.isLoading || member.engine.isSyncing)
    return member.node.synced ? { kind: 'invalidate-sync', node } : `${name(member)} is loading the data`;
  if (!member.node.synced) return { kind: 'confirm-synced', node, primary: leader };
  if (!member.engine.isLinkUp) return `${name(member)} has no link to ${name(primary)}`;
  return null;
}

function describe(view: ShardView, act: ShardAct): string {
  const of = (incarnation: string) =>
    view.members.find((member) => member.node.incarnation === incarnation)?.node.cacheClusterId ??
    incarnation;
  switch (act.kind) {
    case 'start':
      return `${of(act.node)} is started${act.follow ? ` as a replica of ${of(act.follow)}` : ''}`;
    case 'follow':
      return `${of(act.node)} is told to follow ${of(act.primary)}`;
    case 'confirm-synced':
      return `${of(act.node)} is asked whether it holds all data`;
    case 'apply-config':
      return `${of(act.node)} gets its present configuration`;
    case 'invalidate-sync':
      return `${of(act.node)} is filled anew`;
    case 'fence':
      return `${of(act.node)} hangs and is killed`;
    case 'end':
      return `${of(act.node)} is stopped for its restart`;
    default:
      return act.kind;
  }
}
