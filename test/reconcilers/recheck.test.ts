import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { copiesBeside, heirsOf, whyNotDue } from '../../src/reconcilers/shard/decide/recheck.ts';
import { type SeenHistories, wasRefilled } from '../../src/reconcilers/shard/observe/refilled.ts';
import type { ShardView } from '../../src/reconcilers/shard/view.ts';
import {
  calmClients,
  decides,
  end,
  fence,
  follow,
  manual,
  promote,
  restarting,
  setTarget,
  start,
  unsynced,
} from './decisions.ts';
import {
  incarnationOf as id,
  leading,
  nodeAt,
  primaryAt,
  replicaAt,
  silentAt,
  viewOf,
} from './shard-views.ts';

const fenceOf = (node: number) => ({ kind: 'fence', node: id(node) }) as const;
const endOf = (node: number) => ({ kind: 'end', node: id(node) }) as const;
const names = (view: ShardView, node: number) =>
  copiesBeside(view, id(node)).map((one) => one.node.incarnation);

describe('the last look before a process is killed or ended', () => {
  it('lets a primary end while its replica holds its data, and not once that hangs (life 123462391)', () => {
    const seen = viewOf([primaryAt(1, restarting), replicaAt(2, 1)], manual);
    decides(seen, [end(1)], /stopped for its restart/);
    assert.equal(whyNotDue(seen, endOf(1)), null);
    const fresh = viewOf([primaryAt(1, restarting), silentAt(2, 'unresponsive')], manual);
    assert.match(whyNotDue(fresh, endOf(1)) ?? '', /restarts once a replica holds its data/);
  });

  it('keeps a hung follower once the primary that took its data has died unrecorded (life 123468333)', () => {
    const seen = viewOf([primaryAt(1, unsynced), silentAt(2, 'hung')], manual);
    decides(seen, [fence(2)], /hangs and is killed/);
    const fresh = viewOf([silentAt(1, 'dead', unsynced), silentAt(2, 'hung')], manual);
    assert.match(whyNotDue(fresh, fenceOf(2)) ?? '', /hangs; nobody is promoted/);
  });

  it('counts on the leader though it is not confirmed, and on replicas that are', () => {
    const members = [
      primaryAt(1, unsynced),
      replicaAt(2, 1),
      replicaAt(3, 1, {}, unsynced),
      silentAt(4, 'hung'),
    ];
    assert.deepEqual(names(viewOf(members), 4), [id(1), id(2)]);
  });

  it('does not start a primary to lead with files that have been wiped since', () => {
    const options = { durability: 'sync' } as const;
    const act = { kind: 'start', node: id(1), follow: null } as const;
    const seen = viewOf([silentAt(1, 'dead', {}, { data: 'present' }), replicaAt(2, 1)], options);
    assert.equal(whyNotDue(seen, act), null);
    const fresh = viewOf([silentAt(1, 'dead', {}, { data: 'missing' }), replicaAt(2, 1)], options);
    decides(fresh, [setTarget(2, 'failover')], /chosen to lead/);
    assert.notEqual(whyNotDue(fresh, act), null);
  });

  it('names the replicas that hold a primary whose memory is all that it has', () => {
    const members = [
      primaryAt(1),
      replicaAt(2, 1),
      replicaAt(3, 1, { isLinkUp: false }),
      silentAt(4, 'hung'),
    ];
    assert.deepEqual(
      heirsOf(viewOf(members), id(1)).map((one) => one.node.incarnation),
      [id(2)],
    );
    assert.deepEqual(heirsOf(viewOf(members, { durability: 'async' }), id(1)), []);
    assert.deepEqual(heirsOf(viewOf(members, { current: 2 }), id(1)), [], 'it has handed over');
    const wiped = [{ ...primaryAt(1), keepsData: false }, replicaAt(2, 1)];
    assert.equal(heirsOf(viewOf(wiped, { durability: 'async' }), id(1)).length, 1);
  });
});

describe('a replica that is filled anew between two looks', () => {
  const ids = (replicationId: string, replicationId2 = '0') =>
    ({ role: 'replica', replicationId, replicationId2 }) as const;

  it('is told by its history: one that goes on names the history before', () => {
    const seen: SeenHistories = new Map();
    assert.equal(wasRefilled(seen, nodeAt(2), ids('a')), false);
    assert.equal(wasRefilled(seen, nodeAt(2), ids('b', 'a')), false, 'its primary was replaced');
    assert.equal(wasRefilled(seen, nodeAt(2), ids('c')), true);
    assert.equal(wasRefilled(seen, nodeAt(2), ids('c')), true, 'until it is doubted');
    assert.equal(wasRefilled(seen, nodeAt(2, unsynced), ids('c')), false);
    assert.equal(wasRefilled(seen, nodeAt(2), ids('c')), false, 'confirmed again');
  });

  it('is no news of a process that was not seen before', () => {
    const seen: SeenHistories = new Map();
    wasRefilled(seen, nodeAt(2), ids('a'));
    assert.equal(
      wasRefilled(seen, nodeAt(2, { handle: { bootId: 'boot', pid: 1, startTime: 1 } }), ids('b')),
      false,
    );
  });

  it('is doubted before anything else is decided, also when nobody leads', () => {
    const refilled = replicaAt(2, 1, { wasRefilled: true });
    const doubt = { kind: 'invalidate-sync', node: id(2) } as const;
    decides(viewOf([silentAt(1, 'dead'), refilled]), [doubt], /filled anew since it was confirmed/);
    decides(viewOf([primaryAt(1), refilled]), [doubt], /filled anew/);
  });
});

describe('a primary that comes back with automatic failover disabled', () => {
  const lent = (node = {}) => ({ ...primaryAt(2, node), data: 'none' }) as const;

  it('is not started before an unconfirmed copy that leads is recorded as the copy (life 200096)', () => {
    const lend = { kind: 'promote-read-only', node: id(2) } as const;
    const copy = { ...lent(unsynced), engine: { ...leading, holdsData: true } };
    decides(viewOf([silentAt(1, 'dead'), copy], manual), [lend], /holds the data for orders-001/);
    const newer = replicaAt(3, 1, { offset: 900, holdsData: true }, unsynced);
    decides(viewOf([silentAt(1, 'dead'), copy, newer], manual), [lend], /orders-002 holds the data/);
  });

  it('is started once the other replicas follow the copy that feeds it', () => {
    const dead = silentAt(1, 'dead');
    decides(
      viewOf([dead, lent(), replicaAt(3, 1)], manual),
      [follow(3, 2)],
      /follow orders-002 until orders-001/,
    );
    decides(viewOf([dead, lent(), replicaAt(3, 2)], manual), [start(1, 2)], /as a replica of orders-002/);
    decides(viewOf([dead, lent(), silentAt(3, 'hung')], manual), [start(1, 2)], /as a replica of orders-002/);
  });
});

describe('a copy that lent its lead and does not answer for a moment', () => {
  it('is waited for by the replicas that follow it (life 3033874)', () => {
    const members = [silentAt(1, 'dead'), silentAt(2, 'unresponsive'), replicaAt(3, 2)];
    const said = /orders-002 holds the data for orders-001 and does not answer/;
    decides(viewOf(members, manual), [calmClients(2)], said);
  });
});

describe('a primary that came back empty as a replica of one that has died since', () => {
  const back = replicaAt(1, 2, { isLinkUp: false, holdsData: false }, unsynced);
  const dead = silentAt(2, 'dead');

  it('does not lead while an older copy lives, with or without the lead (life 700010348)', () => {
    const lend = { kind: 'promote-read-only', node: id(3) } as const;
    const leader = { ...primaryAt(3, unsynced), engine: { ...leading, holdsData: true } };
    decides(viewOf([back, dead, leader], manual), [lend], /it is the copy now/);
    const copy = replicaAt(3, 1, { isLinkUp: false, holdsData: true }, unsynced);
    decides(viewOf([back, dead, copy], manual), [lend], /it is the copy now/);
    decides(viewOf([back, dead, copy]), [setTarget(3, 'failover')], /it is the copy now/);
  });

  it('leads with what it has when the others have nothing', () => {
    decides(viewOf([back, dead], manual), [promote(1)], /leads with what it has/);
  });
});

describe('a hung primary whose directory was wiped', () => {
  it('is left alone with durability sync too: its memory is all that is left', () => {
    const hung = { ...silentAt(1, 'hung'), keepsData: false };
    const view = viewOf([hung], { durability: 'sync' });
    assert.match(whyNotDue(view, fenceOf(1)) ?? '', /nowhere else, so it is left alone/);
    decides(
      viewOf([silentAt(1, 'hung')], { durability: 'sync' }),
      [fence(1)],
      /comes back with its own files/,
    );
  });
});
