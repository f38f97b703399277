import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decideShard } from '../../src/reconcilers/shard/decide/decide.ts';
import { type EngineFacts, ghostOf } from '../../src/reconcilers/shard/view.ts';
import {
  calmClients,
  decides,
  fence,
  follow,
  manual,
  promote,
  setTarget,
  start,
  unsynced,
  waits,
} from './decisions.ts';
import {
  incarnationOf as id,
  leading,
  memberAt,
  nodeAt,
  primaryAt,
  replicaAt,
  silentAt,
  viewOf,
} from './shard-views.ts';

describe('a dead primary with automatic failover', () => {
  it('is followed by the synced replica with the highest offset, recorded before it is promoted', () => {
    const view = viewOf([
      silentAt(1, 'dead'),
      replicaAt(2, 1, { offset: 7 }),
      replicaAt(3, 1, { offset: 8 }),
    ]);
    decides(view, [setTarget(3, 'failover')], /orders-001 is dead: orders-003 is chosen to lead/);
  });

  it('of equals takes the lowest position', () => {
    decides(viewOf([silentAt(1, 'dead'), replicaAt(2, 1), replicaAt(3, 1)]), [setTarget(2, 'failover')], /./);
  });

  it('a replica still in its first sync is never promoted, and nothing that could wipe it is started', () => {
    waits(
      viewOf([silentAt(1, 'dead'), replicaAt(2, 1, { isSyncing: true }, unsynced)]),
      /nobody is promoted/,
    );
  });

  it('a replica that was never confirmed and holds nothing is never promoted', () => {
    const view = viewOf([silentAt(1, 'dead'), replicaAt(2, 1, { offset: 999, holdsData: false }, unsynced)]);
    decides(view, [start(1, null)], /no living copy holds its data/);
  });

  it('one that follows another primary counts only when nobody follows this one: offsets of two histories say nothing', () => {
    const stranger = replicaAt(3, 9, { offset: 900 });
    decides(
      viewOf([silentAt(1, 'dead'), replicaAt(2, 1, { offset: 5 }), stranger]),
      [setTarget(2, 'failover')],
      /./,
    );
    decides(viewOf([silentAt(1, 'dead'), silentAt(2, 'dead'), stranger]), [setTarget(3, 'failover')], /./);
  });

  it('nobody is promoted, and no empty primary started, while a synced copy hangs', () => {
    waits(
      viewOf([silentAt(1, 'dead'), silentAt(2, 'hung')]),
      /orders-002, which holds its data, hangs; nobody is promoted/,
    );
  });

  it('a synced copy that is being filled anew is waited for', () => {
    waits(viewOf([silentAt(1, 'dead'), replicaAt(2, 1, { isLoading: true })]), /nobody is promoted/);
  });

  it('without a living copy the last recorded primary starts first and the others wait', () => {
    decides(
      viewOf([silentAt(1, 'dead'), silentAt(2, 'dead'), silentAt(3, 'dead')], { current: 2 }),
      [start(2, null)],
      /orders-002 is started: no living copy holds its data/,
    );
  });

  it('waits for the back-off of its start', () => {
    waits(viewOf([silentAt(1, 'dead', {}, { isBackingOff: true })]), /started again in a moment/);
  });

  it('the only node of a cache comes back', () => {
    decides(viewOf([silentAt(1, 'dead')], manual), [start(1, null)], /orders-001 is started/);
  });
});

describe('a dead primary without automatic failover', () => {
  it('leaves the lead with a living copy that takes no writes', () => {
    decides(
      viewOf([silentAt(1, 'dead'), replicaAt(2, 1)], manual),
      [{ kind: 'promote-read-only', node: id(2) }],
      /orders-002 holds the data for orders-001 and takes no writes/,
    );
  });

  it('comes back as a replica of the living copy', () => {
    decides(viewOf([silentAt(1, 'dead'), primaryAt(2)], manual), [start(1, 2)], /as a replica of orders-002/);
    waits(viewOf([silentAt(1, 'dead', {}, { isBackingOff: true }), primaryAt(2)], manual), /in a moment/);
  });

  it('and leads again once it has the data', () => {
    const view = viewOf([replicaAt(1, 2, {}, unsynced), primaryAt(2)], manual);
    const act = { kind: 'fail-back', from: id(2), to: id(1) } as const;
    decides(view, [act], /orders-001 takes the data from orders-002 and leads again/);
  });

  it('takes the data from nobody that was restarted since: another whole copy lends the lead', () => {
    const view = viewOf(
      [replicaAt(1, 2, {}, unsynced), replicaAt(2, 1, {}, unsynced), replicaAt(3, 1)],
      manual,
    );
    decides(view, [{ kind: 'fail-back', from: id(3), to: id(1) }], /from orders-003/);
  });

  it('waits for the lender while that hangs or does not answer', () => {
    const lentBy = (verdict: 'hung' | 'unresponsive') =>
      viewOf([replicaAt(1, 2, {}, unsynced), silentAt(2, verdict)], manual);
    waits(lentBy('hung'), /orders-002 has the data/);
    decides(lentBy('unresponsive'), [calmClients(2)], /orders-002 has the data/);
  });

  it('leads with what it has when the lender died and no other copy lives', () => {
    const view = viewOf([replicaAt(1, 2, {}, unsynced), silentAt(2, 'dead')], manual);
    decides(view, [promote(1)], /orders-001 follows nobody alive: it leads with what it has/);
    const loading = replicaAt(1, 2, { isLoading: true }, unsynced);
    waits(viewOf([loading, silentAt(2, 'dead')], manual), /orders-001 is loading the data/);
  });

  it('with automatic failover enabled meanwhile, another copy is recorded before it is promoted', () => {
    const view = viewOf([replicaAt(1, 2, {}, unsynced), silentAt(2, 'dead'), replicaAt(3, 1)]);
    decides(view, [setTarget(3, 'failover')], /orders-003 holds the data and is chosen to lead/);
    const next = viewOf([replicaAt(1, 2, {}, unsynced), silentAt(2, 'dead'), replicaAt(3, 1)], { target: 3 });
    decides(next, [promote(3)], /orders-003 is promoted/);
  });
});

describe('a hung primary', () => {
  it('is killed before the synced copy leads', () => {
    decides(
      viewOf([silentAt(1, 'hung'), replicaAt(2, 1)]),
      [fence(1)],
      /hangs: it is killed, then orders-002 leads/,
    );
  });

  it('without automatic failover is killed and takes the data from the copy', () => {
    decides(
      viewOf([silentAt(1, 'hung'), replicaAt(2, 1)], manual),
      [fence(1)],
      /takes the data from orders-002/,
    );
  });

  it('is left alone while its data are nowhere else', () => {
    waits(viewOf([silentAt(1, 'hung')], manual), /its data are nowhere else/);
    waits(viewOf([silentAt(1, 'hung'), replicaAt(2, 1, {}, unsynced)]), /its data are nowhere else/);
    const busy = viewOf([silentAt(1, 'hung'), silentAt(2, 'unresponsive')]);
    decides(busy, [calmClients(2)], /orders-001 hangs, and orders-002 does not answer/);
  });

  it('that does not answer and is not proven to hang is waited for', () => {
    waits(viewOf([silentAt(1, 'unresponsive'), replicaAt(2, 1)]), /orders-001 leads but does not answer/);
  });
});

describe('durability sync', () => {
  const sync = { durability: 'sync' } as const;
  const withFiles = { data: 'present' } as const;

  it('a dead primary comes back with its own files, though a replica lives', () => {
    decides(
      viewOf([silentAt(1, 'dead', {}, withFiles), replicaAt(2, 1)], sync),
      [start(1, null)],
      /its own files hold every acknowledged write/,
    );
  });

  it('a primary that died before it had taken its data anew has files of nothing: the replica that it took them from goes on', () => {
    const dead = silentAt(1, 'dead', unsynced, withFiles);
    decides(
      viewOf([dead, replicaAt(2, 1)], sync),
      [setTarget(2, 'failover')],
      /orders-002 is chosen to lead/,
    );
    decides(viewOf([dead, silentAt(2, 'dead')], sync), [start(1, null)], /its own files/);
  });

  it('a hung primary is killed for that', () => {
    decides(viewOf([silentAt(1, 'hung')], sync), [fence(1)], /comes back with its own files/);
  });

  it('a replica leads when the files of the primary are gone', () => {
    decides(
      viewOf([silentAt(1, 'dead', {}, { data: 'missing' }), replicaAt(2, 1)], sync),
      [setTarget(2, 'failover')],
      /./,
    );
  });

  it('a replica leads when the files of the primary are damaged', () => {
    decides(
      viewOf([silentAt(1, 'dead', {}, { data: 'unreadable' }), replicaAt(2, 1)], sync),
      [setTarget(2, 'failover')],
      /./,
    );
  });

  it('the primary starts with what can be read of damaged files when nobody else has any', () => {
    const dead = silentAt(1, 'dead', {}, { data: 'unreadable' });
    decides(viewOf([dead], sync), [start(1, null)], /no living copy/);
    const both = [dead, silentAt(2, 'dead', {}, withFiles)];
    decides(viewOf(both, sync), [setTarget(2, 'found')], /the files of orders-001 are damaged/);
    decides(viewOf(both, { ...sync, target: 2 }), [start(2, null)], /it has its files/);
  });

  it('a dead replica with files leads when all are dead and the files of the primary are gone', () => {
    const members = [silentAt(1, 'dead', {}, { data: 'missing' }), silentAt(2, 'dead', {}, withFiles)];
    decides(viewOf(members, sync), [setTarget(2, 'found')], /the files of orders-001 are gone/);
    decides(viewOf(members, { ...sync, target: 2 }), [start(2, null)], /it has its files/);
  });

  it('a switchover whose old primary died with its files goes back to it', () => {
    const view = viewOf([silentAt(1, 'dead', {}, withFiles), replicaAt(2, 1)], { ...sync, target: 2 });
    decides(view, [setTarget(1, 'found')], /its files hold every acknowledged write/);
  });

  it('but not while the one that was chosen may have led already', () => {
    const dead = silentAt(1, 'dead', {}, withFiles);
    const view = viewOf([dead, silentAt(2, 'unresponsive')], { ...sync, target: 2 });
    decides(view, [calmClients(2)], /was chosen to lead/);
  });
});

describe('a promotion that was recorded and not confirmed', () => {
  const toSecond = { target: 2 } as const;

  it('is done when the old primary is dead and the chosen one is whole', () => {
    decides(viewOf([silentAt(1, 'dead'), replicaAt(2, 1)], toSecond), [promote(2)], /orders-002 is promoted/);
  });

  it('is confirmed when the engine says that it leads', () => {
    decides(
      viewOf([silentAt(1, 'dead'), primaryAt(2)], toSecond),
      [{ kind: 'confirm-primary', node: id(2) }],
      /orders-002 leads now/,
    );
  });

  it('is taken up again as a switchover while the old primary leads', () => {
    const act = { kind: 'switchover', from: id(1), to: id(2) } as const;
    decides(viewOf([primaryAt(1), replicaAt(2, 1)], toSecond), [act], /hands over/);
    decides(viewOf([primaryAt(1), primaryAt(2)], toSecond), [act], /hands over/);
  });

  it('is given up when the chosen one died and the old primary leads', () => {
    decides(
      viewOf([primaryAt(1), silentAt(2, 'dead')], toSecond),
      [setTarget(1, 'found')],
      /goes on leading/,
    );
  });

  it('is given up when handing over has failed three times', () => {
    decides(
      viewOf([primaryAt(1), replicaAt(2, 1)], { ...toSecond, switchoverFailures: 3 }),
      [setTarget(1, 'found')],
      /cannot take over any more/,
    );
  });

  it('waits a moment after an attempt that failed, so that writers have their turn', () => {
    const resting = { ...toSecond, switchoverFailures: 1, isSwitchoverResting: true };
    waits(viewOf([primaryAt(1), replicaAt(2, 1)], resting), /hands over to orders-002 in a moment/);
  });

  it('is never given up once the chosen one leads: the old primary refuses writes since then', () => {
    const act = { kind: 'switchover', from: id(1), to: id(2) } as const;
    const failed = { ...toSecond, switchoverFailures: 9, isSwitchoverResting: true };
    decides(viewOf([primaryAt(1), primaryAt(2)], failed), [act], /hands over/);
  });

  it('target died: another synced copy is chosen', () => {
    const view = viewOf([silentAt(1, 'dead'), silentAt(2, 'dead'), replicaAt(3, 1)], toSecond);
    decides(view, [setTarget(3, 'failover')], /orders-002 failed before it led: orders-003 is chosen/);
  });

  it('target holds less than another, since it was chosen before current died: the other one is chosen', () => {
    const view = viewOf(
      [silentAt(1, 'dead'), replicaAt(2, 1, { offset: 90 }), replicaAt(3, 1, { offset: 95 })],
      toSecond,
    );
    decides(view, [setTarget(3, 'failover')], /orders-003 holds more than orders-002 and is chosen instead/);
    // One that was made to lead without taking writes has begun a history of its own.
    const lent = {
      ...leading,
      replicationId: 'b'.repeat(40),
      replicationId2: leading.replicationId,
      secondOffset: 96,
    };
    const lender = memberAt(3, { verdict: 'answering', engine: lent });
    const target = replicaAt(2, 1, { offset: 90 });
    decides(
      viewOf([silentAt(1, 'dead'), target, lender], toSecond),
      [setTarget(3, 'failover')],
      /holds more/,
    );
  });

  it('target died and current died: back to the last recorded primary', () => {
    const view = viewOf([silentAt(1, 'dead'), silentAt(2, 'dead')], toSecond);
    decides(view, [setTarget(1, 'found')], /back to orders-001/);
  });

  it('the chosen one may lead already: while it does not answer, nobody else leads or goes on', () => {
    const silent = silentAt(2, 'unresponsive');
    const said = /orders-002 was chosen to lead/;
    decides(viewOf([silentAt(1, 'dead'), silent, replicaAt(3, 1)], toSecond), [calmClients(2)], said);
    waits(viewOf([primaryAt(1), silent], toSecond), said);
  });

  it('the chosen one hangs: it is killed before another leads', () => {
    const hung = silentAt(2, 'hung');
    decides(
      viewOf([silentAt(1, 'dead'), hung, replicaAt(3, 1)], toSecond),
      [fence(2)],
      /before another leads/,
    );
    decides(viewOf([primaryAt(1), hung], toSecond), [fence(2)], /before another leads/);
    waits(viewOf([silentAt(1, 'dead'), hung], toSecond), /its data are nowhere else/);
  });

  it('the old primary hangs: it is killed only for a whole copy', () => {
    decides(
      viewOf([silentAt(1, 'hung'), replicaAt(2, 1)], toSecond),
      [fence(1)],
      /killed before orders-002 leads/,
    );
    decides(
      viewOf([silentAt(1, 'hung'), replicaAt(2, 1, {}, unsynced)], toSecond),
      [setTarget(1, 'found')],
      /./,
    );
  });

  it('of a member that is being filled anew is not done', () => {
    const view = viewOf([silentAt(1, 'dead'), replicaAt(2, 1, { isSyncing: true })], toSecond);
    assert.ok(!decideShard(view).acts.some((act) => act.kind === 'promote'));
  });

  it('starts the chosen one when nobody led before it', () => {
    const view = viewOf([silentAt(1, 'absent'), silentAt(2, 'absent')], { current: null, target: 1 });
    decides(view, [start(1, null)], /comes back first/);
  });
});

describe('a primary of a cluster that was started to lead again', () => {
  const cluster = { clusterMode: 'enabled' } as const;
  const back = (facts: Partial<EngineFacts> = {}) =>
    replicaAt(1, 2, { follows: ghostOf(nodeAt(1)), isLinkUp: false, ...facts }, { role: null });

  it('takes over from its ghost, whatever its replica holds', () => {
    for (const durability of ['sync', 'async', 'disabled'] as const)
      decides(
        viewOf([back(), replicaAt(2, 1)], { ...cluster, durability }),
        [promote(1)],
        /orders-001 leads again with its own data/,
      );
    decides(
      viewOf([replicaAt(1, 2, { follows: ghostOf(nodeAt(1)) }, unsynced)], cluster),
      [promote(1)],
      /leads again/,
    );
  });

  it('has its data loaded before', () => {
    waits(viewOf([back({ isLoading: true }), replicaAt(2, 1)], cluster), /orders-001 is loading its data/);
  });

  it('does so as the recorded target, too, once nobody leads', () => {
    decides(
      viewOf([silentAt(2, 'dead'), back()], { ...cluster, current: 2, target: 1 }),
      [promote(1)],
      /orders-001 leads again/,
    );
  });

  it('follows the one that leads when it was decided otherwise meanwhile', () => {
    decides(viewOf([back(), primaryAt(2)], { ...cluster, current: 2 }), [follow(1, 2)], /told to follow/);
  });
});
