/** Who gets the slots of a primary that the cluster does not know any more. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseClusterNodes } from '../../src/engines/valkey/cluster-view.ts';
import { decideShard } from '../../src/reconcilers/shard/decide/decide.ts';
import { slotStanding } from '../../src/reconcilers/shard/observe/slots.ts';
import type { EngineFacts, Member } from '../../src/reconcilers/shard/view.ts';
import { decides, follow, promote, setTarget, settles, start, waits } from './decisions.ts';
import {
  incarnationOf,
  leading,
  memberAt,
  primaryAt,
  replicaAt,
  silentAt,
  viewOf as view,
} from './shard-views.ts';

const cluster = { clusterMode: 'enabled' } as const;
const viewOf: typeof view = (members, options = {}) => view(members, { ...cluster, ...options });
const claim = (position: number) => ({ kind: 'claim-slots', node: incarnationOf(position) }) as const;

/** It came back with a new id. */
const stranger = (position: number, facts: Partial<EngineFacts> = {}): Member =>
  memberAt(
    position,
    { verdict: 'answering', engine: { ...leading, slots: 'lost', holdsData: false, ...facts } },
    { role: 'primary' },
  );
const holding = { holdsData: true } as const;

describe('a primary that has lost its slots', () => {
  it('is given them when it is the only node of its shard', () => {
    decides(viewOf([stranger(1)]), [claim(1)], /orders-001 has lost its slots and is given them again/);
  });

  it('is given them before its replicas are started', () => {
    decides(viewOf([stranger(1), silentAt(2, 'dead')]), [claim(1)], /is given them again/);
  });

  it('is given them when its replicas are as empty as it is', () => {
    decides(viewOf([stranger(1), replicaAt(2, 1, { holdsData: false })]), [claim(1)], /is given them again/);
  });

  it('is given them for the sake of its own data', () => {
    decides(viewOf([stranger(1, holding), replicaAt(2, 1, holding)]), [claim(1)], /is given them again/);
  });

  it('waits until it has loaded its data', () => {
    waits(viewOf([stranger(1, { isLoading: true })]), /orders-001 is loading its data/);
  });

  it('is not given them while a replica that holds the data lives: that one is to lead', () => {
    decides(
      viewOf([stranger(1), replicaAt(2, 1, holding)]),
      [setTarget(2, 'failover')],
      /orders-001 has lost its slots and is empty: orders-002 is chosen to lead/,
    );
  });

  it('is not given them while a replica that holds older data lives', () => {
    decides(
      viewOf([stranger(1), replicaAt(2, 1, holding, { synced: false })]),
      [setTarget(2, 'failover')],
      /orders-002 is chosen to lead/,
    );
  });

  it('is not given them while a copy does not answer, or what it holds is not known', () => {
    waits(
      viewOf([stranger(1), silentAt(2, 'unresponsive')]),
      /orders-002, which holds its data, does not answer/,
    );
    waits(viewOf([stranger(1), silentAt(2, 'hung')]), /nobody is given them/);
    waits(
      viewOf([stranger(1), replicaAt(2, 1, { isSyncing: true }, { synced: false })]),
      /what orders-002 holds is not known yet/,
    );
  });

  it('keeps them from a sibling that came back with an old file: that one may be empty', () => {
    const taken = stranger(1, { slots: 'taken', holdsData: true, keys: 10 });
    const stale = (keys: number, synced = false) =>
      memberAt(2, { verdict: 'answering', engine: { ...leading, slots: 'held', keys } }, { synced });
    decides(viewOf([taken, stale(0)]), [claim(1)], /orders-001 takes back slots/);
    for (const leader of [stale(11), stale(0, true)]) {
      decides(viewOf([taken, leader]), [setTarget(2, 'found')], /orders-002 leads since/);
      const confirm = { kind: 'confirm-primary', node: incarnationOf(2) } as const;
      decides(viewOf([taken, leader], { current: 1, target: 2 }), [confirm], /orders-002 leads now/);
    }
  });

  it('follows the member that has them', () => {
    const leader = memberAt(2, { verdict: 'answering', engine: { ...leading, slots: 'held' } });
    decides(
      viewOf([stranger(1), leader]),
      [setTarget(2, 'found')],
      /orders-002 leads since orders-001 lost its slots/,
    );
    decides(
      viewOf([stranger(1), leader], { current: 1, target: 2 }),
      [{ kind: 'confirm-primary', node: incarnationOf(2) }],
      /orders-002 leads now/,
    );
    decides(viewOf([stranger(1), leader], { current: 2 }), [follow(1, 2)], /orders-001 is told to follow/);
  });

  it('does not stand in the way of the member that was chosen instead', () => {
    const chosen = { current: 1, target: 2 };
    decides(viewOf([stranger(1), replicaAt(2, 1, holding)], chosen), [promote(2)], /orders-002 is promoted/);
  });
});

/** Somebody has claimed slots of a primary that runs. */
const robbed = (position: number, facts: Partial<EngineFacts> = {}): Member =>
  memberAt(
    position,
    { verdict: 'answering', engine: { ...leading, slots: 'taken', holdsData: true, keys: 50, ...facts } },
    { role: 'primary' },
  );
const inside = { where: '127.0.0.1:7000', isInside: true, isOurs: false };

describe('a primary whose slots somebody else has claimed', () => {
  it('takes them back, also when its replica holds as much', () => {
    decides(viewOf([robbed(1)]), [claim(1)], /orders-001 takes back slots of its shard/);
    const copy = replicaAt(2, 1, { holdsData: true, keys: 50 });
    decides(viewOf([robbed(1), copy]), [claim(1)], /takes back slots/);
  });

  it('is killed when a replica still holds keys that it has dropped: that one leads', () => {
    const copy = replicaAt(2, 1, { holdsData: true, keys: 90 });
    const { acts, sentence } = decideShard(viewOf([robbed(1), copy]));
    assert.deepEqual(
      acts.map(({ kind }) => kind),
      ['fence'],
      sentence,
    );
    assert.match(
      sentence,
      /has dropped keys that orders-002 still holds: it is killed, then orders-002 leads/,
    );
  });

  it('is not killed for a replica that is not confirmed, follows somebody else, or has lost its link', () => {
    const rich = { holdsData: true, keys: 90 };
    for (const copy of [
      replicaAt(2, 1, rich, { synced: false }),
      replicaAt(2, 3, rich),
      replicaAt(2, 1, { ...rich, isLinkUp: false }),
      replicaAt(2, 1, { ...rich, isSyncing: true }),
    ])
      decides(viewOf([robbed(1), copy]), [claim(1)], /takes back slots/);
  });

  it('is not killed with Durability=sync: it would come back first, with no more than its files say', () => {
    const copy = replicaAt(2, 1, { holdsData: true, keys: 90 });
    decides(viewOf([robbed(1), copy], { durability: 'sync' }), [claim(1)], /takes back slots/);
  });

  it('goes on serving the rest while another member is to lead', () => {
    decides(
      viewOf([robbed(1), replicaAt(2, 1)], { current: 1, target: 2 }),
      [{ kind: 'switchover', from: incarnationOf(1), to: incarnationOf(2) }],
      /orders-001 hands over to orders-002/,
    );
  });

  it('is left as it is when a node of this data directory that no record names may own them', () => {
    const strangers = [{ ...inside, isOurs: true }];
    waits(viewOf([robbed(1)], { strangers }), /no record names, may own/);
  });
});

describe('a primary that owns slots of other shards', () => {
  it('gives them up when nothing is in them', () => {
    const primary = memberAt(1, { verdict: 'answering', engine: { ...leading, slots: 'surplus' } });
    decides(viewOf([primary]), [claim(1)], /gives up the slots that are not its shard's/);
  });

  it('keeps them while keys are in them, and that is said', () => {
    const primary = memberAt(1, { verdict: 'answering', engine: { ...leading, slots: 'surplus-in-use' } });
    waits(viewOf([primary]), /orders-001 owns slots of other shards, with keys in them/);
  });
});

describe('a stranger on the cluster bus', () => {
  const well = [primaryAt(1), replicaAt(2, 1)];

  it('that a member knows leaves no shard settled', () => {
    waits(
      viewOf(well, { strangers: [inside] }),
      /127.0.0.1:7000, which no record names, is on its cluster bus/,
    );
  });

  it('that was kept out is spoken of, and everything is well', () => {
    settles(
      viewOf(well, { strangers: [{ ...inside, isInside: false }] }),
      /every member follows it; 127.0.0.1:7000, .* tried to join its cluster bus and is kept out/,
    );
  });

  it('whom the primary was made to follow loses it again: it leads with its own data', () => {
    const follower = memberAt(1, {
      verdict: 'answering',
      engine: { ...leading, role: 'replica', follows: inside.where, isLinkUp: false },
    });
    decides(
      viewOf([follower, replicaAt(2, 1)], { strangers: [inside] }),
      [promote(1)],
      /orders-001 was made to follow 127.0.0.1:7000/,
    );
  });

  it('that has fed the primary leaves the lead to a replica', () => {
    const follower = memberAt(1, {
      verdict: 'answering',
      engine: { ...leading, role: 'replica', follows: inside.where, isSyncing: true },
    });
    decides(
      viewOf([follower, replicaAt(2, 1)], { strangers: [inside] }),
      [setTarget(2, 'failover')],
      /orders-002/,
    );
  });
});

describe('what a primary says of its slots', () => {
  const known = (...slots: readonly string[]) =>
    parseClusterNodes(
      [
        `${'1'.repeat(40)} 127.0.0.1:6379@16379 myself,master - 0 0 1 connected ${slots[0]}`,
        `${'2'.repeat(40)} 127.0.0.2:6379@16379 master - 0 0 2 connected ${slots[1] ?? '101-16383'}`,
      ].join('\n'),
    );
  const standing = (...slots: readonly string[]) =>
    slotStanding({ slots: '0-100' }, known(...slots), new Set(['127.0.0.1:6379']));

  it('is that it holds them, lacks some, or has others besides', () => {
    assert.equal(standing('0-100'), 'held');
    assert.equal(standing('0-50'), 'taken');
    assert.equal(standing(''), 'taken');
    assert.equal(standing('0-50 200'), 'taken');
    assert.equal(standing('0-101'), 'surplus');
  });

  it('is that it lacks them also when another shard has them', () => {
    assert.equal(standing('0-50', '51-16383'), 'taken');
  });

  it('is that it is lost when it has no epoch, or knows nobody', () => {
    const [self, other] = known('');
    const siblings = new Set(['127.0.0.1:6379']);
    assert.equal(slotStanding({ slots: '0-100' }, [{ ...self!, epoch: 0 }, other!], siblings), 'lost');
    assert.equal(slotStanding({ slots: '0-100' }, known('0-100').slice(0, 1), siblings), 'lost');
    assert.equal(slotStanding({ slots: '0-16383' }, known('0-16383').slice(0, 1), siblings), 'held');
  });
});

describe('a primary that owns its slots', () => {
  it('goes on as ever, and so does one of whom it is not known', () => {
    for (const slots of [{ slots: 'held' }, {}] as const) {
      const primary = memberAt(1, { verdict: 'answering', engine: { ...leading, ...slots } });
      decides(viewOf([primary, silentAt(2, 'dead')]), [start(2, 1)], /orders-002 is started/);
    }
    decides(viewOf([primaryAt(1), silentAt(2, 'dead')]), [start(2, 1)], /orders-002 is started/);
  });
});
