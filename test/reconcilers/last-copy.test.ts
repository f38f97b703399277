import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ShardAct } from '../../src/reconcilers/shard/decide/decision.ts';
import { keepersOf, neededOf } from '../../src/reconcilers/shard/decide/last-copy.ts';
import type { Member, ShardView } from '../../src/reconcilers/shard/view.ts';
import { decides, manual, restarting, setTarget, settles, start, unsynced, waits } from './decisions.ts';
import {
  following,
  incarnationOf as id,
  leading,
  memberAt,
  nameOf,
  primaryAt,
  replicaAt,
  silentAt,
  viewOf,
} from './shard-views.ts';

const withdraw = (node: number): ShardAct => ({ kind: 'withdraw-tombstone', node: id(node) });
const setOf = (...positions: readonly number[]) => new Set(positions.map(id));
const tombstone = { intent: 'deleted', status: 'deleting' } as const;

/** Names of the members that cannot go, and why. */
function needed(members: readonly Member[], going: readonly number[], options = {}): string[] {
  const found = neededOf(viewOf(members, options), setOf(...going));
  return found ? [...found.members.map(({ node }) => node.cacheClusterId), found.sentence] : [];
}

function cannotGo(members: readonly Member[], going: number, why: RegExp, options = {}): void {
  const [name, sentence] = needed(members, [going], options);
  assert.equal(name, nameOf(going));
  assert.match(sentence ?? '', why);
}

describe('a replica that is to go', () => {
  const replica = replicaAt(2, 1);

  it('can go while the primary answers and leads, and while another confirmed copy runs', () => {
    assert.deepEqual(needed([primaryAt(1), replica], [2]), []);
    assert.deepEqual(needed([silentAt(1, 'dead'), replica, replicaAt(3, 1)], [2]), []);
  });

  it('cannot while the primary is dead, hangs, does not answer or is about to restart', () => {
    cannotGo([silentAt(1, 'dead'), replica], 2, /orders-002 cannot go yet: .*orders-001 is dead/);
    cannotGo([silentAt(1, 'hung'), replica], 2, /orders-001 hangs/);
    cannotGo([silentAt(1, 'unresponsive'), replica], 2, /orders-001 does not answer/);
    cannotGo([primaryAt(1, restarting), replica], 2, /orders-001 is to restart/);
  });

  it('cannot while the primary is loading, follows it, or is without its slots', () => {
    const loading = memberAt(1, { verdict: 'answering', engine: { ...leading, isLoading: true } });
    cannotGo([{ ...loading, node: { ...loading.node, synced: false } }, replica], 2, /orders-001 is loading/);
    const fed = replicaAt(1, 2, {}, unsynced);
    cannotGo([fed, primaryAt(2)], 2, /orders-001 does not hold all data yet/, manual);
    const lost = memberAt(1, { verdict: 'answering', engine: { ...leading, slots: 'lost' } }, unsynced);
    cannotGo([lost, replica], 2, /orders-001 does not hold/, { clusterMode: 'enabled' });
  });

  it('cannot for the sake of a sibling that is unconfirmed, was filled anew, restarts or has not come as far', () => {
    const dead = silentAt(1, 'dead');
    cannotGo([dead, replica, replicaAt(3, 1, {}, unsynced)], 2, /orders-003 does not hold all data yet/);
    cannotGo([dead, replica, replicaAt(3, 1, { wasRefilled: true })], 2, /orders-003 does not hold/);
    cannotGo([dead, replica, replicaAt(3, 1, {}, restarting)], 2, /orders-003 is to restart/);
    cannotGo([dead, replica, replicaAt(3, 1, { offset: 99 })], 2, /orders-003 has not come as far/);
    const promoted = memberAt(2, {
      verdict: 'answering',
      engine: {
        ...leading,
        replicationId: 'b'.repeat(40),
        replicationId2: 'a'.repeat(40),
        secondOffset: 151,
      },
    });
    cannotGo([dead, promoted, replicaAt(3, 1, { offset: 149 })], 2, /orders-003 has not come as far/);
    assert.deepEqual(needed([dead, promoted, replicaAt(3, 1, { offset: 150 })], [2]), []);
  });

  it('cannot while it hangs or does not answer itself, and the primary is dead', () => {
    cannotGo([silentAt(1, 'dead'), silentAt(2, 'hung')], 2, /orders-001 is dead/);
    cannotGo([silentAt(1, 'dead'), silentAt(2, 'unresponsive', unsynced)], 2, /orders-001 is dead/);
  });

  it('can always when it holds nothing: never started, dead without files, or empty', () => {
    const dead = silentAt(1, 'dead');
    assert.deepEqual(needed([dead, silentAt(2, 'absent')], [2]), []);
    assert.deepEqual(needed([dead, silentAt(2, 'dead')], [2]), []);
    assert.deepEqual(needed([dead, replicaAt(2, 1, { holdsData: false }, unsynced)], [2]), []);
    const files = silentAt(2, 'dead', {}, { data: 'present' });
    cannotGo([dead, files], 2, /orders-001 is dead/, { durability: 'async' });
  });

  it('goes with others only when somebody stays', () => {
    const all = [silentAt(1, 'dead'), replica, replicaAt(3, 1)];
    assert.deepEqual(needed(all, [2, 3]).slice(0, -1), ['orders-002', 'orders-003']);
    assert.deepEqual(
      needed([replica], [2])
        .at(-1)
        ?.match(/there is no other member/)?.length,
      1,
    );
  });

  it('counts on the leader and on confirmed copies, whose processes have to run when it ends', () => {
    const members = [primaryAt(1, unsynced), replica, replicaAt(3, 1), replicaAt(4, 1, {}, unsynced)];
    const names = keepersOf(viewOf(members), setOf(2)).map(({ node }) => node.incarnation);
    assert.deepEqual(names, [id(1), id(3)]);
  });
});

describe('a member with a tombstone', () => {
  const leaving = (member: Member): Member => ({ ...member, node: { ...member.node, ...tombstone } });
  const view = (members: readonly Member[], gone: Member, options: Partial<ShardView> = {}) =>
    viewOf(members, { ...options, leaving: [leaving(gone)] });

  it('is nobody that the shard counts on while another one holds the data', () => {
    settles(view([primaryAt(1)], replicaAt(2, 1)), /orders-001 leads/);
    decides(
      view([silentAt(1, 'dead'), replicaAt(3, 1)], replicaAt(2, 1)),
      [setTarget(3, 'failover')],
      /orders-003 is chosen/,
    );
  });

  it('stays when the one that was counted on is gone before it left', () => {
    decides(
      view([silentAt(1, 'dead')], replicaAt(2, 1)),
      [withdraw(2)],
      /no other member .*orders-001 is dead/,
    );
    decides(view([silentAt(1, 'dead')], silentAt(2, 'hung'), manual), [withdraw(2)], /orders-002 cannot go/);
    decides(view([silentAt(1, 'hung')], replicaAt(2, 1)), [withdraw(2)], /orders-001 hangs/);
    decides(view([], replicaAt(2, 1)), [withdraw(2)], /there is no other member/);
  });

  it('stays before an empty primary is started, which would wipe it', () => {
    const dead = silentAt(1, 'dead');
    decides(view([dead], replicaAt(2, 1), manual), [withdraw(2)], /orders-002 cannot go/);
    decides(view([dead], silentAt(2, 'dead'), manual), [start(1, null)], /no living copy/);
  });

  it('is let go when it holds nothing, and while its cluster has yet to be formed', () => {
    const dead = silentAt(1, 'dead');
    decides(view([dead], silentAt(2, 'absent')), [start(1, null)], /no living copy/);
    const forming = { clusterMode: 'enabled', isForming: true } as const;
    settles(view([primaryAt(1)], replicaAt(2, 1), forming), /being formed/);
  });
});

describe('a chosen primary that is no member any more', () => {
  it('is left: the recorded one leads on, or is looked after as any dead one', () => {
    const back = [setTarget(1, 'found')];
    decides(
      viewOf([primaryAt(1), replicaAt(3, 1)], { target: 2 }),
      back,
      /no member any more: back to orders-001/,
    );
    decides(viewOf([silentAt(1, 'dead')], { target: 2 }), back, /back to orders-001/);
  });

  it('is left for another one when the recorded one is none either', () => {
    decides(viewOf([replicaAt(3, 1)], { current: 1, target: 2 }), [setTarget(3, 'found')], /chosen to lead/);
    waits(viewOf([replicaAt(3, 1, following(1), unsynced)], { target: 2 }), /nobody is promoted/);
  });
});
