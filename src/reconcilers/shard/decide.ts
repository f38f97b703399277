/**
 * Who leads a shard, who follows, and what to do next. Pure: facts in, acts out; the same table serves creation,
 * reboot, failover, switchover, the return of a whole machine and the return of Limber itself.
 *
 * The rules (DESIGN 4, 5, 6), each where it is applied below:
 * - A member that may have lost its data never leads while another copy lives.
 * - Nobody is promoted before the old primary was seen dead.
 * - A promotion is recorded as intended before it is done, and as done after the engine confirmed it.
 * - A replica that was never confirmed to hold the data is never promoted.
 */
import type { EngineFacts, Member, ShardView } from './view.ts';
import { endpointOf, holdsOlderCopy, isCandidate, mostCaughtUp } from './view.ts';

export type ShardAct =
  /** Start the process. `follow`: it comes up as a replica of that node (its config says so); null: it may lead. */
  | { readonly kind: 'start'; readonly node: string; readonly follow: string | null }
  /** End the process in good order, because a restart was asked for. */
  | { readonly kind: 'end'; readonly node: string }
  /** SIGKILL and see it dead. */
  | { readonly kind: 'fence'; readonly node: string }
  /** Record who is to lead. */
  | { readonly kind: 'intend'; readonly node: string; readonly reason: 'failover' | 'switchover' | 'found' }
  /** Make a replica the primary; the old one is dead. */
  | { readonly kind: 'promote'; readonly node: string }
  /** Planned: hand over from a living primary without losing a write. */
  | { readonly kind: 'switchover'; readonly from: string; readonly to: string }
  /** The engine confirms that the intended primary leads: record it. */
  | { readonly kind: 'confirm-primary'; readonly node: string }
  /** Make a living node follow the primary. */
  | { readonly kind: 'follow'; readonly node: string; readonly primary: string }
  /** The replica is being filled anew: what was confirmed of it holds no longer. */
  | { readonly kind: 'doubt'; readonly node: string }
  /** Find out whether a replica holds everything that the primary acknowledged, and record it. */
  | { readonly kind: 'confirm-synced'; readonly node: string; readonly primary: string }
  /** Let a living copy lead without taking writes, so that the old primary can take its data from it. */
  | { readonly kind: 'lend-lead'; readonly node: string }
  /** Let a living copy feed the old primary, which then takes the lead again (automatic failover disabled). */
  | { readonly kind: 'restore-lead'; readonly from: string; readonly to: string };

export interface ShardDecision {
  /** What is done or waited for, for people; tests assert it. */
  readonly sentence: string;
  /** To be done side by side. None: settled, or waiting (`isSettled` says which). */
  readonly acts: readonly ShardAct[];
  readonly isSettled: boolean;
}

/** Each attempt costs the writers up to a second. */
const handOversMax = 3;

const doing = (sentence: string, ...acts: ShardAct[]): ShardDecision => ({
  sentence,
  acts,
  isSettled: false,
});
const waiting = (sentence: string): ShardDecision => ({ sentence, acts: [], isSettled: false });

const isAnswering = (member: Member): member is Member & { engine: EngineFacts } => member.engine !== null;
const isDown = (member: Member): boolean => member.verdict === 'dead' || member.verdict === 'absent';
const name = (member: Member): string => member.node.cacheClusterId;
const doesNotAnswer = ({ silence }: Member): string =>
  silence ? `does not answer at present: ${silence}` : 'does not answer at present';

export function decideShard(view: ShardView): ShardDecision {
  const { shard, members } = view;
  const find = (incarnation: string | null) =>
    members.find((member) => member.node.incarnation === incarnation) ?? null;
  const current = find(shard.currentPrimary);
  const target = find(shard.targetPrimary);
  if (members.length === 0) return { sentence: 'no members', acts: [], isSettled: true };
  if (view.isForming) return decideForming(view);
  if (shard.targetPrimary !== shard.currentPrimary && target) return decideHandOver(view, current, target);
  if (!current) return decideWithoutPrimary(view);
  if (isDown(current)) return decideDeadPrimary(view, current);
  if (current.verdict === 'hung') return decideHungPrimary(view, current);
  if (!isAnswering(current))
    return decideFollowers(view, current, `${name(current)} leads but ${doesNotAnswer(current)}`);
  if (current.engine.role === 'replica') return decideDeposedPrimary(view, current);
  if (current.node.intent === 'restarting') return decideRestartOfPrimary(view, current);
  return decideFollowers(view, current, null);
}

/** Before a cluster is formed no node has data or slots: all of them only have to run. */
function decideForming(view: ShardView): ShardDecision {
  if (view.members.some(isDown)) return startAll(view);
  const silent = view.members.find((member) => !isAnswering(member));
  if (silent) return waiting(`${name(silent)} does not answer yet`);
  return { sentence: 'all nodes answer; the cluster is being formed', acts: [], isSettled: true };
}

/** A promotion was recorded and is not confirmed: finish it, or give it up where it cannot be done any more. */
function decideHandOver(view: ShardView, current: Member | null, target: Member): ShardDecision {
  const to = target.node.incarnation;
  if (isAnswering(target) && target.engine.role === 'primary' && (!current || !leads(current)))
    return doing(`${name(target)} leads now`, { kind: 'confirm-primary', node: to });
  // It may have been promoted already, and take writes: nobody else leads, or goes on leading, before that is known.
  if (target.verdict === 'unresponsive')
    return waiting(`${name(target)} was chosen to lead and does not answer yet`);
  if (target.verdict === 'hung') return decideHungTarget(view, current, target);
  if (current?.verdict === 'hung' && isCandidate(target))
    return doing(`${name(current)} hangs: it is killed before ${name(target)} leads`, {
      kind: 'fence',
      node: current.node.incarnation,
    });
  if (current && isDown(current) && view.durability === 'sync' && current.data === 'present')
    return doing(
      `${name(current)} died before ${name(target)} led; its files hold every acknowledged write`,
      {
        kind: 'intend',
        node: current.node.incarnation,
        reason: 'found',
      },
    );
  if (target.data === 'present' && current?.data === 'missing')
    return startAlone(target, `it has its files, and ${name(current)} lost its own`);
  const isLed = current !== null && !isDown(current) && !(isAnswering(current) && !leads(current));
  if (isLed) {
    if (isCandidate(target) && view.handOverFailures < handOversMax)
      return doing(`${name(current)} hands over to ${name(target)}`, {
        kind: 'switchover',
        from: current.node.incarnation,
        to,
      });
    return doing(`${name(target)} cannot take over any more: ${name(current)} goes on leading`, {
      kind: 'intend',
      node: current.node.incarnation,
      reason: 'found',
    });
  }
  const isLastResort = current !== null && current.data !== 'present' && holdsOlderCopy(target);
  if (isCandidate(target) || (isLastResort && !mostCaughtUp(view.members)))
    return doing(`${name(target)} is promoted`, { kind: 'promote', node: to });
  const other = mostCaughtUp(view.members);
  if (other)
    return doing(`${name(target)} failed before it led: ${name(other)} is chosen instead`, {
      kind: 'intend',
      node: other.node.incarnation,
      reason: 'failover',
    });
  if (current)
    return doing(`${name(target)} failed before it led: back to ${name(current)}`, {
      kind: 'intend',
      node: current.node.incarnation,
      reason: 'found',
    });
  return startAlone(target, 'the chosen primary comes back first');
}

/** The chosen primary hangs, with the endpoint or without. A living copy can do without it. */
function decideHungTarget(view: ShardView, current: Member | null, target: Member): ShardDecision {
  if (!(current && leads(current)) && !mostCaughtUp(view.members))
    return waiting(`${name(target)} was chosen to lead and hangs; its data are nowhere else`);
  return doing(`${name(target)} was chosen to lead and hangs: it is killed before another leads`, {
    kind: 'fence',
    node: target.node.incarnation,
  });
}

const leads = (member: Member): boolean => isAnswering(member) && member.engine.role === 'primary';

/** Nobody is recorded, or the recorded one was removed: the first member of a new shard, else a living copy. */
function decideWithoutPrimary(view: ShardView): ShardDecision {
  const best = view.members.find(leads) ?? mostCaughtUp(view.members);
  const chosen =
    best ?? (view.members.every((member) => member.node.handle === null) ? view.members[0] : null);
  if (!chosen) return waiting('no member is known to hold the data; nobody is promoted');
  return doing(`${name(chosen)} is chosen to lead`, {
    kind: 'intend',
    node: chosen.node.incarnation,
    reason: 'found',
  });
}

/** The recorded primary has no process. */
function decideDeadPrimary(view: ShardView, current: Member): ShardDecision {
  const others = view.members.filter((member) => member !== current);
  // Offsets compare only within one history: who has not been told of this primary yet counts when nobody else does.
  const own = others.filter((member) => leads(member) || member.engine?.follows === endpointOf(current.node));
  const best = mostCaughtUp(own) ?? mostCaughtUp(others);
  // Its own file holds every write that was acknowledged, which no replica is proven to.
  if (view.durability === 'sync' && current.data === 'present')
    return startAlone(current, 'its own files hold every acknowledged write');
  if (best && (view.automaticFailover || view.clusterMode === 'enabled'))
    return doing(`${name(current)} is dead: ${name(best)} is chosen to lead`, {
      kind: 'intend',
      node: best.node.incarnation,
      reason: 'failover',
    });
  if (best) return decideReturnOfPrimary(current, best);
  const maybe = others.find((member) => member.node.synced && !isDown(member) && member.verdict !== 'hung');
  if (maybe)
    return waiting(
      `${name(current)} is dead and ${name(maybe)} holds its data but ${doesNotAnswer(maybe)}; nobody is promoted`,
    );
  // A suspended process still holds its data: an empty primary would wipe them when it goes on.
  const hanging = others.find((member) => member.node.synced && member.verdict === 'hung');
  if (hanging && current.data !== 'present')
    return waiting(
      `${name(current)} is dead and ${name(hanging)}, which holds its data, hangs; nobody is promoted`,
    );
  const keeper = others.find((member) => member.data === 'present' && member.node.synced);
  if (current.data === 'missing' && keeper && isDown(keeper))
    return doing(
      `the files of ${name(current)} are gone: ${name(keeper)}, which has its own, is chosen to lead`,
      {
        kind: 'intend',
        node: keeper.node.incarnation,
        reason: 'found',
      },
    );
  if (current.data !== 'present') {
    const older = decideOlderCopy(view, current, others);
    if (older) return older;
  }
  // No living copy: the last recorded primary comes back first, with what its own persistence kept. All nodes of a
  // new shard start at once: nobody has data to lose, and the replicas follow as soon as they answer.
  const isNew = view.members.every((member) => member.node.handle === null);
  if (isNew) return startAll(view);
  return startAlone(current, 'no living copy holds its data');
}

/**
 * The primary is dead and kept nothing, and nobody is known to hold all of its data: an empty primary would wipe what
 * the others hold. Null when they hold nothing.
 */
function decideOlderCopy(view: ShardView, current: Member, others: readonly Member[]): ShardDecision | null {
  const living = others.filter((member) => !isDown(member) && member.verdict !== 'hung');
  const unsure = living.find(
    (member) => !isAnswering(member) || member.engine.isSyncing || member.engine.isLoading,
  );
  if (unsure)
    return waiting(
      `${name(current)} is dead, and what ${name(unsure)} holds is not known yet; nobody is promoted`,
    );
  const copies = living.filter(holdsOlderCopy);
  const newest = Math.max(...copies.map((member) => member.engine?.offset ?? 0));
  const copy = copies.find((member) => member.engine?.offset === newest);
  if (!copy) return null;
  if (!view.automaticFailover && view.clusterMode === 'disabled') return decideReturnOfPrimary(current, copy);
  return doing(
    `${name(current)} is dead and kept nothing: ${name(copy)} is chosen to lead with what it holds`,
    {
      kind: 'intend',
      node: copy.node.incarnation,
      reason: 'failover',
    },
  );
}

function startAll(view: ShardView): ShardDecision {
  const starts = view.members
    .filter((member) => isDown(member) && !member.isBackingOff)
    .map((member): ShardAct => ({ kind: 'start', node: member.node.incarnation, follow: null }));
  if (starts.length === 0) return waiting('the start of the nodes is tried again in a moment');
  return doing('all nodes of the new shard are started', ...starts);
}

function startAlone(member: Member, why: string): ShardDecision {
  if (member.isBackingOff) return waiting(`${name(member)} is started again in a moment`);
  return doing(`${name(member)} is started: ${why}`, {
    kind: 'start',
    node: member.node.incarnation,
    follow: null,
  });
}

/** Automatic failover is disabled: the same node leads again, after it took the data from the living copy. */
function decideReturnOfPrimary(current: Member, best: Member): ShardDecision {
  if (best.engine?.role === 'replica')
    return doing(`${name(best)} holds the data for ${name(current)} and takes no writes`, {
      kind: 'lend-lead',
      node: best.node.incarnation,
    });
  if (current.isBackingOff) return waiting(`${name(current)} is started again in a moment`);
  return doing(
    `${name(current)} is started as a replica of ${name(best)}, whose data it needs before it leads again`,
    {
      kind: 'start',
      node: current.node.incarnation,
      follow: best.node.incarnation,
    },
  );
}

/** The process of the primary exists and makes no progress. */
function decideHungPrimary(view: ShardView, current: Member): ShardDecision {
  if (view.durability === 'sync')
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
  return waiting(`${name(current)} hangs; its data are nowhere else, so it is left alone`);
}

/** The recorded primary runs as a replica. */
function decideDeposedPrimary(view: ShardView, current: Member & { engine: EngineFacts }): ShardDecision {
  const from = view.members.find(
    (member) => member !== current && endpointOf(member.node) === current.engine.follows,
  );
  // The engine's own failover (cluster mode) acted while Limber was away: what it decided stands. A member that is
  // about to join calls itself a primary too: only the one that the deposed primary follows counts.
  if (view.clusterMode === 'enabled' && from && leads(from))
    return doing(`${name(from)} leads since the engine's own failover`, {
      kind: 'intend',
      node: from.node.incarnation,
      reason: 'found',
    });
  if (view.clusterMode === 'enabled' && from)
    return waiting(`${name(current)} follows ${name(from)}, which does not lead yet`);
  // One that has been restarted since has nothing to give.
  if (from?.node.synced && !isDown(from) && !isCandidate(from))
    return waiting(`${name(from)} has the data for ${name(current)} and does not answer`);
  const best = from && isCandidate(from) ? from : mostCaughtUp(view.members);
  if (best && best !== current && (best === from || !view.automaticFailover))
    return doing(`${name(current)} takes the data from ${name(best)} and leads again`, {
      kind: 'restore-lead',
      from: best.node.incarnation,
      to: current.node.incarnation,
    });
  if (best && best !== current)
    return doing(`${name(best)} holds the data and is chosen to lead`, {
      kind: 'intend',
      node: best.node.incarnation,
      reason: 'failover',
    });
  const maybe = view.members.find((member) => member !== current && member.node.synced && !isDown(member));
  if (!best && maybe) return waiting(`${name(maybe)} holds the data and does not answer; nobody is promoted`);
  if (current.engine.isLoading) return waiting(`${name(current)} is loading the data`);
  return doing(`${name(current)} follows nobody alive: it leads with what it has`, {
    kind: 'promote',
    node: current.node.incarnation,
  });
}

/** A restart of the primary was asked for. Where another can lead without loss, it does first. */
function decideRestartOfPrimary(view: ShardView, current: Member): ShardDecision {
  if (view.handOverFailures >= handOversMax)
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
      kind: 'intend',
      node: best.node.incarnation,
      reason: 'switchover',
    });
  // What it holds is nowhere else yet: the others take it first.
  const others = view.members.filter((member) => member !== current);
  const isFed = (member: Member) =>
    isCandidate(member) && member.engine?.follows === endpointOf(current.node) && member.engine.isLinkUp;
  if (view.durability === 'disabled' && others.length > 0 && !others.some(isFed))
    return decideFollowers(view, current, `${name(current)} restarts once a replica holds its data`);
  return doing(`${name(current)} is stopped for its restart`, {
    kind: 'end',
    node: current.node.incarnation,
  });
}

/** The primary stands: bring every other member to follow it. */
function decideFollowers(view: ShardView, primary: Member, caution: string | null): ShardDecision {
  const acts: ShardAct[] = [];
  const waits: string[] = caution ? [caution] : [];
  for (const member of view.members) {
    if (member === primary) continue;
    const next = decideFollower(member, primary);
    if (typeof next === 'string') waits.push(next);
    else if (next) acts.push(next);
  }
  if (acts.length > 0) return doing(acts.map((act) => describe(view, act)).join('; '), ...acts);
  if (waits.length > 0) return waiting(waits.join('; '));
  return { sentence: `${name(primary)} leads and every member follows it`, acts: [], isSettled: true };
}

/** The one thing that a member needs; a sentence when it must be waited for; null when it is well. */
function decideFollower(member: Member, primary: Member): ShardAct | string | null {
  const node = member.node.incarnation;
  const leader = primary.node.incarnation;
  if (isDown(member)) {
    if (member.isBackingOff) return `${name(member)} is started again in a moment`;
    return { kind: 'start', node, follow: leader };
  }
  if (member.verdict === 'hung') {
    // It may be the only copy that is left: the primary has to be well before this one is killed.
    return isAnswering(primary) ? { kind: 'fence', node } : `${name(member)} hangs`;
  }
  if (!isAnswering(member)) return `${name(member)} ${doesNotAnswer(member)}`;
  if (!isAnswering(primary)) return null;
  if (member.node.intent === 'restarting') return { kind: 'end', node };
  if (primary.engine.isLoading) return `${name(primary)} is loading its data`;
  if (member.engine.role === 'primary' || member.engine.follows !== endpointOf(primary.node))
    return { kind: 'follow', node, primary: leader };
  if (member.engine.isLoading || member.engine.isSyncing)
    return member.node.synced ? { kind: 'doubt', node } : `${name(member)} is loading the data`;
  if (!member.node.synced) return { kind: 'confirm-synced', node, primary: leader };
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
    case 'doubt':
      return `${of(act.node)} is filled anew`;
    case 'fence':
      return `${of(act.node)} hangs and is killed`;
    case 'end':
      return `${of(act.node)} is stopped for its restart`;
    default:
      return act.kind;
  }
}
