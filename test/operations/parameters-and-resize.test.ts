import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CacheView } from '../../src/fleet/cache-view.ts';
import { type ApplyParametersState, decideApplyParameters } from '../../src/operations/apply-parameters.ts';
import type { Tries } from '../../src/operations/operation-kind.ts';
import { decideResizeMemcached, type ResizeMemcachedState } from '../../src/operations/resize-memcached.ts';
import type { CacheHealth } from '../../src/reconcilers/shards.ts';
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

describe('immediate parameters of a changed group', () => {
  const input = {
    cacheKind: 'replication-group',
    cacheIncarnation: 'x',
    cacheId: 'orders',
    parameterGroupName: 'mine',
    names: ['timeout', 'maxmemory-policy'],
  } as const;
  const available = groupView([cacheNode()], { status: 'available' });
  const decide = (
    step: ApplyParametersState['step'],
    view: CacheView | null = available,
    tries: Tries = untried,
    notApplied: readonly { parameter: string; reason: string }[] = [],
  ) => {
    const values = { timeout: '60', 'maxmemory-policy': 'allkeys-lru' };
    return decideApplyParameters(input, { step }, { view, values, notApplied, now }, tries);
  };

  it('are of no use to a cache that is gone or going', () => {
    assert.equal(shortly(decide('applying', null)), 'finish');
    assert.equal(shortly(decide('applying', groupView([], { status: 'deleting' }))), 'finish');
  });

  it('are applied to every running node, and recorded after', () => {
    assert.equal(shortly(decide('applying')), 'act apply');
    assert.equal(shortly(decide('applying', available, { ...untried, successes: 1 })), 'go recording');
  });

  it('are told with their values, once for each member', () => {
    const decision = decide('recording');
    assert.equal(shortly(decision), 'finish');
    assert.equal(eventsIn(decision).length, 4);
    assert.ok(eventsIn(decision).some((text) => text.includes('allkeys-lru')));
  });

  it('that the engine does not have are told as not applied, with the reason', () => {
    const notApplied = [{ parameter: 'timeout', reason: 'this engine has no such directive' }];
    const texts = eventsIn(decide('recording', available, untried, notApplied));
    assert.equal(texts.length, 3);
    assert.ok(texts.some((text) => text.includes('this engine has no such directive')));
  });

  it('that are refused five times wait for a reboot, and the refusal is told', () => {
    assert.equal(shortly(decide('applying', available, triedTimes(4, 'no'))), 'act apply');
    const decision = decide('applying', available, triedTimes(5, 'argument must be a memory value'));
    assert.equal(shortly(decision), 'fail');
    assert.match(decision.sentence, /argument must be a memory value/);
    assert.deepEqual(statusesIn(decision), { orders: 'available' });
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
