/**
 * TestFailover: the primary of one node group is killed as if its machine had failed. What follows is the shard
 * worker's usual work, which records the events (spec/events.json, testFailoverOrder); this operation watches it to
 * its end, so that one node group is tested at a time. The group stays available.
 *
 * - choosing: who leads now, and whether somebody could take over.
 * - killing: that process ends, seen dead.
 * - failing-over: another node leads. (With `Durability=sync` the same node comes back with its own files.)
 * - recovering: the killed node holds all data again.
 */
import { testFailoverNotDone, testFailoverUnfinished } from '../catalog/events.ts';
import { announce } from '../fleet/announce.ts';
import { type CacheView, loadCacheView } from '../fleet/cache-view.ts';
import { type CacheNode, isSameProcess, type NodeHandle, processName } from '../model/node.ts';
import type { OperationInput } from '../model/operation-input.ts';
import { giveUpChange } from './give-up.ts';
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
  readonly sentence: string;
  readonly now: number;
}

type TestFailoverAct = { readonly kill: NodeHandle };

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
      return { view, isVictimAlive, sentence, now: fleet.clock.now() };
    },
    decide: decideTestFailover,
    giveUp: (input, reason) => giveUpChange(tools, 'The test failover', input, reason),
    async perform({ kill }, _input, signal) {
      const outcome = await fenceWithin(tools, kill, signal);
      if (outcome === 'unknown') throw new Error(`${processName(kill)} was killed and its exit was not seen`);
    },
  };
}

export function decideTestFailover(
  input: TestFailoverInput,
  state: TestFailoverState,
  { view, isVictimAlive, sentence, now }: TestFailoverSeen,
): Decision<TestFailoverState, TestFailoverAct> {
  const shard = view?.nodeGroups.find((one) => one.nodeGroupId === input.nodeGroupId);
  if (!view || view.cache.status === 'deleting' || !shard) return finish('the node group is gone');
  const find = (incarnation: string | null) => view.nodes.find((node) => node.incarnation === incarnation);
  if (state.step === 'choosing') {
    const notDone = (reason: string) =>
      fail(`${input.cacheId} is not failed over: ${reason}`, [
        announce(view.cache, view.cache.id, testFailoverNotDone(input.nodeGroupId, reason), now),
      ]);
    if (shard.currentPrimary !== shard.targetPrimary)
      return wait(sentence, { retryAfterMs: 100, limitMs: leadLimitMs, otherwise: notDone });
    const primary = find(shard.currentPrimary);
    const replicas = view.nodes.filter((node) => node.nodeGroupId === input.nodeGroupId && node !== primary);
    if (!primary?.handle || !replicas.some((node) => node.synced && node.intent === 'running')) {
      return notDone("no replica holds the primary's data any more");
    }
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
      if (isVictimAlive) return act({ kill: handle }, `${processName(handle)} is killed`, 40_000);
      return go({ step: 'failing-over', node, handle }, `${processName(handle)} is dead`);
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
