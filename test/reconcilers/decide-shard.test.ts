import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ShardView } from '../../src/reconcilers/shard/view.ts';
import { onTarget } from '../store/rows.ts';
import {
  confirm,
  decides,
  end,
  fence,
  follow,
  manual,
  promote,
  restarting,
  setTarget,
  settles,
  start,
  unsynced,
  waits,
} from './decisions.ts';
import {
  addressOf,
  following,
  incarnationOf as id,
  leading,
  memberAt,
  nodeAt,
  primaryAt,
  replicaAt,
  silentAt,
  viewOf,
} from './shard-views.ts';

describe('a new shard', () => {
  it('starts all of its nodes at once', () => {
    decides(
      viewOf([silentAt(1, 'absent'), silentAt(2, 'absent')]),
      [start(1, null), start(2, null)],
      /new shard are started/,
    );
  });

  it('waits while the starts are backing off', () => {
    waits(viewOf([silentAt(1, 'absent', {}, { isBackingOff: true })]), /tried again in a moment/);
  });

  it('tells the other nodes to follow the first, which is recorded as the primary', () => {
    const fresh = memberAt(2, { verdict: 'answering', engine: leading }, unsynced);
    decides(viewOf([primaryAt(1), fresh]), [follow(2, 1)], /orders-002 is told to follow orders-001/);
  });

  it('waits for the first sync, then asks whether it is complete, and only then is settled', () => {
    const syncing = replicaAt(2, 1, { isSyncing: true }, unsynced);
    waits(viewOf([primaryAt(1), syncing]), /orders-002 is loading the data/);
    decides(viewOf([primaryAt(1), replicaAt(2, 1, {}, unsynced)]), [confirm(2, 1)], /holds all data/);
    settles(viewOf([primaryAt(1), replicaAt(2, 1)]), /orders-001 leads and every member follows it/);
  });

  it('brings its first node back first when that died before any other held data', () => {
    const fresh = memberAt(2, { verdict: 'answering', engine: leading }, unsynced);
    decides(viewOf([silentAt(1, 'dead', unsynced), fresh]), [start(1, null)], /no living copy/);
  });

  it('is not settled while its primary is loading its files', () => {
    const engine = { ...leading, isLoading: true };
    waits(
      viewOf([memberAt(1, { verdict: 'answering', engine }, { role: 'primary' })]),
      /orders-001 is loading its data/,
    );
    settles(viewOf([primaryAt(1)]), /orders-001 leads/);
  });

  it('is settled without members', () => {
    settles(viewOf([]), /no members/);
  });

  describe('of a cluster that is not formed yet', () => {
    const forming = { isForming: true, clusterMode: 'enabled' } as const;

    it('only has to run: whoever is down is started, and nobody follows anybody', () => {
      decides(viewOf([primaryAt(1), silentAt(2, 'dead')], forming), [start(2, null)], /are started/);
      settles(viewOf([primaryAt(1), primaryAt(2)], forming), /the cluster is being formed/);
    });

    it('waits for nodes that do not answer yet', () => {
      waits(viewOf([primaryAt(1), silentAt(2, 'unresponsive')], forming), /orders-002 does not answer yet/);
    });

    it('starts a node anew that hangs, or has been silent for long: it has no data', () => {
      const silent = silentAt(2, 'unresponsive', {}, { silentMs: 5_000 });
      const again = fence(2, 'it did not answer while its cluster was being formed');
      for (const stuck of [silent, silentAt(2, 'hung')])
        decides(viewOf([primaryAt(1), stuck], forming), [again], /orders-002 does not answer/);
    });
  });
});

describe('a shard of which nobody is recorded as the primary', () => {
  it('takes the one that leads', () => {
    decides(
      viewOf([replicaAt(1, 2), primaryAt(2)], { current: null }),
      [setTarget(2, 'found')],
      /orders-002 is chosen/,
    );
  });

  it('takes the copy with most of the data when nobody leads', () => {
    const view = viewOf([replicaAt(1, 3, { offset: 5 }), replicaAt(2, 3, { offset: 9 })], { current: null });
    decides(view, [setTarget(2, 'found')], /orders-002 is chosen/);
  });

  it('takes the first of new nodes', () => {
    decides(
      viewOf([silentAt(1, 'absent'), silentAt(2, 'absent')], { current: null }),
      [setTarget(1, 'found')],
      /./,
    );
  });

  it('promotes nobody while nobody is known to hold the data', () => {
    waits(viewOf([replicaAt(1, 3, {}, unsynced)], { current: null }), /nobody is promoted/);
  });
});

describe('cluster mode', () => {
  const waitsFor = (view: ShardView) => waits(view, /orders-001 leads but does not answer/);
  const cluster = { clusterMode: 'enabled' } as const;

  it("the engine's own failover stands", () => {
    decides(
      viewOf([replicaAt(1, 2), primaryAt(2)], cluster),
      [setTarget(2, 'found')],
      /orders-002 leads since the engine's own failover/,
    );
  });

  it("the engine's own failover stands, too, while the recorded primary does not answer", () => {
    const elected = (slots: 'held' | 'lost') =>
      memberAt(2, { verdict: 'answering', engine: { ...leading, slots } }, { role: 'replica' });
    const busy = silentAt(1, 'unresponsive');
    decides(viewOf([busy, elected('held')], cluster), [setTarget(2, 'found')], /own failover/);
    // A blank one is a primary by its own word.
    waitsFor(viewOf([busy, elected('lost')], cluster));
    waitsFor(viewOf([busy, memberAt(2, { verdict: 'answering', engine: leading })], cluster));
  });

  it('a member that is about to join calls itself a primary, and does not count as one', () => {
    const view = viewOf([replicaAt(1, 2), replicaAt(2, 1), primaryAt(3, unsynced)], cluster);
    waits(view, /orders-001 follows orders-002, which does not lead yet/);
  });

  it('who leads by the word of the engines and is dead is not waited for', () => {
    const back = replicaAt(1, 2, { isLinkUp: false }, unsynced);
    decides(viewOf([back, silentAt(2, 'dead')], cluster), [promote(1)], /it leads with what it has/);
    decides(viewOf([back, silentAt(2, 'dead'), replicaAt(3, 2)], cluster), [setTarget(3, 'failover')], /./);
  });

  it('who leads by the word of the engines, and came back as a node that is new to them, is not waited for', () => {
    const blank = memberAt(2, { verdict: 'answering', engine: { ...leading, slots: 'lost' } }, unsynced);
    const back = replicaAt(1, 2, { isLinkUp: false }, unsynced);
    decides(viewOf([back, blank], cluster), [promote(1)], /it leads with what it has/);
  });

  it('who led last by their word comes back with its own files, which alone have what it took', () => {
    const [back, led] = [replicaAt(1, 2, {}, unsynced), silentAt(2, 'dead', {}, { data: 'present' })];
    decides(viewOf([back, led], { ...cluster, durability: 'async' }), [start(2, null)], /it led last/);
    decides(
      viewOf([back, led, replicaAt(3, 2)], { ...cluster, durability: 'sync' }),
      [start(2, null)],
      /it led last/,
    );
    decides(
      viewOf([back, led, replicaAt(3, 2)], { ...cluster, durability: 'async' }),
      [setTarget(3, 'failover')],
      /orders-003 holds the data/,
    );
  });

  it('who led last by its nodes.conf comes back first with its files, when all are dead', () => {
    const dead = (position: number, leadsSince: number | null) =>
      memberAt(position, { verdict: 'dead', data: 'present', leadsSince });
    const both = [dead(1, 1), dead(2, 2)];
    for (const durability of ['async', 'sync'] as const) {
      const options = { ...cluster, durability };
      decides(viewOf(both, options), [setTarget(2, 'found')], /by its nodes.conf orders-002 led after it/);
      decides(viewOf(both, { ...options, target: 2 }), [start(2, null)], /it has led already/);
      decides(viewOf([dead(1, 2), dead(2, 1)], options), [start(1, null)], /orders-001 is started/);
      decides(viewOf([dead(1, 1), dead(2, null)], options), [start(1, null)], /orders-001 is started/);
    }
    // A living copy that follows has all but the last moments of it.
    const copy = replicaAt(3, 2);
    decides(
      viewOf([...both, copy], { ...cluster, durability: 'async' }),
      [setTarget(3, 'failover')],
      /orders-003 is chosen to lead/,
    );
  });

  it('nobody is started beside a primary that does not answer: it may have been made to follow him', () => {
    const view = viewOf([silentAt(1, 'unresponsive'), silentAt(2, 'dead')], cluster);
    waits(view, /orders-002 is started when orders-001 answers/);
  });

  it('who leads by their word and hangs is killed once another has the data', () => {
    decides(viewOf([replicaAt(1, 2), silentAt(2, 'hung')], cluster), [fence(2)], /hangs: it is killed/);
    waits(viewOf([replicaAt(1, 2, {}, unsynced), silentAt(2, 'hung')], cluster), /does not lead yet/);
  });

  it('fails over though automatic failover is not asked for: it always is enabled there', () => {
    decides(
      viewOf([silentAt(1, 'dead'), replicaAt(2, 1)], { ...cluster, ...manual }),
      [setTarget(2, 'failover')],
      /./,
    );
  });
});

describe('a restart that was asked for', () => {
  it('of a replica ends its process, and starts it as a replica again', () => {
    decides(viewOf([primaryAt(1), replicaAt(2, 1, {}, restarting)]), [end(2)], /stopped for its restart/);
    decides(
      viewOf([primaryAt(1), silentAt(2, 'dead', restarting)]),
      [start(2, 1)],
      /as a replica of orders-001/,
    );
  });

  it('of a replica waits while the primary does not answer: it may be the only copy', () => {
    waits(viewOf([silentAt(1, 'unresponsive'), replicaAt(2, 1, {}, restarting)]), /orders-001 leads but/);
  });

  it('of the primary hands over first, with automatic failover', () => {
    decides(
      viewOf([primaryAt(1, restarting), replicaAt(2, 1)]),
      [setTarget(2, 'switchover')],
      /orders-002 takes over before orders-001 restarts/,
    );
  });

  it('of the primary without automatic failover ends it: a copy has its data', () => {
    decides(viewOf([primaryAt(1, restarting), replicaAt(2, 1)], manual), [end(1)], /stopped for its restart/);
  });

  it('of the primary waits until a replica holds its data', () => {
    decides(viewOf([primaryAt(1, restarting), silentAt(2, 'dead')]), [start(2, 1)], /./);
    waits(
      viewOf([primaryAt(1, restarting), replicaAt(2, 1, { isSyncing: true }, unsynced)], manual),
      /restarts once a replica holds its data/,
    );
    waits(viewOf([primaryAt(1, restarting), replicaAt(2, 1, { isLinkUp: false })], manual), /restarts once/);
  });

  it('of the primary with files of its own waits for nobody', () => {
    decides(
      viewOf([primaryAt(1, restarting), silentAt(2, 'dead')], { durability: 'async' }),
      [end(1)],
      /stopped for its restart/,
    );
  });

  it('of a node alone ends it', () => {
    decides(viewOf([primaryAt(1, restarting)], manual), [end(1)], /stopped for its restart/);
  });

  it('is tried again later when handing over keeps failing', () => {
    const view = viewOf([primaryAt(1, restarting), replicaAt(2, 1)], { restartFailures: 3 });
    waits(view, /could not hand over; it is tried again/);
  });
});

describe('a restart of a node that a client keeps from answering', () => {
  const occupied = (position: number, silentMs = 5_000) =>
    memberAt(position, { verdict: 'unresponsive', silentMs }, restarting);

  it('waits some seconds: it may end, and then nothing is lost', () => {
    waits(viewOf([occupied(1, 4_999), replicaAt(2, 1)]), /orders-001 leads but/);
    waits(viewOf([primaryAt(1), occupied(2, 4_999)]), /orders-002 does not answer/);
  });

  it('of the primary kills it when a replica has its data, whatever follows then', () => {
    for (const options of [{}, manual, { clusterMode: 'enabled' }, { durability: 'sync' }] as const)
      decides(viewOf([occupied(1), replicaAt(2, 1)], options), [fence(1)], /killed for its restart/);
  });

  it('of the primary does not count on a replica that is to restart itself', () => {
    const view = viewOf([occupied(1), replicaAt(2, 1, {}, restarting)]);
    waits(view, /restarts once a replica holds its data/);
  });

  it('of the primary waits while its memory is all that has its data', () => {
    waits(viewOf([occupied(1), replicaAt(2, 1, {}, unsynced)]), /restarts once a replica holds its data/);
  });

  it('of the primary ends it when its own files have the data, or when it is alone', () => {
    const kept = { durability: 'async' } as const;
    decides(viewOf([occupied(1), replicaAt(2, 1, {}, unsynced)], kept), [end(1)], /stopped for its restart/);
    decides(viewOf([occupied(1)]), [end(1)], /stopped for its restart/);
  });

  it('of a replica ends it while the primary answers', () => {
    decides(viewOf([primaryAt(1), occupied(2)]), [end(2)], /orders-002 is stopped for its restart/);
    waits(viewOf([silentAt(1, 'unresponsive'), occupied(2)]), /orders-002 does not answer/);
  });

  it('is none of its business when no restart was asked for', () => {
    const busy = memberAt(1, { verdict: 'unresponsive', silentMs: 3_600_000 });
    waits(viewOf([busy, replicaAt(2, 1)]), /orders-001 leads but/);
  });
});

describe('followers of a primary that stands', () => {
  it('that are dead are started as its replicas, each with its own back-off', () => {
    decides(
      viewOf([primaryAt(1), silentAt(2, 'dead'), silentAt(3, 'dead', {}, { isBackingOff: true })]),
      [start(2, 1)],
      /orders-002 is started as a replica of orders-001/,
    );
  });

  it('that hang are killed while the primary answers, and left alone while it does not', () => {
    decides(viewOf([primaryAt(1), silentAt(2, 'hung')]), [fence(2)], /orders-002 hangs and is killed/);
    waits(viewOf([silentAt(1, 'unresponsive'), silentAt(2, 'hung')]), /orders-002 hangs/);
  });

  it('that follow another, or lead, are told to follow it', () => {
    decides(viewOf([primaryAt(1), replicaAt(2, 3)]), [follow(2, 1)], /told to follow/);
    decides(viewOf([primaryAt(1), primaryAt(2)]), [follow(2, 1)], /told to follow/);
  });

  it('that are filled anew are not trusted any longer', () => {
    decides(
      viewOf([primaryAt(1), replicaAt(2, 1, { isSyncing: true })]),
      [{ kind: 'invalidate-sync', node: id(2) }],
      /orders-002 is filled anew/,
    );
  });

  it('wait while the primary itself is loading', () => {
    const loading = memberAt(1, { verdict: 'answering', engine: { ...leading, isLoading: true } });
    waits(viewOf([loading, replicaAt(2, 3)]), /orders-001 is loading its data/);
  });

  it('are brought up side by side', () => {
    decides(
      viewOf([primaryAt(1), silentAt(2, 'dead'), replicaAt(3, 1, {}, unsynced), primaryAt(4)]),
      [start(2, 1), confirm(3, 1), follow(4, 1)],
      /orders-002 is started.*orders-003 is asked.*orders-004 is told/,
    );
  });
});

describe('a node that has got another target', () => {
  const ahead = { target: { ...onTarget.target, configVersion: 2 } };
  const applyConfig = (position: number) => ({ kind: 'apply-config', node: id(position) }) as const;

  it('is brought to it while it runs, primary and replicas side by side', () => {
    decides(
      viewOf([primaryAt(1, ahead), replicaAt(2, 1, {}, ahead), replicaAt(3, 1)]),
      [applyConfig(1), applyConfig(2)],
      /orders-001 gets its present configuration; orders-002 gets/,
    );
    const larger = { target: { ...onTarget.target, cacheNodeType: 'cache.r7g.large' } };
    decides(viewOf([primaryAt(1, larger)]), [applyConfig(1)], /orders-001 gets/);
  });

  it('gets it while its primary does not answer, or fills it', () => {
    decides(
      viewOf([silentAt(1, 'unresponsive'), replicaAt(2, 1, {}, ahead)]),
      [applyConfig(2)],
      /orders-002 gets/,
    );
    const filled = replicaAt(2, 1, { isSyncing: true }, { ...ahead, ...unsynced });
    decides(viewOf([primaryAt(1), filled]), [applyConfig(2)], /orders-002 gets/);
  });

  it('gets it with its start when it is down, and follows its primary first', () => {
    decides(viewOf([primaryAt(1), silentAt(2, 'dead', ahead)]), [start(2, 1)], /is started/);
    decides(viewOf([primaryAt(1), replicaAt(2, 3, {}, ahead)]), [follow(2, 1)], /told to follow/);
  });

  it('keeps nobody from leading: a failover comes first', () => {
    decides(
      viewOf([silentAt(1, 'dead'), replicaAt(2, 1, {}, ahead)]),
      [setTarget(2, 'failover')],
      /orders-002/,
    );
  });

  it('is settled with another engine version in its target: that needs a restart, which nobody has asked for', () => {
    const upgraded = { target: { ...onTarget.target, engineVersion: '9.0.1' } };
    settles(viewOf([primaryAt(1, upgraded)]), /leads/);
  });
});

it('an address and a port tell whom a replica follows', () => {
  assert.equal(following(2).follows, addressOf(2));
  assert.equal(addressOf(2), `${nodeAt(2).address}:6379`);
});
