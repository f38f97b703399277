/**
 * ModifyReplicationGroup with PrimaryClusterId: a planned switchover to that member. This operation records who is to
 * lead; the shard's worker switches over, and loses no write. Where it cannot, it gives up, and is asked again.
 */
import { promotionFailed } from '../catalog/events.ts';
import { announce } from '../fleet/announce.ts';
import { type CacheView, loadCacheView } from '../fleet/cache-view.ts';
import type { CacheNode, NodeGroup } from '../model/node.ts';
import type { OperationInput } from '../model/operation-input.ts';
import type { ReplicationGroup } from '../model/resource.ts';
import { targetPrimarySet } from '../reconcilers/shard/record.ts';
import type { CacheHealth } from '../reconcilers/shards.ts';
import type { Change } from '../store/contract.ts';
import { giveUpChange } from './give-up.ts';
import {
  act,
  type Decision,
  fail,
  finish,
  go,
  type OperationKind,
  queuedAs,
  type WaitLimit,
  wait,
} from './operation-kind.ts';
import { withStatus } from './rows.ts';
import type { Tools } from './tools.ts';
import { leadLimitMs, switchoverRoundsMax } from './wait-limits.ts';

type PromoteMemberInput = OperationInput<'promote-member'>;

export interface PromoteMemberState {
  readonly step: 'setting-target' | 'switching-over';
  /** How often the switchover was asked for, from 1. */
  readonly round: number;
}

interface PromoteMemberSeen {
  readonly view: CacheView | null;
  readonly health: CacheHealth;
  readonly now: number;
}

export function promoteMemberKind(
  tools: Tools,
): OperationKind<PromoteMemberInput, PromoteMemberState, PromoteMemberSeen, 'set-target-primary'> {
  const { fleet, shards } = tools;
  return {
    ...queuedAs('promote-member'),
    first: () => ({ step: 'setting-target', round: 1 }),
    async observe(input) {
      const view = await loadCacheView(fleet.store, input);
      const health = shards.health(input.cacheIncarnation, view?.nodes ?? []);
      return { view, health, now: fleet.clock.now() };
    },
    decide: decidePromoteMember,
    giveUp: (input, reason) => giveUpChange(tools, 'The promotion', input, reason),
    async perform(_act, input) {
      const view = await loadCacheView(fleet.store, input);
      const found = view && memberOf(view, input);
      if (!found) return;
      const { node, shard } = found;
      if (shard.currentPrimary === shard.targetPrimary)
        await fleet.store.commit(targetPrimarySet(shard, node));
      shards.recheck(input.cacheIncarnation);
    },
  };
}

function memberOf(view: CacheView, input: PromoteMemberInput): { node: CacheNode; shard: NodeGroup } | null {
  const node = view.nodes.find((one) => one.cacheClusterId === input.clusterId && one.intent !== 'deleted');
  const shard = view.nodeGroups.find((one) => one.nodeGroupId === node?.nodeGroupId);
  return node && shard ? { node, shard } : null;
}

export function decidePromoteMember(
  input: PromoteMemberInput,
  state: PromoteMemberState,
  { view, health, now }: PromoteMemberSeen,
): Decision<PromoteMemberState, 'set-target-primary'> {
  if (!view || view.cache.status === 'deleting') return finish('the group is gone');
  const found = memberOf(view, input);
  if (!found) return giveUp(view, input, now, 'it is no member any more');
  const { node, shard } = found;
  const untilDecided: WaitLimit<PromoteMemberState> = {
    retryAfterMs: 100,
    limitMs: leadLimitMs,
    otherwise: (reason) => giveUp(view, input, now, reason),
  };
  const isDecided = shard.currentPrimary === shard.targetPrimary;
  const isTarget = shard.targetPrimary === node.incarnation;
  if (isDecided && isTarget)
    return finish(`${input.clusterId} leads ${input.cacheId}`, [
      { put: 'resource', row: available(view, now) },
    ]);
  if (isTarget)
    return state.step === 'setting-target'
      ? go({ ...state, step: 'switching-over' }, `${input.clusterId} is to lead`)
      : wait(health.sentence, untilDecided);
  // An older Limber wrote another word for the same step.
  if (state.step !== 'setting-target') {
    if (state.round >= switchoverRoundsMax)
      return giveUp(view, input, now, `the primary did not hand over in ${switchoverRoundsMax} attempts`);
    return go({ step: 'setting-target', round: state.round + 1 }, 'the switchover is asked for again');
  }
  // Somebody else is being promoted, or the member takes its data anew.
  if (!isDecided || !node.synced) return wait(health.sentence, untilDecided);
  return act('set-target-primary', `${input.clusterId} is to lead`, 10_000);
}

function giveUp(view: CacheView, input: PromoteMemberInput, now: number, reason: string) {
  return fail(`${input.clusterId} was not made the primary: ${reason}`, [
    { put: 'resource', row: available(view, now) },
    announce(view.cache, view.cache.id, promotionFailed(input.clusterId, reason), now),
  ] satisfies Change[]);
}

/** Nothing is pending any more. */
function available({ cache }: CacheView, now: number): ReplicationGroup {
  const row = withStatus(cache as ReplicationGroup, 'available', now);
  const { primaryClusterId, ...pending } = row.desired.pending;
  return { ...row, desired: { ...row.desired, pending } };
}
