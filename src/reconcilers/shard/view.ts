/** What the reconciler of one shard sees in one pass: rows and facts, read once and not changed. */
import { ghostPort } from '../../engines/valkey/nodes-file.ts';
import { type DataState, isLost } from '../../fleet/data-files.ts';
import type { CacheNode, NodeGroup } from '../../model/node.ts';
import type { Durability } from '../../model/resource.ts';
import type { Stranger } from '../cluster-bus/stranger-log.ts';

/**
 * What the health monitor thinks of a node's process. Only `dead` and `hung` may lead to a failover.
 * `absent`: it was never started. `dead`: no such process, or a zombie. `hung`: stopped or without progress for
 * longer than the limit. `unresponsive`: it does not answer, and why is not known yet or is harmless (busy, paused by
 * a client, loading, out of connections). `answering`: it has just answered.
 */
export type Verdict = 'absent' | 'dead' | 'hung' | 'unresponsive' | 'answering';

/** From INFO of a process that answers. */
export interface EngineFacts {
  /** The engine's own name for this process (`run_id`). */
  readonly runId?: string;
  readonly role: 'primary' | 'replica';
  readonly replicationId: string;
  /** The history before the last promotion; 40 zeros when there was none. */
  readonly replicationId2: string;
  /** That history is valid below this offset; -1 when there was none. */
  readonly secondOffset: number;
  readonly offset: number;
  /** `address:port` of the primary it follows; null for a primary. */
  readonly follows: string | null;
  readonly isLinkUp: boolean;
  readonly isSyncing: boolean;
  readonly isLoading: boolean;
  /** A replica that was filled anew since it was confirmed, between two looks (`refilled.ts`). */
  readonly wasRefilled?: boolean;
  /** True when the engine has keys. It says nothing about which: see `holdsOlderCopy`. */
  readonly holdsData?: boolean;
  /** How many, over all databases. Comparable only between processes that follow the same stream. */
  readonly keys?: number;
  /**
   * Cluster mode, of a primary: whether it owns exactly its shard's slots in a cluster that it knows (`slots.ts`). `taken`:
   * somebody else has claimed some. `lost`: it came back as nobody that the others know. `surplus`: it has others besides,
   * `surplus-in-use` with keys in them. Absent: not known.
   */
  readonly slots?: 'held' | 'taken' | 'lost' | 'surplus' | 'surplus-in-use';
  /** Cluster mode, of a primary: the epoch in which it got its slots. Absent: not known. */
  readonly epoch?: number;
}

export interface Member {
  readonly node: CacheNode;
  readonly verdict: Verdict;
  /** Null unless `answering`. */
  readonly engine: EngineFacts | null;
  /** Why a member that is `unresponsive` does not answer, for people; null when that is not known. */
  readonly silence?: string | null;
  /** For how long a member that is `unresponsive` has not answered. */
  readonly silentMs?: number;
  /** True while clients end the connections to it (CLIENT KILL), of a member that is `answering`. */
  readonly isCut?: boolean;
  /** True when the node failed to start or died again a moment ago, and its next start waits for the back-off. */
  readonly isBackingOff: boolean;
  /** Why its last start failed, or what became of it, for people; null when it came up. */
  readonly startFailure?: string | null;
  /** What a process that is down could start from; `none` for one that lives. */
  readonly data: DataState;
  /** Of a member that hangs or is to restart: false when its files are gone, so that its memory is all that is left of its data. */
  readonly keepsData?: boolean;
  /** Of a replica: true when it is known to lack more than a little (`maxLagMs`) of what the recorded primary took. */
  readonly isLagging?: boolean;
  /** Cluster mode, of a member that is down: the epoch in which it got the slots that it comes back with; null when it has none. */
  readonly leadsSince?: number | null;
}

export interface ShardView {
  readonly shard: NodeGroup;
  readonly clusterMode: 'enabled' | 'disabled';
  readonly automaticFailover: boolean;
  readonly durability: Durability;
  /** Cluster mode: the nodes do not know each other yet, so nobody can be made to follow. */
  readonly isForming: boolean;
  /** Attempts to hand over to the present target that failed. */
  readonly switchoverFailures: number;
  /** The same of any target within the last half minute. */
  readonly restartFailures?: number;
  /** One has failed a moment ago, and writers have their turn. */
  readonly isSwitchoverResting?: boolean;
  /** Cluster mode: servers on its bus that no record names. */
  readonly strangers?: readonly Stranger[];
  /** In order of position (`-001` first); tombstones and stopped nodes are left out. */
  readonly members: readonly Member[];
  /** Those with a tombstone, which nobody counts on any more. None when the whole cache goes. */
  readonly leaving: readonly Member[];
}

/** It gets what this primary takes. Without a link it was confirmed once, and lacks more with each write. */
export const isFedBy = ({ engine }: Member, primary: Pick<CacheNode, 'address' | 'port'>): boolean =>
  engine?.follows === endpointOf(primary) && engine.isLinkUp;

/**
 * False for a member that has nothing of what this primary took since it leads: it follows another one still, or it led before
 * and was not told yet that it does not any more.
 */
export const hasFollowed = (
  { node, engine }: Member,
  primary: Pick<CacheNode, 'address' | 'port'>,
): boolean => (engine?.role === 'replica' ? engine.follows === endpointOf(primary) : node.role !== 'primary');

/** Who is recorded to lead, when this node is to lead instead. */
export const formerPrimaryOf = (
  { shard, members }: ShardView,
  { incarnation }: Pick<CacheNode, 'incarnation'>,
): CacheNode | undefined =>
  shard.currentPrimary === incarnation
    ? undefined
    : members.find(({ node }) => node.incarnation === shard.currentPrimary)?.node;

/**
 * Cluster mode: both are down, and by their nodes.conf the first led after the other, so that its files alone hold what it
 * took since. The engines failed over by themselves, or a Limber died between a takeover and its record.
 */
export const ledAfter = (member: Member, other: Member | null): boolean =>
  isDown(member) &&
  member.data === 'present' &&
  (other === null || isDown(other)) &&
  (member.leadsSince ?? -1) > (other?.leadsSince ?? -1);

export const endpointOf = (node: Pick<CacheNode, 'address' | 'port'>): string =>
  `${node.address}:${node.port}`;

/**
 * Cluster mode: it was started to lead with what it has, and has to take over from the ghost that it was made a replica of
 * (`nodes-file.ts`). Whoever dies before that leaves it so.
 */
export const comesBackToLead = ({ node, engine }: Pick<Member, 'node' | 'engine'>): boolean =>
  engine?.role === 'replica' && engine.follows === ghostOf(node);

/** `address:port` of the ghost of a node. */
export const ghostOf = ({ address }: Pick<CacheNode, 'address'>): string => `${address}:${ghostPort}`;

/** True for a replica whose data may be led with: its present process was seen to hold all of the primary's. */
export function isCandidate(member: Member): boolean {
  return (
    member.verdict === 'answering' &&
    member.node.synced &&
    member.engine !== null &&
    !member.engine.isSyncing &&
    !member.engine.isLoading
  );
}

/**
 * True for a member that was not confirmed, or is not any more, and has data all the same: a replica that is filled anew
 * keeps what it had until all of the new has arrived, and one whose first sync breaks off empties itself. Better than
 * nothing when everything else is lost, and nothing else.
 */
export function holdsOlderCopy({ node, verdict, engine }: Member): boolean {
  if (verdict !== 'answering' || engine === null || node.synced) return false;
  return engine.holdsData === true && !engine.isSyncing && !engine.isLoading;
}

/** The candidate that has most of the primary's writes; the lowest position of equals. Null when there is none. */
export const mostCaughtUp = (members: readonly Member[]): Member | null =>
  furthest(members.filter(isCandidate));

/** The member that has come furthest of those that hold an older copy. Null when nobody holds one. */
export const newestOlderCopy = (members: readonly Member[]): Member | null =>
  furthest(members.filter(holdsOlderCopy));

/** True when the first has come further in the same history, while nobody leads: the other one lacks acknowledged writes. */
export function isAhead({ engine: own }: Member, { engine: other }: Member): boolean {
  if (!own || !other) return false;
  if (own.replicationId === other.replicationId) return own.offset > other.offset;
  // The first was promoted since, and has begun a history of its own.
  return own.replicationId2 === other.replicationId && own.secondOffset > other.offset + 1;
}

function furthest(members: readonly Member[]): Member | null {
  const most = Math.max(...members.map((member) => member.engine!.offset));
  return members.find((member) => member.engine!.offset === most) ?? null;
}

/**
 * Cluster mode, while the recorded primary and whoever was chosen to lead are down: a living member that the engines, which act by
 * themselves while Limber is away, have chosen after both. What it took since is nowhere else. Null when there is none.
 */
export function electedAfter({ clusterMode, members }: ShardView): Member | null {
  if (clusterMode === 'disabled') return null;
  const latest = Math.max(...members.filter(isDown).map(({ leadsSince }) => leadsSince ?? -1));
  return members.find(({ engine }) => engine?.slots === 'held' && (engine.epoch ?? -1) > latest) ?? null;
}

/** True for a member that is down and should have files to start from, which are gone or damaged. */
export const hasLostFiles = ({ data }: Member): boolean => isLost(data);

/** True when no process of the member lives. */
export const isDown = (member: Member): boolean => member.verdict === 'dead' || member.verdict === 'absent';
