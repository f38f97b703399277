import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CacheView } from '../../src/fleet/cache-view.ts';
import { type DeleteCacheState, decideDeleteCache } from '../../src/operations/delete-cache.ts';
import { decideReboot, type RebootState } from '../../src/operations/reboot-nodes.ts';
import type { CacheHealth } from '../../src/reconcilers/shards.ts';
import { cacheNode, nodeGroup } from '../store/rows.ts';
import {
  eventsIn,
  groupView,
  memcachedView,
  now,
  settled,
  shortly,
  statusesIn,
  unsettled,
} from './cache-views.ts';

const input = { cacheKind: 'replication-group', cacheIncarnation: 'x', cacheId: 'orders' } as const;

describe('the deletion of a cache', () => {
  const decide = (step: DeleteCacheState['step'], view: CacheView | null, isLed = true) =>
    shortly(decideDeleteCache({ ...input, retainPrimary: false }, { step }, { view, isLed, now }));
  const running = [cacheNode(), cacheNode({ cacheClusterId: 'orders-002' })];
  const marked = running.map((node) => ({ ...node, intent: 'deleted' as const }));

  it('ends when nothing is left', () => {
    assert.equal(decide('destroying', null), 'finish');
  });

  it('marks all nodes before it destroys any', () => {
    assert.equal(decide('marking', groupView(running)), 'act mark');
    assert.equal(decide('marking', groupView([marked[0]!, running[1]!])), 'act mark');
    assert.equal(decide('marking', groupView(marked)), 'go destroying');
  });

  it('destroys the nodes, and removes the rows last', () => {
    assert.equal(decide('destroying', groupView(marked)), 'act destroy');
    assert.equal(decide('destroying', groupView([])), 'act remove-rows');
  });

  it('that keeps the primary takes it out last, and only once: until then it may be lost, and another one leads', () => {
    assert.equal(decide('retaining', groupView(running)), 'act mark-others');
    assert.equal(decide('retaining', groupView([running[0]!, marked[1]!])), 'act destroy-others');
    assert.equal(decide('retaining', groupView([running[0]!])), 'act retain');
    const moved = { ...groupView([running[1]!]), nodeGroups: [nodeGroup({ currentPrimary: 'moved' })] };
    assert.equal(decide('retaining', moved), 'go marking');
  });

  it('that keeps the primary waits while there is none: the living copy must not be destroyed', () => {
    assert.equal(decide('retaining', groupView(running), false), 'wait');
  });
});

describe('the reboot of a member', () => {
  const reboot = { ...input, clusterId: 'orders-001', cacheNodeIds: ['0001'] };
  const node = (changes = {}) => cacheNode({ cacheClusterId: 'orders-001', ...changes });
  const other = cacheNode({ cacheClusterId: 'orders-002' });
  const asked = { status: 'rebooting cluster nodes' };
  const decide = (step: RebootState['step'], view: CacheView | null, health: CacheHealth = settled) =>
    decideReboot(reboot, { step }, { view, health, now });

  it('ends when the cache is gone or is being deleted', () => {
    assert.equal(shortly(decide('waiting', null)), 'finish');
    assert.equal(shortly(decide('waiting', groupView([node()], { status: 'deleting' }))), 'finish');
  });

  it('tells the nodes to restart, and does not do so twice', () => {
    assert.equal(shortly(decide('asking', groupView([node(), other]))), 'act ask');
    assert.equal(shortly(decide('asking', groupView([node(asked), other]))), 'go waiting');
  });

  it("waits for the shard's worker: the new process first, then the whole shard", () => {
    const restarting = groupView([node({ ...asked, intent: 'restarting' }), other]);
    assert.equal(shortly(decide('waiting', restarting)), 'wait');
    assert.equal(shortly(decide('waiting', groupView([node(asked), other]), unsettled)), 'wait');
  });

  it('makes the member available, and tells it', () => {
    const decision = decide('waiting', groupView([node(asked), other], { status: 'available' }));
    assert.deepEqual(statusesIn(decision), { 'orders-001': 'available' });
    assert.equal(eventsIn(decision).length, 1);
  });

  it('of some nodes of Memcached makes the cluster available', () => {
    const view = memcachedView(['0001', '0002'], { status: 'rebooting cluster nodes' });
    const some = { ...reboot, cacheKind: 'cache-cluster', clusterId: 'sessions' } as const;
    const decision = decideReboot(some, { step: 'waiting' }, { view, health: settled, now });
    assert.deepEqual(statusesIn(decision), { sessions: 'available' });
  });
});
