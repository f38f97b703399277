/** What a node may have taken, or lack, without that a row says so: Limber was away, or died in the middle, or a link is down. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decideShard } from '../../src/reconcilers/shard/decide/decide.ts';
import { whyNoHeir } from '../../src/reconcilers/shard/decide/last-copy.ts';
import { calmClients, decides, fence, restarting, setTarget, start, unsynced, waits } from './decisions.ts';
import {
  following,
  incarnationOf as id,
  leading,
  memberAt,
  primaryAt,
  replicaAt,
  silentAt,
  viewOf,
} from './shard-views.ts';

const withFiles = { data: 'present' } as const;
const cluster = { clusterMode: 'enabled' } as const;

describe('a dead primary whose writes nobody has followed', () => {
  const kept = { data: 'present' } as const;

  it('comes back with its own files, while it can', () => {
    const options = { durability: 'async' } as const;
    const late = replicaAt(2, 3);
    const before = primaryAt(3);
    for (const other of [late, before])
      decides(
        viewOf([silentAt(1, 'dead', {}, kept), other], options),
        [start(1, null)],
        /has not followed it, and its own files hold what it took/,
      );
    const failing = silentAt(1, 'dead', {}, { ...kept, isBackingOff: true });
    decides(viewOf([failing, late], options), [setTarget(2, 'failover')], /orders-002 is chosen/);
    decides(viewOf([silentAt(1, 'dead'), late]), [setTarget(2, 'failover')], /orders-002 is chosen/);
    decides(
      viewOf([silentAt(1, 'dead', {}, kept), replicaAt(2, 1)], options),
      [setTarget(2, 'failover')],
      /orders-002 is chosen/,
    );
  });
});

describe('a dead primary that lost its files', () => {
  it('makes way for files that nobody has confirmed: an empty primary would have them replaced', () => {
    const members = [
      silentAt(1, 'dead', unsynced, { data: 'missing' }),
      silentAt(2, 'dead', unsynced, { data: 'present' }),
    ];
    for (const durability of ['async', 'sync'] as const) {
      decides(viewOf(members, { durability }), [setTarget(2, 'found')], /orders-002, which has files/);
      decides(viewOf(members, { durability, target: 2 }), [start(2, null)], /it has its files/);
    }
  });
});

describe('whoever was chosen to lead', () => {
  const toSecond = { target: 2 } as const;
  const sync = { durability: 'sync' } as const;

  it('has led already when the old primary follows it, and comes back with its own files', () => {
    const chosen = silentAt(2, 'dead', {}, withFiles);
    const view = viewOf([replicaAt(1, 2), chosen], { ...sync, target: 2 });
    decides(view, [start(2, null)], /it has led already/);
  });

  it('is taken back when the chosen one does not answer for some seconds: no endpoint leads to it yet', () => {
    const silent = (silentMs: number) => memberAt(2, { verdict: 'unresponsive', silentMs });
    for (const current of [primaryAt(1), silentAt(1, 'dead')]) {
      const acts = current.engine ? [] : [calmClients(2)];
      decides(viewOf([current, silent(4_000), replicaAt(3, 1)], toSecond), acts, /does not answer yet/);
      decides(
        viewOf([current, silent(6_000), replicaAt(3, 1)], toSecond),
        [setTarget(1, 'found')],
        /does not answer at present: back to orders-001/,
      );
    }
  });

  it('is taken back in cluster mode, too, once the chosen one is killed, which could take the slots whenever it goes on', () => {
    const inCluster = { ...toSecond, clusterMode: 'enabled' } as const;
    const silent = memberAt(2, { verdict: 'unresponsive', silentMs: 6_000 });
    const reason = 'it was chosen to lead and did not answer';
    const killed = { kind: 'fence', node: id(2), reason } as const;
    decides(viewOf([primaryAt(1), silent], inCluster), [killed], /it is killed/);
    decides(viewOf([silentAt(1, 'dead'), silent, replicaAt(3, 1)], inCluster), [killed], /it is killed/);
    decides(viewOf([silentAt(1, 'dead'), silent], inCluster), [calmClients(2)], /does not answer yet/);
    const led = viewOf([silentAt(1, 'dead'), silent, replicaAt(3, 2)], inCluster);
    decides(led, [calmClients(2)], /does not answer yet/);
  });
});

describe('cluster mode', () => {
  it("the engine's own failover stands when all that led before are dead, with all their files", () => {
    const dead = (position: number, leadsSince: number) =>
      memberAt(position, { verdict: 'dead', data: 'present', leadsSince });
    const elected = (epoch: number) =>
      memberAt(3, { verdict: 'answering', engine: { ...leading, slots: 'held', epoch } });
    for (const durability of ['async', 'sync'] as const)
      for (const target of [1, 2]) {
        const options = { ...cluster, durability, target };
        decides(
          viewOf([dead(1, 1), dead(2, 2), elected(3)], options),
          [setTarget(3, 'found')],
          /own failover/,
        );
        // By an old file it calls itself the owner of the slots, until it hears what has happened since.
        const stale = viewOf([dead(1, 1), dead(2, 2), elected(1)], options);
        assert.doesNotMatch(decideShard(stale).sentence, /own failover/);
      }
  });
});

describe('a replica that was confirmed once and has no link to its primary', () => {
  const cut = (changes: { readonly isLagging?: boolean } = {}) =>
    memberAt(2, { verdict: 'answering', engine: following(1, { isLinkUp: false }), ...changes });

  it('is no heir of a primary that is to be killed on request', () => {
    assert.match(String(whyNoHeir(viewOf([primaryAt(1), cut()]))), /orders-002 has no link to its primary/);
    assert.equal(whyNoHeir(viewOf([primaryAt(1), cut(), replicaAt(3, 1)])), null);
    assert.match(String(whyNoHeir(viewOf([primaryAt(1), replicaAt(2, 3)]))), /orders-002 /);
  });

  it('is waited for, and that is said', () => {
    waits(viewOf([primaryAt(1), cut()]), /orders-002 has no link to orders-001/);
  });

  it('lets no primary be killed for its restart that has taken more than a little since', () => {
    const silent = memberAt(1, { verdict: 'unresponsive', silentMs: 60_000 }, restarting);
    decides(viewOf([silent, cut({ isLagging: false })]), [fence(1)], /orders-002 has its data/);
    waits(viewOf([silent, cut({ isLagging: true })]), /restarts once a replica holds its data/);
  });
});
