/** Who gets the slots of a primary that the cluster does not know any more. */
import { describe, it } from 'node:test';
import type { EngineFacts, Member } from '../../src/reconcilers/shard/view.ts';
import { decides, follow, promote, setTarget, start, waits } from './decisions.ts';
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

describe('a primary that owns its slots', () => {
  it('goes on as ever, and so does one of whom it is not known', () => {
    for (const slots of [{ slots: 'held' }, {}] as const) {
      const primary = memberAt(1, { verdict: 'answering', engine: { ...leading, ...slots } });
      decides(viewOf([primary, silentAt(2, 'dead')]), [start(2, 1)], /orders-002 is started/);
    }
    decides(viewOf([primaryAt(1), silentAt(2, 'dead')]), [start(2, 1)], /orders-002 is started/);
  });
});
