import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decideTestFailover, type TestFailoverState } from '../../src/operations/test-failover.ts';
import { input as cache, node, type ViewParts, view } from './member-views.ts';

const input = { ...cache, nodeGroupId: '0001' };
const handle = { bootId: 'b', pid: 1, startTime: 1 };
const victim = { node: 'n1', handle };
const restarted = { bootId: 'b', pid: 99, startTime: 9 };

const decide = (
  state: TestFailoverState,
  parts: ViewParts,
  isVictimAlive = false,
  noHeir: string | null = null,
) =>
  decideTestFailover(input, state, {
    view: view({ status: 'available', ...parts }),
    isVictimAlive,
    noHeir,
    sentence: 'waiting',
    now: 0,
  });

const step = (decision: ReturnType<typeof decide>): unknown =>
  decision.kind === 'go' ? decision.state.step : decision.kind;

const led = { currentPrimary: 'n2', targetPrimary: 'n2' };

describe('a test failover', () => {
  it('kills the process that leads now, and no later one of the same node', () => {
    const chosen = decide({ step: 'choosing' }, { nodes: [node(1), node(2)] });
    assert.ok(chosen.kind === 'go');
    assert.deepEqual(chosen.state, { step: 'killing', ...victim });
    const kill = decide({ step: 'killing', ...victim }, { nodes: [node(1), node(2)] }, true);
    assert.deepEqual(kill.kind === 'act' && kill.act, { kill: victim });
    const nodes = [node(1, { handle: restarted }), node(2)];
    assert.equal(step(decide({ step: 'killing', ...victim }, { nodes })), 'failing-over');
  });

  it('kills nobody while no replica could take over: it waits a moment, and is not done', () => {
    const why = 'no replica is known to hold the data (orders-002 hangs)';
    for (const state of [{ step: 'choosing' }, { step: 'killing', ...victim }] as const) {
      const decision = decide(state, { nodes: [node(1), node(2)] }, true, why);
      assert.ok(decision.kind === 'wait' && decision.limitMs <= 10_000);
      const given = decision.otherwise(`not within 10 seconds: ${why}`);
      assert.deepEqual([given.kind, given.sentence.includes('orders-002 hangs')], ['fail', true]);
    }
  });

  it('chooses anew when another node leads before anybody was killed', () => {
    const killing = { step: 'killing', ...victim } as const;
    assert.equal(step(decide(killing, { nodes: [node(1), node(2)], shard: led }, true)), 'choosing');
  });

  it('waits while somebody is promoted already', () => {
    const shard = { targetPrimary: 'n2' };
    assert.equal(step(decide({ step: 'choosing' }, { nodes: [node(1), node(2)], shard })), 'wait');
  });

  it('goes on until another node leads and the killed one holds all data again', () => {
    const failing = { step: 'failing-over', ...victim } as const;
    assert.equal(
      step(decide(failing, { nodes: [node(1), node(2)], shard: { targetPrimary: 'n2' } })),
      'wait',
    );
    assert.equal(step(decide(failing, { nodes: [node(1), node(2)], shard: led })), 'recovering');
    const recovering = { step: 'recovering', ...victim } as const;
    const back = (more: object) => [node(1, { handle: restarted, role: 'replica', ...more }), node(2)];
    assert.equal(step(decide(recovering, { nodes: back({ synced: false }), shard: led })), 'wait');
    assert.equal(step(decide(recovering, { nodes: back({}), shard: led })), 'finish');
  });

  it('ends, too, when the same node leads again with its own files', () => {
    const nodes = [node(1, { handle: restarted, role: 'primary' }), node(2)];
    assert.equal(step(decide({ step: 'failing-over', ...victim }, { nodes })), 'finish');
    const dead = [node(1), node(2)];
    assert.equal(step(decide({ step: 'failing-over', ...victim }, { nodes: dead })), 'wait');
  });

  it('does not wait for a member that was removed meanwhile', () => {
    assert.equal(step(decide({ step: 'recovering', ...victim }, { nodes: [node(2)], shard: led })), 'finish');
  });
});
