/** The acts that a decision may ask of the worker of a shard, and the words that all decisions share. */
import type { EngineFacts, Member, ShardView } from '../view.ts';
import { isDown } from '../view.ts';

export type ShardAct =
  /** Start the process. `follow`: it comes up as a replica of that node (its config says so); null: it may lead. */
  | { readonly kind: 'start'; readonly node: string; readonly follow: string | null }
  /** End the process in good order, because a restart was asked for. */
  | { readonly kind: 'end'; readonly node: string }
  /** SIGKILL and see it dead. `reason`, for people: by default that it made no progress. */
  | { readonly kind: 'fence'; readonly node: string; readonly reason?: string }
  /** Record who is to lead. */
  | {
      readonly kind: 'set-target-primary';
      readonly node: string;
      readonly reason: 'failover' | 'switchover' | 'found';
    }
  /** Make a replica the primary; the old one is dead. */
  | { readonly kind: 'promote'; readonly node: string }
  /** Planned: move the lead from a living primary to a replica, without losing a write. */
  | { readonly kind: 'switchover'; readonly from: string; readonly to: string }
  /** Make a node that was to leave, and is needed, a member as before. */
  | { readonly kind: 'withdraw-tombstone'; readonly node: string }
  /** Cluster mode: give the primary exactly its shard's slots again. */
  | { readonly kind: 'claim-slots'; readonly node: string }
  /** The engine confirms that the target primary leads: record it. */
  | { readonly kind: 'confirm-primary'; readonly node: string }
  /** Make a living node follow the primary. */
  | { readonly kind: 'follow'; readonly node: string; readonly primary: string }
  /** Take back what was confirmed of a replica, since it is being filled anew. */
  | { readonly kind: 'invalidate-sync'; readonly node: string }
  /** Bring a running node to its target configuration, as far as that goes without a restart. */
  | { readonly kind: 'apply-config'; readonly node: string }
  /** Clients keep a copy that is needed from answering: end their script, and keep them from what disturbs until it leads. */
  | { readonly kind: 'calm-clients'; readonly node: string }
  /** Find out whether a replica holds everything that the primary acknowledged, and record it. */
  | { readonly kind: 'confirm-synced'; readonly node: string; readonly primary: string }
  /** Let a living copy lead without taking writes, so that the old primary can take its data from it. */
  | { readonly kind: 'promote-read-only'; readonly node: string }
  /** Let a living copy feed the old primary, which then takes the lead again (automatic failover disabled). */
  | { readonly kind: 'fail-back'; readonly from: string; readonly to: string };

export interface ShardDecision {
  /** What is done or waited for, for people; tests assert it. */
  readonly sentence: string;
  /** To be done side by side. None: settled, or waiting (`isSettled` says which). */
  readonly acts: readonly ShardAct[];
  readonly isSettled: boolean;
}

export const doing = (sentence: string, ...acts: ShardAct[]): ShardDecision => ({
  sentence,
  acts,
  isSettled: false,
});
export const waiting = (sentence: string): ShardDecision => ({ sentence, acts: [], isSettled: false });

/** A copy that is needed and does not answer: whatever of its clients can be ended there without a loss is ended. */
export const waitingFor = (member: Member, sentence: string): ShardDecision =>
  member.verdict === 'unresponsive'
    ? doing(sentence, { kind: 'calm-clients', node: member.node.incarnation })
    : waiting(sentence);

export const isAnswering = (member: Member): member is Member & { engine: EngineFacts } =>
  member.engine !== null;
/** A script that ends at all has ended by then, and so has a pause that was meant well. A judgement. */
export const patienceMs = 5_000;

/** A restart was asked for, and it is not to be had in good order: it has not answered for too long. */
export const isToBeForced = ({ node, verdict, silentMs = 0 }: Member): boolean =>
  node.intent === 'restarting' && verdict === 'unresponsive' && silentMs >= patienceMs;

export const name = (member: Member): string => member.node.cacheClusterId;
export const doesNotAnswer = ({ silence }: Member): string =>
  silence ? `does not answer at present: ${silence}` : 'does not answer at present';

/** Cluster mode: a primary that does not own exactly the slots of its shard does not lead it. */
export const leads = (member: Member): boolean =>
  isAnswering(member) &&
  member.engine.role === 'primary' &&
  (member.engine.slots === undefined || member.engine.slots === 'held');

/** Clients may write to it: it leads, or owns some of its shard's slots still. */
export const serves = (member: Member): boolean =>
  isAnswering(member) && member.engine.role === 'primary' && member.engine.slots !== 'lost';

export function startAll(view: ShardView): ShardDecision {
  const starts = view.members
    .filter((member) => isDown(member) && !member.isBackingOff)
    .map((member): ShardAct => ({ kind: 'start', node: member.node.incarnation, follow: null }));
  if (starts.length === 0) return waiting('the start of the nodes is tried again in a moment');
  return doing('all nodes of the new shard are started', ...starts);
}

/** The sentence about a node that is down and whose next start waits. */
export const startedAgain = (member: Member): string =>
  `${name(member)} is started again in a moment${member.startFailure ? `: ${member.startFailure}` : ''}`;

export function startAlone(member: Member, why: string): ShardDecision {
  if (member.isBackingOff) return waiting(startedAgain(member));
  return doing(`${name(member)} is started: ${why}`, {
    kind: 'start',
    node: member.node.incarnation,
    follow: null,
  });
}
