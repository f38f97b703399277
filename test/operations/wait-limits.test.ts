/** What each kind of operation does when what it waits for has not come: every wait of every kind, once. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decideAddMembers } from '../../src/operations/add-members.ts';
import { decideCreateFromPrimary } from '../../src/operations/create-from-primary.ts';
import { decideDeleteCache } from '../../src/operations/delete-cache.ts';
import { type Kept, noneKept } from '../../src/operations/members/take-back.ts';
import type { Decision, Leaving } from '../../src/operations/operation-kind.ts';
import { decidePromoteMember } from '../../src/operations/promote-member.ts';
import { decideReboot } from '../../src/operations/reboot-nodes.ts';
import { decideRemoveMembers } from '../../src/operations/remove-members.ts';
import { decideResizeMemcached } from '../../src/operations/resize-memcached.ts';
import { decideTestFailover } from '../../src/operations/test-failover.ts';
import { dataLimitMs } from '../../src/operations/wait-limits.ts';
import { replicationGroup } from '../store/rows.ts';
import { eventsIn, failing, memcachedView, settled, statusesIn, unsettled } from './cache-views.ts';
import { input, node, untried, type ViewParts, view } from './member-views.ts';

const now = 0;
const reason = 'not within 2 minutes: a node is started';

function afterwards(decision: Decision<unknown, unknown>): Leaving<unknown> {
  assert.equal(decision.kind, 'wait');
  return (decision as Extract<typeof decision, { kind: 'wait' }>).otherwise(reason);
}

const assertGoesTo = (step: string, decision: Leaving<unknown>) =>
  assert.deepEqual(decision.kind === 'go' && decision.state, { step, reason });

const unsynced = [node(1), node(2, { synced: false })];

describe('what a limited wait leads to', () => {
  it('new replicas that do not get their data are taken back', () => {
    const seen = { view: view({ nodes: unsynced }), health: unsettled, kept: noneKept, now };
    const adding = { ...input, members: ['orders-002'], growth: [] };
    assertGoesTo('undoing', afterwards(decideAddMembers(adding, { step: 'syncing' }, seen, untried)));
  });

  describe('a group from a cluster', () => {
    const creating = { ...input, primary: { clusterId: 'orders-001', clusterIncarnation: 'c' } };
    const decide = (step: 'syncing' | 'returning', parts: ViewParts, kept: Kept = noneKept) =>
      decideCreateFromPrimary(
        creating,
        step === 'returning' ? { step, reason: 'no room' } : { step },
        { view: view({ status: 'creating', ...parts }), health: unsettled, kept, now },
        untried,
      );

    it('whose replicas do not get their data is given back', () => {
      assertGoesTo('returning', afterwards(decide('syncing', { nodes: unsynced })));
    });

    it('that another member leads, which the cluster cannot follow, is kept: that one has the data', () => {
      const shard = { currentPrimary: 'n2', targetPrimary: 'n2' };
      const nodes = [node(1, { synced: false }), node(2)];
      const kept = afterwards(decide('returning', { nodes, shard }));
      assert.deepEqual(
        [kept.kind, statusesIn(kept).orders, statusesIn(kept)['orders-001']],
        ['finish', 'available', 'available'],
      );
      assert.match(eventsIn(kept).join(), /another member holds the data, and the group stays/);
    });

    it('whose new replica holds the only copy is kept: that one is not taken back', () => {
      const needed = { nodes: new Set(['n2']), sentence: 'orders-002 cannot go yet' };
      const waiting = decide('returning', { nodes: [node(1), node(2)] }, { leaders: [], needed });
      assert.equal(waiting.sentence, 'orders-002 cannot go yet');
      assert.equal(statusesIn(afterwards(waiting)).orders, 'available');
    });
  });

  it('members that cannot leave stay, and are no longer shown as deleting', () => {
    const removing = { ...input, members: ['orders-002'], shrink: [] };
    const shard = { currentPrimary: 'n2', targetPrimary: 'n2' };
    const whole = view({ nodes: unsynced.map((one) => ({ ...one, synced: false })), shard });
    const clusters = whole.clusters.map((row) => ({ ...row, status: 'deleting' }));
    const heirs = new Set<string>();
    const seen = { view: { ...whole, clusters }, health: unsettled, needed: null, heirs, now };
    const given = afterwards(decideRemoveMembers(removing, { step: 'marking' }, seen, untried));
    const staying = { members: ['orders-002'], reason };
    assert.deepEqual(given.kind === 'go' && given.state, { step: 'marking', staying });
    const stayed = decideRemoveMembers(removing, { step: 'destroying', staying }, seen, untried);
    assert.deepEqual(statusesIn(stayed), { orders: 'available', 'orders-002': 'available' });
    assert.deepEqual([stayed.kind, eventsIn(stayed)], ['fail', [`Not removed: orders-002 (${reason})`]]);
  });

  it('members that are marked go, also when nobody takes over what they served', () => {
    const leaving = [node(1), node(2, { intent: 'deleted' })];
    const heirs = new Set(['n1']);
    const seen = { view: view({ nodes: leaving, reader: null }), health: settled, needed: null, heirs, now };
    const released = { ...untried, successes: 1 };
    const removing = { ...input, members: ['orders-002'], shrink: [] };
    const next = afterwards(decideRemoveMembers(removing, { step: 'releasing' }, seen, released));
    assert.deepEqual(next.kind === 'go' && next.state, { step: 'destroying' });
  });

  describe('a reboot', () => {
    const rebooting = { ...input, clusterId: 'orders-002', cacheNodeIds: ['0001'] };
    const restarting = node(2, { intent: 'restarting', status: 'rebooting cluster nodes' });
    const decide = (health: typeof unsettled) =>
      decideReboot(
        rebooting,
        { step: 'waiting' },
        { view: view({ nodes: [node(1), restarting], status: 'available' }), health, now },
      );

    it('is given up, and the node is shown as before', () => {
      const given = afterwards(decide(unsettled));
      assert.deepEqual(statusesIn(given), { 'orders-002': 'available' });
      const [row] = given.changes.flatMap((change) =>
        'put' in change && change.put === 'node' ? [change.row] : [],
      );
      assert.deepEqual([row?.intent, row?.status], ['running', 'available']);
      assert.deepEqual(eventsIn(given), [`The reboot of orders-002 was given up: ${reason}`]);
    });

    it('is given up at once when the node has failed to come up three times', () => {
      assert.equal(decide(failing(2, new Error('no such directive'))).kind, 'wait');
      const given = decide(failing(3, new Error('no such directive')));
      assert.match(eventsIn(given).join(), /was given up: no such directive/);
    });
  });

  describe('a test failover', () => {
    const testing = { ...input, nodeGroupId: '0001' };
    const victim = { node: 'n1', handle: { bootId: 'b', pid: 99, startTime: 1 } };
    const decide = (step: 'choosing' | 'failing-over' | 'recovering', parts: ViewParts) =>
      decideTestFailover(testing, step === 'choosing' ? { step } : { step, ...victim }, {
        ...{ view: view(parts), isVictimAlive: false, noHeir: null, sentence: 'nobody leads', now },
      });

    it('is not begun while another primary is being chosen without end', () => {
      const given = afterwards(decide('choosing', { nodes: unsynced, shard: { targetPrimary: 'n2' } }));
      assert.match(eventsIn(given).join(), /was not done: not within/);
    });

    it('is no longer watched when nobody leads, or the killed node does not come back', () => {
      const nodes = [node(1, { synced: false, handle: null }), node(2)];
      for (const step of ['failing-over', 'recovering'] as const) {
        const given = afterwards(decide(step, { nodes }));
        assert.deepEqual([given.kind, eventsIn(given).length], ['fail', 1]);
      }
    });
  });

  it('a promotion is given up, and nothing is pending any more', () => {
    const seen = { view: view({ nodes: unsynced }), health: unsettled, now };
    const promoting = { ...input, clusterId: 'orders-002' };
    for (const step of ['setting-target', 'switching-over'] as const) {
      const targetPrimary = step === 'switching-over' ? 'n2' : 'n1';
      const parts = { ...seen, view: view({ nodes: unsynced, shard: { targetPrimary } }) };
      const given = afterwards(decidePromoteMember(promoting, { step, round: 1 }, parts));
      assert.deepEqual([given.kind, statusesIn(given)], ['fail', { orders: 'available' }]);
    }
  });

  it('a deletion that is to keep the primary is given up while there is none: it is never destroyed for that', () => {
    const marked = unsynced.map((one, index) => (index === 1 ? { ...one, intent: 'deleted' as const } : one));
    const whole = view({ nodes: marked, status: 'deleting' });
    const clusters = whole.clusters.map((row) => ({ ...row, status: 'deleting' }));
    const seen = { view: { ...whole, clusters }, isLed: false, now };
    const given = afterwards(
      decideDeleteCache({ ...input, retainPrimary: true }, { step: 'retaining' }, seen),
    );
    assert.deepEqual([given.kind, [...new Set(Object.values(statusesIn(given)))]], ['fail', ['available']]);
    assert.deepEqual(eventsIn(given), [`The deletion was given up: ${reason}`]);
    const nodes = given.changes.flatMap((change) =>
      'put' in change && change.put === 'node' ? [change.row] : [],
    );
    assert.deepEqual(
      nodes.map(({ incarnation, intent }) => [incarnation, intent]),
      [['n2', 'running']],
      'a node that was to go is a member again: nobody else would start or end it',
    );
  });

  it('new nodes of Memcached that do not answer are taken back', () => {
    const resizing = { ...input, cacheKind: 'cache-cluster', from: 1, remove: [] } as const;
    const add = [{ cacheNodeId: '0002', availabilityZone: 'us-east-1a' }];
    const seen = { view: memcachedView(['0001', '0002'], { status: 'modifying' }), health: unsettled, now };
    assertGoesTo(
      'undoing',
      afterwards(decideResizeMemcached({ ...resizing, add }, { step: 'starting' }, seen, untried)),
    );
  });
});

describe('the limit of what waits for data', () => {
  it('grows with the memory of the node type', () => {
    const limitOf = (cacheNodeType: string) => {
      const group = replicationGroup('orders');
      return dataLimitMs({ desired: { ...group.desired, cacheNodeType } }) / 60_000;
    };
    assert.ok(limitOf('cache.t4g.micro') < 11, 'ten minutes for a small one');
    assert.ok(limitOf('cache.r7g.16xlarge') > 400, 'hours for the largest');
  });
});

describe('a cache that is to be deleted', () => {
  it('stays shown as deleting, whatever else ends meanwhile', () => {
    const rebooting = { ...input, clusterId: 'orders-002', cacheNodeIds: ['0001'] };
    const whole = view({ nodes: [node(1), node(2)], status: 'modifying' });
    const clusters = whole.clusters.map((row) => ({ ...row, status: 'deleting' }));
    const seen = { view: { ...whole, clusters }, health: settled, now };
    const done = decideReboot(rebooting, { step: 'waiting' }, seen);
    assert.deepEqual([done.kind, statusesIn(done)['orders-002']], ['finish', 'deleting']);
  });
});
