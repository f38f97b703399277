import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decidePromoteMember, type PromoteMemberState } from '../../src/operations/promote-member.ts';
import { input as cache, node, type ViewParts, view, well } from './member-views.ts';

const input = { ...cache, clusterId: 'orders-002' };
const both = [node(1), node(2)];

const decide = (state: PromoteMemberState, parts: ViewParts) =>
  decidePromoteMember(input, state, { view: view(parts), health: well, now: 0 });

const what = (decision: ReturnType<typeof decide>): unknown =>
  decision.kind === 'go' ? decision.state : decision.kind === 'act' ? decision.act : decision.kind;

describe('the promotion of a member', () => {
  it('records who is to lead, and waits for the worker that hands over', () => {
    assert.equal(what(decide({ step: 'setting-target', round: 1 }, { nodes: both })), 'set-target-primary');
    const shard = { targetPrimary: 'n2' };
    assert.deepEqual(what(decide({ step: 'setting-target', round: 1 }, { nodes: both, shard })), {
      step: 'switching-over',
      round: 1,
    });
    assert.equal(what(decide({ step: 'switching-over', round: 1 }, { nodes: both, shard })), 'wait');
  });

  it('ends when the member leads, and nothing is pending then', () => {
    const shard = { currentPrimary: 'n2', targetPrimary: 'n2' };
    const done = decide({ step: 'switching-over', round: 1 }, { nodes: both, shard });
    assert.ok(done.kind === 'finish');
    const [change] = done.changes;
    assert.ok(change && 'put' in change && change.put === 'resource');
    assert.equal(change.row.status, 'available');
    assert.deepEqual((change.row.desired as { pending: object }).pending, {});
  });

  it('asks again when the worker gave up, three times in all', () => {
    const again = decide({ step: 'switching-over', round: 1 }, { nodes: both });
    assert.deepEqual(what(again), { step: 'setting-target', round: 2 });
    assert.equal(what(decide({ step: 'switching-over', round: 3 }, { nodes: both })), 'fail');
  });

  it('waits for a member that takes its data anew, and for a failover under way', () => {
    const nodes = [node(1), node(2, { synced: false })];
    assert.equal(what(decide({ step: 'setting-target', round: 1 }, { nodes })), 'wait');
    const shard = { targetPrimary: 'n3' };
    assert.equal(
      what(decide({ step: 'setting-target', round: 1 }, { nodes: [...both, node(3)], shard })),
      'wait',
    );
  });

  it('gives up when the member is gone', () => {
    assert.equal(what(decide({ step: 'setting-target', round: 1 }, { nodes: [node(1)] })), 'fail');
    const nodes = [node(1), node(2, { intent: 'deleted' })];
    assert.equal(what(decide({ step: 'setting-target', round: 1 }, { nodes })), 'fail');
  });
});
