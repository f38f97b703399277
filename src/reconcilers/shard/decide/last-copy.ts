/**
 * Whether members can go without taking the last copy of their shard's data along. A member gets a tombstone, and its
 * process a signal for that, only while another one that stays answers and leads, or was confirmed to hold the data.
 * Whoever asks looks first, and looks once more right before the deed. Pure.
 */
import type { Member, ShardView } from '../view.ts';
import { isAhead, isCandidate, isDown, isFedBy } from '../view.ts';
import { doesNotAnswer, isAnswering, leads, name, serves } from './decision.ts';

interface Needed {
  /** The members that cannot go yet. */
  readonly members: readonly Member[];
  /** Why, for people. */
  readonly sentence: string;
}

/** The members that are to go and are needed; null when all of them can go. */
export function neededOf(view: ShardView, going: ReadonlySet<string>): Needed | null {
  const isGoing = ({ node }: Member) => going.has(node.incarnation);
  const staying = view.members.filter((member) => !isGoing(member));
  const members = [...view.members, ...view.leaving].filter(
    (member) =>
      isGoing(member) && mayHoldData(member) && !staying.some((other) => replaces(view, other, member)),
  );
  const [first] = members;
  if (!first) return null;
  const others = staying.map((other) => `${name(other)} ${shortcomingOf(other)}`);
  const why = others.length === 0 ? 'there is no other member' : others.join(', ');
  return {
    members,
    sentence: `${members.map(name).join(', ')} cannot go yet: no other member is known to hold the data (${why})`,
  };
}

/** The members that are counted on when these go: whose processes have to run at that moment. */
export const keepersOf = (view: ShardView, going: ReadonlySet<string>): readonly Member[] =>
  view.members.filter(
    (member) => !going.has(member.node.incarnation) && (isLeader(view, member) || isCopy(member)),
  );

/** The recorded primary answers, leads with all data, and nobody else is being promoted. */
export const isLed = (view: ShardView): boolean =>
  view.shard.currentPrimary === view.shard.targetPrimary &&
  view.members.some((member) => isLeader(view, member));

/** The replicas that were confirmed to hold the primary's data and get what it takes. */
export function heirsOfPrimary({ shard, members }: ShardView): readonly Member[] {
  const leader = members.find(({ node }) => node.incarnation === shard.currentPrimary);
  return leader ? members.filter((member) => isCopy(member) && isFedBy(member, leader.node)) : [];
}

/** Why nobody could take over if the primary ended now; null when somebody could. */
export function whyNoHeir(view: ShardView): string | null {
  if (!isLed(view)) return 'no primary leads it at present';
  if (heirsOfPrimary(view).length > 0) return null;
  const others = view.members.filter(({ node }) => node.incarnation !== view.shard.currentPrimary);
  const why = others.map((other) => `${name(other)} ${shortcomingOf(other)}`);
  return `no replica is known to hold the primary's data (${why.length === 0 ? 'it has none' : why.join(', ')})`;
}

/** Tombstones on members that are needed after all, since whoever was counted on is gone. */
export function neededAgain(view: ShardView): Needed | null {
  if (view.isForming || view.leaving.length === 0) return null;
  return neededOf(view, new Set(view.leaving.map(({ node }) => node.incarnation)));
}

/** A new process holds nothing before it was confirmed; one that does not answer may hold everything. */
function mayHoldData(member: Member): boolean {
  const { node, engine, data } = member;
  if (isDown(member)) return node.synced && data === 'present';
  if (node.handle === null) return false;
  if (!engine || node.synced || serves(member)) return true;
  return engine.holdsData !== false || engine.isSyncing || engine.isLoading;
}

const replaces = (view: ShardView, other: Member, member: Member): boolean =>
  isLeader(view, other) || (isCopy(other) && !isAhead(member, other));

/** True for the member that leads: everything that was acknowledged is in it by definition. One that is to restart is about to end itself. */
const isLeader = ({ shard }: ShardView, member: Member): boolean =>
  member.node.incarnation === shard.currentPrimary &&
  member.node.intent === 'running' &&
  leads(member) &&
  member.engine?.isLoading === false;

const isCopy = (member: Member): boolean =>
  isCandidate(member) && member.node.intent === 'running' && member.engine?.wasRefilled !== true;

function shortcomingOf(member: Member): string {
  if (member.verdict === 'absent') return 'has no process yet';
  if (member.verdict === 'dead') return 'is dead';
  if (member.verdict === 'hung') return 'hangs';
  if (!isAnswering(member)) return doesNotAnswer(member);
  if (member.node.intent === 'restarting') return 'is to restart';
  if (member.engine.isLoading || member.engine.isSyncing) return 'is loading the data';
  if (!isCopy(member)) return 'does not hold all data yet';
  return member.engine.isLinkUp ? 'has not come as far' : 'has no link to its primary';
}
