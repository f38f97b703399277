import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CacheNode } from '../../src/model/node.ts';
import { type AddMembersState, decideAddMembers } from '../../src/operations/add-members.ts';
import type { Decision, Tries } from '../../src/operations/operation-kind.ts';
import type { CacheHealth } from '../../src/reconcilers/shards.ts';
import { SpawnFailed } from '../../src/runtime/contract.ts';
import { statusesIn } from './cache-views.ts';
import { input as cache, node, untried, type ViewParts, view, well } from './member-views.ts';

const input = {
  ...cache,
  members: ['orders-002', 'orders-003'],
  growth: [{ nodeGroupId: '0001', from: 0, to: 2 }],
};

const decide = (
  state: AddMembersState,
  parts: ViewParts | null,
  health: CacheHealth = well,
  tries: Tries = untried,
) => {
  const seen = parts && view(parts);
  const shard = seen?.nodeGroups[0];
  const leaders = seen?.nodes.filter(({ incarnation }) => incarnation === shard?.targetPrimary) ?? [];
  const kept = { leaders, needed: null };
  return decideAddMembers(input, state, { view: seen, health, kept, now: 0 }, tries);
};

const all = [node(1), node(2), node(3)];
const failing = (error: Error): CacheHealth => ({
  ...well,
  failure: { attempts: 3, endings: 0, notBefore: 0, error },
});

describe('adding members', () => {
  it('gives all new nodes their addresses first, and never twice', () => {
    assert.equal(decide({ step: 'placing' }, { nodes: [node(1)] }).kind, 'act');
    const next = decide({ step: 'placing' }, { nodes: all });
    assert.deepEqual('state' in next && next.state, { step: 'syncing' });
  });

  it('waits until every new node holds its primary’s data', () => {
    const syncing = decide({ step: 'syncing' }, { nodes: [node(1), node(2), node(3, { synced: false })] });
    assert.deepEqual([syncing.kind, syncing.sentence], ['wait', 'all is well']);
    assert.equal(decide({ step: 'syncing' }, { nodes: all }).kind, 'finish');
  });

  it('does not wait for other members of the group', () => {
    const nodes = [node(1), node(2), node(3), node(4, { synced: false })];
    assert.equal(decide({ step: 'syncing' }, { nodes }).kind, 'finish');
  });

  it('has every node of a cluster list them before they are available', () => {
    const synced = decide({ step: 'syncing' }, { nodes: all, clusterMode: 'enabled' });
    assert.deepEqual('state' in synced && synced.state, { step: 'spreading' });
    assert.equal(decide({ step: 'spreading' }, { nodes: all }).kind, 'act');
    assert.equal(
      decide({ step: 'spreading' }, { nodes: all }, well, { ...untried, successes: 1 }).kind,
      'finish',
    );
  });

  it('keeps replicas that hold all data even when a node does not list them in time', () => {
    const tries = { ...untried, attempts: 3, lastError: new Error('late') };
    assert.equal(decide({ step: 'spreading' }, { nodes: all }, well, tries).kind, 'finish');
  });

  it('takes all of them back when one does not start, with the engine’s last words', () => {
    const error = new SpawnFailed('orders-003 did not start', 'Address already in use');
    const decision = decide({ step: 'syncing' }, { nodes: all }, failing(error));
    assert.ok('state' in decision && decision.state.step === 'undoing');
    assert.match(decision.state.reason, /last words: Address already in use/);
    assert.equal(decide(decision.state, { nodes: all }).kind, 'act');
    assert.equal(decide(decision.state, { nodes: [node(1)] }).kind, 'fail');
  });

  it('keeps one that has come to lead meanwhile, because it holds the data', () => {
    const undoing = { step: 'undoing', reason: 'orders-003 did not start' } as const;
    const shard = { currentPrimary: 'n2', targetPrimary: 'n2' };
    assert.equal(decide(undoing, { nodes: all, shard }).kind, 'act');
    assert.equal(decide(undoing, { nodes: [node(1), node(2)], shard: { targetPrimary: 'n2' } }).kind, 'fail');
    const decision = decide(undoing, { nodes: [node(1), node(2)], shard });
    assert.ok(decision.kind === 'fail');
    const rows = decision.changes.flatMap((change) => {
      if ('remove' in change && change.remove === 'resource') return [`${change.key.id} goes`];
      return 'put' in change && change.put === 'resource' ? [`${change.row.id} ${change.row.status}`] : [];
    });
    assert.deepEqual(rows, ['orders available', 'orders-003 goes', 'orders-002 available']);
  });

  it('waits with one that holds the only copy, and keeps it when nobody else comes back', () => {
    const undoing = { step: 'undoing', reason: 'orders-003 did not start' } as const;
    const needed = { nodes: new Set(['n2']), sentence: 'orders-002 cannot go yet' };
    const decideWith = (nodes: readonly CacheNode[]) =>
      decideAddMembers(
        input,
        undoing,
        { view: view({ nodes }), health: well, kept: { leaders: [], needed }, now: 0 },
        untried,
      );
    assert.equal(decideWith(all).kind, 'act', 'the other one is taken back at once');
    const decision = decideWith([node(1), node(2)]);
    assert.deepEqual([decision.kind, decision.sentence], ['wait', needed.sentence]);
    const kept = decision.kind === 'wait' ? decision.otherwise('not within 2 minutes') : null;
    assert.equal(kept?.kind, 'fail');
    assert.deepEqual(statusesIn(kept as Decision<unknown, unknown>), {
      orders: 'available',
      'orders-002': 'available',
    });
  });

  it('gives up when no place can be found', () => {
    const tries = { ...untried, attempts: 3, lastError: new Error('no addresses') };
    const decision = decide({ step: 'placing' }, { nodes: [node(1)] }, well, tries);
    assert.deepEqual('state' in decision && decision.state, { step: 'undoing', reason: 'no addresses' });
  });

  it('leaves a group that is gone or being deleted alone', () => {
    assert.equal(decide({ step: 'syncing' }, null).kind, 'finish');
    assert.equal(decide({ step: 'syncing' }, { nodes: all, status: 'deleting' }).kind, 'finish');
  });
});
