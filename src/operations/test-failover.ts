/**
 * TestFailover: the primary of one node group is killed as if its machine had failed. What follows is the shard
 * worker's usual work, which records the events (spec/events.json, testFailoverOrder); this operation watches it to
 * its end, so that one node group is tested at a time. The group stays available.
 *
 * - choosing: who leads now, and whether somebody could take over.
 * - killing: that process ends, seen dead; while by facts of that moment a replica answers that holds its data. Where none
 *   does within a moment, nobody is killed, and that is told.
 * - failing-over: another node leads. (With `Durability=sync` the same node comes back with its own files.)
 * - recovering: the killed node holds all data again.
 */
import { testFailoverNotDone, testFailoverUnfinished } from '../catalog/events.ts';
import { announce } from '../fleet/announce.ts';
import { type CacheView, loadCacheView } from '../fleet/cache-view.ts';
import { type CacheNode, isSameProcess, type NodeHandle, processName } from '../model/node.ts';
import type { OperationInput } from '../model/operation-input.ts';
import { untilAborted } from '../platform/until-aborted.ts';
import { keepersOf, whyNoHeir } from '../reconcilers/shard/decide/last-copy.ts';
import { giveUpChange } from './give-up.ts';
import { LastCopy, requireRunning } from './members/copies.ts';
import { fenceWithin } from './members/end-nodes.ts';
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
import type { Tools } from './tools.ts';
import { dataLimitMs, leadLimitMs } from './wait-limits.ts';

type TestFailoverInput = OperationInput<'test-failover'>;

/** The process that is killed, and no later one of the same node. */
interface Victim {
  readonly node: string;
  readonly handle: NodeHandle;
}

export type TestFailoverState =
  | { readonly step: 'choosing' }
  | ({ readonly step: 'killing' | 'failing-over' | 'recovering' } & Victim);

interface TestFailoverSeen {
  readonly view: CacheView | null;
  /** True while the victim's process lives; false without a victim. */
  readonly isVictimAlive: boolean;
  /** Why nobody could take over at present; null when somebody could, and when nobody has to any more. */
  readonly noHeir: string | null;
  readonly sentence: string;
  readonly now: number;
}

type TestFailoverAct = { readonly kill: Victim };

/** Of a replica that may be able to take over in a moment. A judgement. */
const heirLimitMs = 10_000;

export function testFailoverKind(
  tools: Tools,
): OperationKind<TestFailoverInput, TestFailoverState, TestFailoverSeen, TestFailoverAct> {
  const { fleet, shards } = tools;
  return {
    ...queuedAs('test-failover'),
    first: () => ({ step: 'choosing' }),
    async observe(input, state) {
      const view = await loadCacheView(fleet.store, input);
      const { sentence } = shards.health(input.cacheIncarnation, view?.nodes ?? []);
      const isVictimAlive =
        'handle' in state && ['running', 'stopped'].includes(fleet.runtime.inspect(state.handle).kind);
      const isKilled = state.step === 'failing-over' || state.step === 'recovering';
      const facts = isKilled ? null : await shards.look(keyOf(input));
      const noHeir = facts && whyNoHeir(facts.view);
      return { view, isVictimAlive, noHeir, sentence, now: fleet.clock.now() };
    },
    decide: decideTestFailover,
    giveUp: (input, reason) => giveUpChange(tools, 'The test failover', input, reason),
    perform: ({ kill: victim }, input, signal) => kill(tools, victim, input, signal),
  };
}

const keyOf = ({ cacheKind, cacheIncarnation, nodeGroupId }: TestFailoverInput) => ({
  ...{ cacheKind, cacheIncarnation, nodeGroupId },
});

/** Decided anew by fresh facts, a Limber ago or not; by /proc at the moment of the signal. */
async function kill(
  tools: Tools,
  { node, handle }: Victim,
  input: TestFailoverInput,
  signal: AbortSignal,
): Promise<void> {
  const facts = await untilAborted(signal, tools.shards.look(keyOf(input)), 'a look at the shard');
  const reason = facts ? whyNoHeir(facts.view) : 'the cache is gone';
  if (!facts || reason !== null) throw new LastCopy(`nobody is killed: ${reason}`);
  const { shard, members } = facts.view;
  const victim = members.find((member) => member.node.incarnation === node);
  if (shard.currentPrimary !== node || !isSameProcess(victim?.node.handle ?? null, handle)) return;
  requireRunning(
    tools,
    keepersOf(facts.view, new Set([node])).map((heir) => heir.node),
  );
  const outcome = await fenceWithin(tools, handle, signal);
  if (outcome === 'unknown') throw new Error(`${processName(handle)} was killed and its exit was not seen`);
}

export function decideTestFailover(
  input: TestFailoverInput,
  state: TestFailoverState,
  { view, isVictimAlive, noHeir, sentence, now }: TestFailoverSeen,
): Decision<TestFailoverState, TestFailoverAct> {
  const shard = view?.nodeGroups.find((one) => one.nodeGroupId === input.nodeGroupId);
  if (!view || view.cache.status === 'deleting' || !shard) return finish('the node group is gone');
  const find = (incarnation: string | null) => view.nodes.find((node) => node.incarnation === incarnation);
  const notDone = (reason: string) =>
    fail(`${input.cacheId} is not failed over: ${reason}`, [
      announce(view.cache, view.cache.id, testFailoverNotDone(input.nodeGroupId, reason), now),
    ]);
  const untilHeir = { retryAfterMs: 100, limitMs: heirLimitMs, otherwise: notDone };
  if (state.step === 'choosing') {
    if (shard.currentPrimary !== shard.targetPrimary)
      return wait(sentence, { retryAfterMs: 100, limitMs: leadLimitMs, otherwise: notDone });
    const primary = find(shard.currentPrimary);
    if (noHeir !== null || !primary?.handle) return wait(noHeir ?? sentence, untilHeir);
    return go(
      { step: 'killing', node: primary.incarnation, handle: primary.handle },
      `${primary.cacheClusterId} is to fail`,
    );
  }
  const { node, handle } = state;
  const victim = find(node);
  const isBack = victim ? hasReturned(victim, handle) : true;
  const isDecided = shard.currentPrimary === shard.targetPrimary;
  const untilRecovered: WaitLimit<TestFailoverState> = {
    retryAfterMs: 100,
    limitMs: dataLimitMs(view.cache),
    otherwise: (reason) =>
      fail(`${input.cacheId} has not recovered from its test failover: ${reason}`, [
        announce(view.cache, view.cache.id, testFailoverUnfinished(input.nodeGroupId, reason), now),
      ]),
  };
  switch (state.step) {
    case 'killing':
      if (!isVictimAlive) return go({ step: 'failing-over', node, handle }, `${processName(handle)} is dead`);
      if (shard.currentPrimary !== node) return go({ step: 'choosing' }, 'another node leads by now');
      if (noHeir !== null) return wait(noHeir, untilHeir);
      return act({ kill: { node, handle } }, `${processName(handle)} is killed`, 40_000);
    case 'failing-over':
      if (isDecided && shard.currentPrimary !== node)
        return go(
          { step: 'recovering', node, handle },
          `${find(shard.currentPrimary)?.cacheClusterId} leads`,
        );
      if (isDecided && isBack && victim?.role === 'primary')
        return finish(`${victim.cacheClusterId} leads again, with its own files`);
      return wait(sentence, untilRecovered);
    case 'recovering':
      if (isBack) return finish(`${input.cacheId} has failed over and recovered`);
      return wait(sentence, untilRecovered);
    default:
      return state satisfies never;
  }
}

/** True when another process of the node holds its data, and its role is confirmed. */
function hasReturned({ handle, synced, role }: CacheNode, killed: NodeHandle): boolean {
  const isNew = handle !== null && !isSameProcess(handle, killed);
  return isNew && synced && role !== null;
}
