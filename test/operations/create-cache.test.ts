import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CacheView } from '../../src/fleet/cache-view.ts';
import { type CreateCacheState, decideCreateCache } from '../../src/operations/create-cache.ts';
import type { Tries } from '../../src/operations/operation-kind.ts';
import type { CacheHealth } from '../../src/reconcilers/shards.ts';
import { SpawnFailed } from '../../src/runtime/contract.ts';
import { cacheNode } from '../store/rows.ts';
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

const input = {
  cacheKind: 'replication-group',
  cacheIncarnation: 'x',
  cacheId: 'orders',
  zones: [],
} as const;
const nodes = [
  cacheNode({ status: 'creating' }),
  cacheNode({ cacheClusterId: 'orders-002', status: 'creating' }),
];

function decide(
  step: 'placing' | 'starting' | 'forming' | 'publishing' | 'confirming' | CreateCacheState,
  view: CacheView | null,
  more: { health?: CacheHealth; living?: number; now?: number; tries?: Tries } = {},
) {
  const { health = settled, living = 0, tries = untried } = more;
  const state = typeof step === 'string' ? { step } : step;
  return decideCreateCache(input, state, { view, health, living, now: more.now ?? now }, tries);
}

describe('the creation of a cache', () => {
  it('ends when the cache is gone', () => {
    assert.equal(shortly(decide('starting', null)), 'finish');
  });

  it('gives the nodes their addresses, and does not do so twice', () => {
    assert.equal(shortly(decide('placing', groupView([]))), 'act place');
    assert.equal(shortly(decide('placing', groupView(nodes))), 'go starting');
  });

  it('waits for the nodes and says for what', () => {
    const decision = decide('starting', groupView(nodes), { health: unsettled });
    assert.deepEqual([shortly(decision), decision.sentence], ['wait', 'a node is started']);
  });

  it('of a group without cluster mode is confirmed as soon as the nodes answer', () => {
    assert.equal(shortly(decide('starting', groupView(nodes))), 'go confirming');
  });

  it('of a cluster forms it first, once', () => {
    const cluster = { clusterMode: 'enabled', isFormed: false } as const;
    assert.equal(shortly(decide('starting', groupView(nodes, cluster))), 'go forming');
    assert.equal(shortly(decide('forming', groupView(nodes, cluster))), 'act form');
    const starting = decide('forming', groupView(nodes, cluster), { health: unsettled });
    assert.equal(shortly(starting), 'wait', 'its nodes may have been started anew meanwhile');
    assert.equal(shortly(decide('forming', groupView(nodes, { clusterMode: 'enabled' }))), 'go confirming');
  });

  it('of Memcached publishes the node list, once', () => {
    assert.equal(shortly(decide('starting', memcachedView(['0001']))), 'go publishing');
    assert.equal(shortly(decide('publishing', memcachedView(['0001']))), 'act publish');
    assert.equal(
      shortly(decide('publishing', memcachedView(['0001'], { configurationVersion: 1 }))),
      'go confirming',
    );
  });

  it('makes the cache, its members and its nodes available in one commit, with their events', () => {
    assert.equal(shortly(decide('confirming', groupView(nodes), { health: unsettled })), 'wait');
    const decision = decide('confirming', groupView(nodes));
    assert.equal(shortly(decision), 'finish');
    assert.deepEqual(statusesIn(decision), {
      orders: 'available',
      'orders-001': 'available',
      'orders-002': 'available',
    });
    assert.equal(eventsIn(decision).length, 5, 'two members, two nodes, the group');
  });
});

describe('a creation that fails', () => {
  it('goes on while a node has failed to start twice, and is given up after the third time', () => {
    const error = new SpawnFailed(
      'valkey-server did not start',
      'Bad directive or wrong number of arguments',
    );
    assert.equal(shortly(decide('starting', groupView(nodes), { health: failing(2, error) })), 'wait');
    const decision = decide('starting', groupView(nodes), { health: failing(3, error) });
    assert.equal(shortly(decision), 'go abandoning');
    assert.ok(decision.kind === 'go' && decision.state.step === 'abandoning');
    assert.match(decision.state.reason, /did not start\. The engine's last words: Bad directive/);
  });

  it('is given up after three attempts of one step', () => {
    const tries = triedTimes(3, 'no address is left');
    assert.equal(shortly(decide('placing', groupView([]), { tries })), 'go abandoning');
  });

  it('is given up when its nodes do not come within a quarter of an hour: whatever time Limber was away', () => {
    for (const step of ['starting', 'confirming'] as const) {
      const waiting = decide(step, groupView(nodes), { health: unsettled });
      assert.ok(waiting.kind === 'wait');
      const late = waiting.otherwise('not within 15 minutes: a node is started');
      assert.deepEqual([waiting.limitMs, shortly(late)], [15 * 60_000, 'go abandoning']);
      assert.match(JSON.stringify(late), /not within 15 minutes: a node is started/);
    }
  });

  const abandoning = { step: 'abandoning', reason: 'no address is left' } as const;

  it('stops what was started until nothing lives and nothing may start', () => {
    assert.equal(shortly(decide(abandoning, groupView(nodes), { living: 1 })), 'act stop');
    assert.equal(shortly(decide(abandoning, groupView(nodes), { living: 0 })), 'act stop');
    const stopped = nodes.map((node) => ({ ...node, intent: 'stopped' as const }));
    assert.equal(shortly(decide(abandoning, groupView(stopped), { living: 1 })), 'act stop');
    assert.equal(shortly(decide(abandoning, groupView(stopped))), 'fail');
  });

  it('leaves the cache and its members as create-failed, with the reason in the event', () => {
    const decision = decide(abandoning, groupView([]));
    assert.deepEqual(statusesIn(decision), {
      orders: 'create-failed',
      'orders-001': 'create-failed',
      'orders-002': 'create-failed',
    });
    assert.match(eventsIn(decision)[0]!, /no address is left/);
    const memcached = decide(abandoning, memcachedView([]));
    assert.deepEqual(statusesIn(memcached), { sessions: 'create-failed' });
  });
});
