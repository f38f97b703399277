import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CreateReplicationGroupMessage } from '@aws-sdk/client-elasticache';
import { describeCacheClusters } from '../../src/actions/cache-clusters/describe-cache-clusters.ts';
import { createCacheParameterGroup } from '../../src/actions/parameter-groups/parameter-groups.ts';
import { createReplicationGroup } from '../../src/actions/replication-groups/create-replication-group.ts';
import { modifyReplicationGroup } from '../../src/actions/replication-groups/modify-replication-group.ts';
import { creationNotes } from '../../src/actions/shared/creation-notes.ts';
import { holdWhileChanging } from '../../src/actions/shared/hold.ts';
import { membersOf } from '../../src/actions/shared/look-ups.ts';
import { createCacheSubnetGroup } from '../../src/actions/subnet-groups/subnet-groups.ts';
import type { ReplicationGroup } from '../../src/model/resource.ts';
import { systemClock } from '../../src/platform/clock.ts';
import type { Store } from '../../src/store/contract.ts';
import { account, type Fixture, openFixture, refused, region, storeGroup } from './group-fixture.ts';

const scope = { account, region };

function askForGroup(fixture: Fixture, input: Partial<CreateReplicationGroupMessage> = {}) {
  const defaults = {
    ReplicationGroupId: 'orders',
    ReplicationGroupDescription: 'a group',
    Engine: 'valkey',
    CacheNodeType: 'cache.t4g.small',
  };
  return fixture.call(createReplicationGroup, { ...defaults, ...input });
}

describe('a new replication group', () => {
  it('is refused when a group that it names is deleted while it is planned', async (t) => {
    const fixture = await openFixture(t);
    await fixture.call(createCacheSubnetGroup, {
      CacheSubnetGroupName: 'mine',
      CacheSubnetGroupDescription: 'mine',
      SubnetIds: ['subnet-0123abcd'],
    });
    // The last thing that is read before the commit.
    const countNodes: Store['countNodes'] = async (asked) => {
      const key = { ...scope, kind: 'subnet-group', id: 'mine' } as const;
      if (await fixture.store.resource(key))
        await fixture.store.commit([{ remove: 'resource', key, version: 1 }]);
      return fixture.store.countNodes(asked);
    };
    const store = new Proxy(fixture.store, {
      get: (real, name: keyof Store) => {
        if (name === 'countNodes') return countNodes;
        const member = real[name];
        return typeof member === 'function' ? member.bind(real) : member;
      },
    });
    const slow: Fixture = {
      ...fixture,
      call: (action, input, as) => fixture.call((deps) => action({ ...deps, store }), input, as),
    };
    await refused(
      askForGroup(slow, { CacheSubnetGroupName: 'mine' }),
      'CacheSubnetGroupNotFoundFault',
      'mine',
    );
    assert.equal(await fixture.store.resource({ ...scope, kind: 'replication-group', id: 'orders' }), null);
  });

  it('may have 500 node groups', async (t) => {
    const fixture = await openFixture(t);
    await askForGroup(fixture, { NumNodeGroups: 500, AutomaticFailoverEnabled: true });
    const group = await fixture.store.resource({ ...scope, kind: 'replication-group', id: 'orders' });
    const members = await membersOf(fixture.store, group as ReplicationGroup);
    assert.equal(members.length, 500);
    assert.equal(members.at(-1)?.id, 'orders-0500-001');
    const shards = await fixture.store.nodeGroupsOf([group?.incarnation ?? '']);
    assert.equal(shards.length, 500);
    assert.match(shards.at(-1)?.slots ?? '', /-16383$/);
  });
});

describe('the members of a group', () => {
  it('show a pending reboot only where it is their own', async (t) => {
    const fixture = await openFixture(t);
    const group = await storeGroup(fixture, 'orders');
    const [, second] = await fixture.store.nodesOf([group.incarnation]);
    const [first] = group.desired.configurations;
    const configurations = [first!, { ...first!, version: 2, overrides: { databases: '4' } }];
    const target = { ...second!.target, configVersion: 2 };
    await fixture.store.commit([
      { put: 'resource', row: { ...group, version: 2, desired: { ...group.desired, configurations } } },
      // The other one was started since.
      { put: 'node', row: { ...second!, version: 2, target, started: target, applied: target } },
    ]);
    const { CacheClusters = [] } = await fixture.call(describeCacheClusters, { ShowCacheNodeInfo: true });
    assert.deepEqual(
      CacheClusters.map((cluster) => [
        cluster.CacheParameterGroup?.ParameterApplyStatus,
        cluster.CacheParameterGroup?.CacheNodeIdsToReboot,
        cluster.CacheNodes?.map((node) => node.ParameterGroupStatus),
      ]),
      [
        ['pending-reboot', ['0001'], ['pending-reboot']],
        ['in-sync', [], ['in-sync']],
      ],
    );
  });

  it('are changed with their group, so that what they refer to is what they use', async (t) => {
    const fixture = await openFixture(t);
    const group = await storeGroup(fixture, 'orders');
    await fixture.call(createCacheParameterGroup, {
      CacheParameterGroupName: 'mine',
      CacheParameterGroupFamily: 'valkey8',
      Description: 'mine',
    });
    await fixture.call(modifyReplicationGroup, {
      ReplicationGroupId: 'orders',
      CacheParameterGroupName: 'mine',
      PreferredMaintenanceWindow: 'tue:02:00-tue:03:00',
    });
    for (const member of await membersOf(fixture.store, group)) {
      assert.equal(member.desired.parameterGroupName, 'mine');
      assert.equal(member.desired.maintenanceWindow, 'tue:02:00-tue:03:00');
      assert.equal(member.desired.replicationGroupId, 'orders');
    }
  });
});

describe('events of a new cache', () => {
  const notesOf = async (t: Parameters<typeof openFixture>[0], facts: object) => {
    const group = await storeGroup(await openFixture(t), 'orders');
    const changes = creationNotes(group, { note: null, now: 0, machineBytes: 2 ** 40, ...facts });
    return changes.map((change) => ('add' in change ? change.row.message : ''));
  };

  it('are none when all is as it was asked for', async (t) => {
    assert.deepEqual(await notesOf(t, {}), []);
  });

  it('say that another engine serves it', async (t) => {
    assert.deepEqual(await notesOf(t, { note: 'redis 7.0.15 serves it.' }), ['redis 7.0.15 serves it.']);
  });

  it('say that its nodes may use more than this machine has', async (t) => {
    assert.deepEqual(await notesOf(t, { machineBytes: 2 ** 30 }), [
      'Each node may use 1.0 GiB of data, and this machine has 1.0 GiB of memory',
    ]);
  });

  it('say that AWS’s Memcached clients need names', async (t) => {
    const [message] = await notesOf(t, { lacksNames: true });
    assert.match(message ?? '', /only at a name that contains \.cfg\..*Start Limber with --dns ZONE/);
  });

  it('say that encryption at rest, when it was asked for, is the disk’s business', async (t) => {
    const [message] = await notesOf(t, { asksForEncryption: true });
    assert.match(message ?? '', /^Encryption at rest is recorded and not applied/);
  });
});

describe('a Describe of one resource that is changing', () => {
  const clock = (describeHoldMs: number) => ({
    clock: systemClock,
    describeHoldMs,
  });
  const context = { signal: new AbortController().signal };
  /** Each read gives the next status; the last one stays. */
  const reading = (statuses: readonly string[]) => {
    let reads = 0;
    return {
      count: () => reads,
      read: async () => {
        reads += 1;
        return { status: statuses[Math.min(reads, statuses.length) - 1] as string };
      },
    };
  };

  it('is held until the change is over', async () => {
    const { read } = reading(['creating', 'creating', 'available']);
    assert.deepEqual(await holdWhileChanging(clock(5_000), context, read), { status: 'available' });
  });

  it('is answered at once when nothing changes', async () => {
    const { read, count } = reading(['create-failed', 'available']);
    assert.deepEqual(await holdWhileChanging(clock(5_000), context, read), { status: 'create-failed' });
    assert.equal(count(), 1);
  });

  it('is answered with what is so far when the hold is over', async () => {
    const { read } = reading(['modifying']);
    assert.deepEqual(await holdWhileChanging(clock(20), context, read), { status: 'modifying' });
  });

  it('is given up when its client has left', async () => {
    const { read, count } = reading(['deleting']);
    const signal = AbortSignal.abort();
    assert.deepEqual(await holdWhileChanging(clock(60_000), { signal }, read), { status: 'deleting' });
    assert.equal(count(), 1);
  });
});
