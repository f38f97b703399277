import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CacheView } from '../../src/fleet/cache-view.ts';
import type { CacheNode } from '../../src/model/node.ts';
import { type ApplyParametersState, decideApplyParameters } from '../../src/operations/apply-parameters.ts';
import type { Tries } from '../../src/operations/operation-kind.ts';
import { decideResizeMemcached, type ResizeMemcachedState } from '../../src/operations/resize-memcached.ts';
import type { CacheHealth } from '../../src/reconcilers/shards.ts';
import { cacheNode, configuration, onTarget, target } from '../store/rows.ts';
import {
  eventsIn,
  failing,
  groupView,
  memcachedView,
  now,
  settled,
  shortly,
  statusesIn,
  triedTimes,
  unsettled,
  untried,
} from './cache-views.ts';

describe('the configuration that a cache has got', () => {
  const input = {
    cacheKind: 'replication-group',
    cacheIncarnation: 'x',
    cacheId: 'orders',
    modifies: true,
  } as const;
  const configurations = [
    configuration,
    { ...configuration, version: 2, overrides: { timeout: '60', activedefrag: 'yes' } },
  ];
  const applied = { ...onTarget.applied, configVersion: 2 };
  const next = { ...target, configVersion: 2 };
  const behind = cacheNode();
  const targeted = cacheNode({ target: next });
  const there = cacheNode({ target: next, started: next, applied });
  const view = (...nodes: CacheNode[]) => groupView(nodes, { status: 'available', configurations });
  const decide = (state: ApplyParametersState, seen: CacheView | null, tries: Tries = untried) =>
    decideApplyParameters(input, state, { view: seen, now }, tries);
  const targeting = { step: 'targeting' } as const;
  const converging = { step: 'converging' } as const;
  const woken = { ...untried, successes: 1 };

  it('is of no use when the cache is gone or going, or has become a member of a group', () => {
    assert.equal(shortly(decide(targeting, null)), 'finish');
    assert.equal(shortly(decide(targeting, groupView([], { status: 'deleting' }))), 'finish');
    assert.equal(shortly(decide(targeting, groupView([behind], { configurations: [] }))), 'finish');
  });

  it('becomes the target of every node but those that leave, in one commit', () => {
    const decision = decide(targeting, view(behind, cacheNode({ intent: 'deleted' }), there));
    assert.equal(shortly(decision), 'go converging');
    assert.ok(decision.kind === 'go');
    assert.deepEqual(
      decision.changes.flatMap((change) => ('put' in change && change.put === 'node' ? [change.row] : [])),
      [{ ...behind, version: 2, target: next }],
    );
  });

  it('tells once which of its changes no engine takes, and why', () => {
    const [text, ...more] = eventsIn(decide(targeting, view(behind)));
    assert.match(text ?? '', /activedefrag is kept but not applied: active defragmentation needs/);
    assert.deepEqual(more, []);
    assert.deepEqual(eventsIn(decide(targeting, view(targeted))), []);
  });

  it('is waited for where a node runs, and not where none does', () => {
    assert.equal(shortly(decide(converging, view(targeted))), 'act wake');
    assert.equal(shortly(decide(converging, view(there, targeted), woken)), 'wait');
    assert.equal(shortly(decide(converging, view(there), woken)), 'finish');
    const new_ = cacheNode({ target: next, handle: null, started: null, applied: null });
    const stopped = cacheNode({ target: next, intent: 'stopped' });
    assert.equal(shortly(decide(converging, view(there, new_, stopped), woken)), 'finish');
  });

  it('is not waited for any longer than so: the node gets it by itself', () => {
    const decision = decide(converging, view(there, targeted), woken);
    assert.ok(decision.kind === 'wait');
    assert.ok(decision.limitMs <= 5_000, 'other changes of the cache wait for this one');
    const leaving = decision.otherwise('in vain');
    assert.equal(leaving.kind, 'finish');
    assert.match(leaving.sentence, /orders-0001-001 gets configuration 2 later, by itself/);
  });

  it('lets those go that no node runs with, but for the one before it', () => {
    const third = { ...configuration, version: 3, overrides: {} };
    const all = groupView(
      [{ ...there, target: { ...next, configVersion: 3 }, applied: { ...applied, configVersion: 3 } }],
      {
        configurations: [...configurations, third],
      },
    );
    const decision = decide(converging, all, woken);
    assert.ok(decision.kind === 'finish');
    const [change] = decision.changes;
    assert.ok(
      change && 'put' in change && change.put === 'resource' && 'configurations' in change.row.desired,
    );
    assert.deepEqual(
      change.row.desired.configurations.map(({ version }) => version),
      [2, 3],
    );
  });
});

describe('a Memcached cluster that is resized', () => {
  const input = {
    cacheKind: 'cache-cluster',
    cacheIncarnation: 'x',
    cacheId: 'sessions',
    from: 2,
    add: [{ cacheNodeId: '0003', availabilityZone: 'eu-central-1a' }],
    remove: ['0001'],
  } as const;
  const decide = (
    state: ResizeMemcachedState | Exclude<ResizeMemcachedState['step'], 'undoing'>,
    view: CacheView | null,
    { health = settled, tries = untried }: { health?: CacheHealth; tries?: Tries } = {},
  ) =>
    decideResizeMemcached(
      input,
      (typeof state === 'string' ? { step: state } : state) as ResizeMemcachedState,
      { view, health, now },
      tries,
    );
  const before = memcachedView(['0001', '0002'], { status: 'modifying' });
  const grown = memcachedView(['0001', '0002', '0003'], { status: 'modifying' });
  const going = memcachedView(['0001', '0002', '0003'], {
    status: 'modifying',
    node: (id) => (id === '0001' ? { intent: 'deleted' } : {}),
  });

  it('ends when it is gone or going', () => {
    assert.equal(shortly(decide('placing', null)), 'finish');
    assert.equal(shortly(decide('placing', memcachedView([], { status: 'deleting' }))), 'finish');
  });

  it('gets the new nodes first, and waits until they answer', () => {
    assert.equal(shortly(decide('placing', before)), 'act place');
    assert.equal(shortly(decide('placing', grown)), 'go starting');
    assert.equal(shortly(decide('starting', grown, { health: unsettled })), 'wait');
    assert.equal(shortly(decide('starting', grown)), 'go unlisting');
  });

  it('takes nodes off the list before they end', () => {
    assert.equal(shortly(decide('unlisting', grown)), 'act unlist');
    assert.equal(shortly(decide('unlisting', going)), 'go publishing');
    assert.equal(shortly(decide('publishing', going)), 'act publish');
    assert.equal(
      shortly(decide('publishing', going, { tries: { ...untried, successes: 1 } })),
      'go destroying',
    );
    assert.equal(shortly(decide('destroying', going)), 'act destroy');
  });

  it('is available with what it has then, and tells what came and went', () => {
    const decision = decide('destroying', memcachedView(['0002', '0003'], { status: 'modifying' }));
    assert.equal(shortly(decision), 'finish');
    assert.deepEqual(statusesIn(decision), { sessions: 'available' });
    assert.equal(eventsIn(decision).length, 3);
  });

  it('goes back to what it was when there is no room or a node does not start', () => {
    const noRoom = decide('placing', before, { tries: triedTimes(3, 'no address is left') });
    assert.equal(shortly(noRoom), 'go undoing');
    const noStart = decide('starting', grown, { health: failing(3, new Error('it does not start')) });
    assert.equal(shortly(noStart), 'go undoing');
    const undoing = { step: 'undoing', reason: 'it does not start' } as const;
    assert.equal(shortly(decide(undoing, grown)), 'act undo');
    const decision = decide(undoing, before);
    assert.equal(shortly(decision), 'fail');
    assert.deepEqual(statusesIn(decision), { sessions: 'available' });
    assert.match(eventsIn(decision).join(), /it does not start/);
  });
});
