import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Tries } from '../../src/operations/operation-kind.ts';
import { decideRemoveMembers, type RemoveMembersState } from '../../src/operations/remove-members.ts';
import { input as cache, node, untried, type ViewParts, view, well } from './member-views.ts';

const input = { ...cache, members: ['orders-002'], shrink: [] };

const decide = (step: RemoveMembersState['step'], parts: ViewParts | null, tries: Tries = untried) =>
  decideRemoveMembers(input, { step }, { view: parts && view(parts), health: well, now: 0 }, tries);

const what = (decision: ReturnType<typeof decide>): unknown =>
  decision.kind === 'act' ? decision.act : decision.kind === 'go' ? decision.state.step : decision.kind;

const marked = node(2, { intent: 'deleted' });

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

  it('leaves a group that is gone or being deleted alone', () => {
    assert.equal(what(decide('marking', null)), 'finish');
    assert.equal(what(decide('marking', { nodes: [node(1), node(2)], status: 'deleting' })), 'finish');
  });
});
