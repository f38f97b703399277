import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CacheNode } from '../../src/model/node.ts';
import type { OperationInput } from '../../src/model/operation-input.ts';
import type { Needed } from '../../src/operations/members/copies.ts';
import type { Tries } from '../../src/operations/operation-kind.ts';
import { decideRemoveMembers, type RemoveMembersState } from '../../src/operations/remove-members.ts';
import type { Change } from '../../src/store/contract.ts';
import { eventsIn, statusesIn } from './cache-views.ts';
import { input as cache, node, untried, type ViewParts, view, well } from './member-views.ts';

const input = { ...cache, members: ['orders-002'], shrink: [] };

const decideAll = (
  all: OperationInput<'remove-members'>,
  state: RemoveMembersState,
  parts: ViewParts | null,
  { tries = untried, needed = null }: { tries?: Tries; needed?: Needed | null } = {},
) => {
  const seen = parts && view(parts);
  const synced = seen?.nodes.filter((one) => one.synced) ?? [];
  const heirs = new Set(synced.map(({ incarnation }) => incarnation));
  return decideRemoveMembers(all, state, { view: seen, health: well, needed, heirs, now: 0 }, tries);
};

const decide = (step: RemoveMembersState['step'], parts: ViewParts | null, tries: Tries = untried) =>
  decideAll(input, { step }, parts, { tries });

const what = (decision: ReturnType<typeof decide>): unknown =>
  decision.kind === 'act' ? decision.act.kind : decision.kind === 'go' ? decision.state.step : decision.kind;

const marked = node(2, { intent: 'deleted' });
const neededNode = (...incarnations: string[]): Needed => ({
  nodes: new Set(incarnations),
  sentence: 'orders-002 cannot go yet: orders-001 is dead',
});

const nodeIn = (change: Change): CacheNode[] =>
  'put' in change && change.put === 'node' ? [change.row] : [];

describe('removing members', () => {
  it('marks a replica, which then gives up what it serves, and is destroyed', () => {
    assert.equal(what(decide('marking', { nodes: [node(1), node(2)] })), 'mark');
    assert.equal(what(decide('marking', { nodes: [node(1), marked] })), 'releasing');
    assert.equal(what(decide('releasing', { nodes: [node(1), marked] })), 'release');
    const released = { ...untried, successes: 1 };
    assert.equal(
      what(decide('releasing', { nodes: [node(1), marked], reader: 'n1' }, released)),
      'destroying',
    );
    assert.equal(what(decide('destroying', { nodes: [node(1), marked] })), 'destroy');
    assert.equal(what(decide('destroying', { nodes: [node(1)] })), 'finish');
  });

  it('never marks a primary: one that has come to lead meanwhile hands over first', () => {
    const shard = { currentPrimary: 'n2', targetPrimary: 'n2' };
    assert.equal(what(decide('marking', { nodes: [node(1), node(2)], shard })), 'switchover');
    const unsynced = [node(1, { synced: false }), node(2)];
    assert.equal(what(decide('marking', { nodes: unsynced, shard })), 'wait');
    assert.equal(what(decide('marking', { nodes: [node(2)], shard })), 'wait');
  });

  it('waits where the only other member has no link to it, which could not take over and would hold its writers up', () => {
    const shard = { currentPrimary: 'n2', targetPrimary: 'n2' };
    const parts = { nodes: [node(1), node(2)], shard };
    const seen = { view: view(parts), health: well, needed: null, heirs: new Set<string>(), now: 0 };
    assert.equal(what(decideRemoveMembers(input, { step: 'marking' }, seen, untried)), 'wait');
  });

  it('asks for that three times, since writers wait meanwhile; then it waits, and the member stays in the end', () => {
    const parts = { nodes: [node(1), node(2)], shard: { currentPrimary: 'n2', targetPrimary: 'n2' } };
    const after = (successes: number) => decide('marking', parts, { ...untried, successes });
    assert.deepEqual([what(after(2)), what(after(3))], ['switchover', 'wait']);
    const given = after(3);
    const left = 'otherwise' in given ? given.otherwise('it takes too long') : given;
    assert.deepEqual('state' in left && left.state.staying?.members, ['orders-002']);
  });

  it('waits for a promotion of it that is under way', () => {
    const shard = { currentPrimary: 'n1', targetPrimary: 'n2' };
    assert.equal(what(decide('marking', { nodes: [node(1), node(2)], shard })), 'wait');
  });

  it('ends no process before another node serves its endpoint', () => {
    const released = { ...untried, successes: 1 };
    assert.equal(what(decide('releasing', { nodes: [node(1), marked], reader: null }, released)), 'wait');
  });

  it('does not wait for ever for a node that cannot be told to forget', () => {
    const tired = { ...untried, attempts: 12, lastError: new Error('unreachable') };
    assert.equal(what(decide('releasing', { nodes: [node(1), marked], reader: 'n1' }, tired)), 'destroying');
  });

  it('marks nobody who is needed: it waits, and lets that one stay while the others leave', () => {
    const both = { ...input, members: ['orders-002', 'orders-003'] };
    const nodes = [node(1), node(2), node(3)];
    const waiting = decideAll(both, { step: 'marking' }, { nodes }, { needed: neededNode('n2') });
    assert.ok(waiting.kind === 'wait');
    assert.match(waiting.sentence, /orders-002 cannot go yet: orders-001 is dead/);
    const given = waiting.otherwise('orders-001 is dead');
    const staying = { members: ['orders-002'], reason: 'orders-001 is dead' };
    assert.deepEqual(given.kind === 'go' && given.state, { step: 'marking', staying });
    const next = decideAll(both, { step: 'marking', staying }, { nodes });
    assert.deepEqual(next.kind === 'act' && next.act, { kind: 'mark', members: ['orders-003'] });
    const ended = decideAll(both, { step: 'destroying', staying }, { nodes: [node(1), node(2)] });
    assert.ok(ended.kind === 'fail');
    assert.deepEqual(statusesIn(ended), { orders: 'available', 'orders-002': 'available' });
    assert.match(eventsIn(ended).join(), /Not removed: orders-002 \(orders-001 is dead\)/);
  });

  it('waits with marked ones as soon as they are needed, and begins anew once they are members again', () => {
    const needed = neededNode('n2');
    assert.equal(
      what(decideAll(input, { step: 'releasing' }, { nodes: [node(1), marked] }, { needed })),
      'wait',
    );
    const again = { nodes: [node(1), node(2)] };
    for (const step of ['releasing', 'destroying'] as const)
      assert.equal(what(decide(step, again)), 'marking');
  });

  it('ends as members again those that stay and still have a tombstone', () => {
    const staying = { members: ['orders-002'], reason: 'orders-001 is dead' };
    const ended = decideAll(input, { step: 'destroying', staying }, { nodes: [node(1), marked] });
    const [row] = 'changes' in ended ? ended.changes.flatMap(nodeIn) : [];
    assert.deepEqual([row?.intent, row?.status], ['running', 'available']);
  });

  it('leaves a group that is gone or being deleted alone', () => {
    assert.equal(what(decide('marking', null)), 'finish');
    assert.equal(what(decide('marking', { nodes: [node(1), node(2)], status: 'deleting' })), 'finish');
  });
});
