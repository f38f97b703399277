/** What every store does, whatever it is made of. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Change, StaleWrite, type Store, StoreUnavailable } from '../../src/store/contract.ts';
import * as rows from './rows.ts';
import { stores } from './stores.ts';

const all = { after: null, limit: 100 };
const groups = { ...rows.scope, kind: 'replication-group' } as const;
const ids = (list: readonly { readonly id: string }[]) => list.map((row) => row.id);

for (const kind of stores) {
  describe(`${kind.name} store: commits`, () => {
    it('writes all changes of a list or none', async (t) => {
      const { store } = await kind.open(t);
      const orders = rows.replicationGroup('orders');
      const list = [
        { put: 'resource', row: orders },
        { put: 'node', row: rows.cacheNode() },
        { add: 'event', row: rows.event('created') },
        { put: 'setting', row: rows.setting('a', '1') },
        { put: 'node', row: rows.cacheNode({ version: 7 }) }, // no version 6 is stored
      ] as const;
      await assert.rejects(store.commit(list), StaleWrite);
      assert.equal(await store.resource(orders), null);
      assert.equal(await store.countNodes(rows.scope), 0);
      assert.deepEqual(await allEvents(store), []);
      assert.equal(await store.setting('a'), null);
      await store.commit(list.slice(0, -1));
      assert.deepEqual(await store.resource(orders), orders);
    });

    it('goes on after a refused list, and takes an empty one', async (t) => {
      const { store } = await kind.open(t);
      await assert.rejects(store.commit([{ put: 'node', row: rows.cacheNode({ version: 2 }) }]), StaleWrite);
      await store.commit([]);
      await store.commit([{ put: 'setting', row: rows.setting('a', '1') }]);
      assert.deepEqual(await store.setting('a'), rows.setting('a', '1'));
    });

    it('lets exactly one of two racing creations of an id win', async (t) => {
      const { store } = await kind.open(t);
      const creations = [1, 2, 3].map(() => rows.replicationGroup('orders'));
      const results = await Promise.allSettled(
        creations.map((row) => store.commit([{ put: 'resource', row }])),
      );
      assert.equal(results.filter((result) => result.status === 'fulfilled').length, 1);
      const stored = await store.resource({ ...groups, id: 'orders' });
      assert.equal(stored?.incarnation, creations[0]?.incarnation);
    });

    it('writes a row only over the version that was read, whatever kind it is of', async (t) => {
      const { store } = await kind.open(t);
      const puts = (version: number): Change[] => [
        { put: 'resource', row: { ...group, version } },
        { put: 'node', row: { ...node, version } },
        { put: 'node-group', row: rows.nodeGroup({ version }) },
        { put: 'endpoint', row: rows.endpoint({ version }) },
        { put: 'operation', row: rows.operation('op', { version }) },
        { put: 'setting', row: rows.setting('a', `${version}`, version) },
      ];
      const [group, node] = [rows.replicationGroup('orders'), rows.cacheNode()];
      await store.commit(puts(1));
      for (const version of [1, 3])
        for (const put of puts(version)) await assert.rejects(store.commit([put]), StaleWrite);
      await store.commit(puts(2));
      for (const put of puts(2)) await assert.rejects(store.commit([put]), StaleWrite);
    });

    it('counts every one of many racing read-modify-writes once', async (t) => {
      const { store } = await kind.open(t);
      await store.commit([{ put: 'operation', row: rows.operation('op') }]);
      const increment = async (): Promise<void> => {
        for (;;) {
          const read = await store.operation('op');
          assert.ok(read);
          const row = { ...read, version: read.version + 1, attempts: read.attempts + 1 };
          try {
            return await store.commit([{ put: 'operation', row }]);
          } catch (error) {
            assert.ok(error instanceof StaleWrite);
          }
        }
      };
      await Promise.all(Array.from({ length: 20 }, increment));
      assert.equal((await store.operation('op'))?.attempts, 20);
    });

    it('refuses everything after close, which may be repeated', async (t) => {
      const { store } = await kind.open(t);
      await store.close();
      await store.close();
      await assert.rejects(store.setting('a'), StoreUnavailable);
      await assert.rejects(store.commit([{ put: 'setting', row: rows.setting('a', '1') }]), StoreUnavailable);
    });

    it('keeps what was committed over a restart', async (t) => {
      const { store, reopen } = await kind.open(t);
      const orders = rows.replicationGroup('orders');
      await store.commit([{ put: 'resource', row: orders }]);
      const again = await reopen();
      assert.deepEqual(await again.resource(orders), orders);
      assert.equal(again.olderCopy, false);
      assert.equal(again.diskFull, false);
    });
  });

  describe(`${kind.name} store: resources`, () => {
    it('writes a version only over the version before it', async (t) => {
      const { store } = await kind.open(t);
      const first = rows.replicationGroup('orders');
      await store.commit([{ put: 'resource', row: first }]);
      const second = { ...first, version: 2, status: 'available' };
      await store.commit([{ put: 'resource', row: second }]);
      await assert.rejects(store.commit([{ put: 'resource', row: second }]), {
        name: 'StaleWrite',
        what: 'replication-group orders (000000000000, eu-central-1)',
      });
      await assert.rejects(store.commit([{ put: 'resource', row: { ...second, version: 4 } }]), StaleWrite);
      await assert.rejects(store.commit([{ put: 'resource', row: { ...second, version: 0 } }]), StaleWrite);
      assert.deepEqual(await store.resource(first), second);
    });

    it('never lets a writer of a deleted resource write over its successor of the same name', async (t) => {
      const { store } = await kind.open(t);
      const old = rows.replicationGroup('orders');
      await store.commit([{ put: 'resource', row: old }]);
      await store.commit([{ remove: 'resource', key: old, version: 1 }]);
      const successor = rows.replicationGroup('orders');
      await store.commit([{ put: 'resource', row: successor }]);
      await assert.rejects(store.commit([{ put: 'resource', row: { ...old, version: 2 } }]), StaleWrite);
      const removal = { remove: 'resource', key: old, version: 1, incarnation: old.incarnation } as const;
      await assert.rejects(store.commit([removal]), StaleWrite);
      assert.deepEqual(await store.resource(old), successor);
    });

    it('removes only the version that was read', async (t) => {
      const { store } = await kind.open(t);
      const orders = rows.replicationGroup('orders');
      const remove = (version: number) => store.commit([{ remove: 'resource', key: orders, version }]);
      await assert.rejects(remove(1), StaleWrite);
      await store.commit([{ put: 'resource', row: orders }]);
      await assert.rejects(remove(2), StaleWrite);
      await remove(1);
      assert.equal(await store.resource(orders), null);
    });

    it('keeps accounts, regions and kinds apart', async (t) => {
      const { store } = await kind.open(t);
      const here = rows.replicationGroup('orders');
      const there = rows.replicationGroup('orders', rows.elsewhere);
      const foreign = rows.replicationGroup('orders', { account: '111111111111' });
      const cluster = rows.cacheCluster('orders');
      for (const row of [here, there, foreign, cluster]) await store.commit([{ put: 'resource', row }]);
      assert.deepEqual(await store.resource(there), there);
      assert.deepEqual(await store.resource(cluster), cluster);
      assert.deepEqual(await store.resources(groups, all), [here]);
      assert.equal(await store.countResources(groups), 1);
      assert.equal(await store.countResources({ ...groups, account: '222222222222' }), 0);
    });

    it('finds a resource by its incarnation', async (t) => {
      const { store } = await kind.open(t);
      const orders = rows.replicationGroup('orders');
      await store.commit([{ put: 'resource', row: orders }]);
      assert.deepEqual(await store.resourceByIncarnation('replication-group', orders.incarnation), orders);
      assert.equal(await store.resourceByIncarnation('cache-cluster', orders.incarnation), null);
    });

    it('pages in order of id', async (t) => {
      const { store } = await kind.open(t);
      for (const id of ['c', 'a', 'e', 'b-2', 'b-10'])
        await store.commit([{ put: 'resource', row: rows.replicationGroup(id) }]);
      assert.deepEqual(ids(await store.resources(groups, { after: null, limit: 2 })), ['a', 'b-10']);
      assert.deepEqual(ids(await store.resources(groups, { after: 'b-10', limit: 2 })), ['b-2', 'c']);
      assert.deepEqual(ids(await store.resources(groups, { after: 'd', limit: 2 })), ['e']); // d: deleted meanwhile
      assert.deepEqual(await store.resources(groups, { after: 'e', limit: 2 }), []);
    });

    it('lists clusters outside of replication groups, also after they joined or left one', async (t) => {
      const { store } = await kind.open(t);
      const alone = rows.cacheCluster('alone');
      const member = rows.cacheCluster('orders-001', { replicationGroupId: 'orders' });
      await store.commit([
        { put: 'resource', row: alone },
        { put: 'resource', row: member },
      ]);
      const outside = { ...rows.scope, kind: 'cache-cluster', outsideReplicationGroups: true } as const;
      assert.deepEqual(ids(await store.resources(outside, all)), ['alone']);
      const left = { ...member, version: 2, desired: { ...member.desired, replicationGroupId: null } };
      await store.commit([{ put: 'resource', row: left }]);
      assert.deepEqual(ids(await store.resources(outside, all)), ['alone', 'orders-001']);
    });
  });

  describe(`${kind.name} store: references`, () => {
    const subnets = { ...rows.scope, kind: 'subnet-group', id: 'private' } as const;

    it('finds who uses a resource, by kind and id, within its own region', async (t) => {
      const { store } = await kind.open(t);
      const uses = { subnetGroupName: 'private' };
      const base = rows.replicationGroup('orders');
      const orders = { ...base, desired: { ...base.desired, ...uses } };
      for (const row of [
        orders,
        rows.cacheCluster('b', uses),
        rows.cacheCluster('a', uses),
        rows.cacheCluster('other'),
        rows.cacheCluster('far', uses, rows.elsewhere),
      ])
        await store.commit([{ put: 'resource', row }]);
      assert.deepEqual(ids(await store.referrers(subnets, 10)), ['a', 'b', 'orders']);
      assert.deepEqual(ids(await store.referrers(subnets, 2)), ['a', 'b']);
    });

    it('forgets a reference when the resource changes or goes', async (t) => {
      const { store } = await kind.open(t);
      const a = rows.cacheCluster('a', { subnetGroupName: 'private', securityGroupNames: ['x', 'x'] });
      const b = rows.cacheCluster('b', { subnetGroupName: 'private' });
      await store.commit([
        { put: 'resource', row: a },
        { put: 'resource', row: b },
      ]);
      const moved = { ...a, version: 2, desired: { ...a.desired, subnetGroupName: 'public' } };
      await store.commit([{ put: 'resource', row: moved }]);
      assert.deepEqual(ids(await store.referrers(subnets, 10)), ['b']);
      await store.commit([{ remove: 'resource', key: b, version: 1 }]);
      assert.deepEqual(await store.referrers(subnets, 10), []);
      assert.deepEqual(ids(await store.referrers({ ...subnets, kind: 'security-group', id: 'x' }, 10)), [
        'a',
      ]);
    });

    it('closes the gap between a new cache that uses a group and the deletion of that group', async (t) => {
      const { store } = await kind.open(t);
      const group = rows.subnetGroup('private');
      const cache = rows.cacheCluster('a', { subnetGroupName: 'private' });
      const creation = [
        { require: 'resource', key: subnets },
        { put: 'resource', row: cache },
      ] as const;
      const deletion = [
        { require: 'no-referrers', key: subnets },
        { remove: 'resource', key: subnets, version: 1 },
      ] as const;
      await assert.rejects(store.commit(creation), StaleWrite);
      await store.commit([{ put: 'resource', row: group }]);
      await store.commit(creation);
      await assert.rejects(store.commit(deletion), StaleWrite);
      await store.commit([{ remove: 'resource', key: cache, version: 1 }, ...deletion]);
      assert.equal(await store.resource(subnets), null);
    });
  });

  describe(`${kind.name} store: operations and events`, () => {
    it('lists open operations in order of id and ended ones of a lock newest first', async (t) => {
      const { store } = await kind.open(t);
      const statuses = { a3: 'running', a1: 'queued', a2: 'finished', a5: 'failed', a4: 'finished' } as const;
      for (const [id, status] of Object.entries(statuses))
        await store.commit([{ put: 'operation', row: rows.operation(id, { status }) }]);
      const other = rows.operation('a6', { status: 'finished', lock: 'cache-2' });
      await store.commit([{ put: 'operation', row: other }]);
      assert.deepEqual(ids(await store.openOperations()), ['a1', 'a3']);
      assert.deepEqual(ids(await store.endedOperations('cache-1', 2)), ['a5', 'a4']);
    });

    it('keeps input and state of an operation as they are', async (t) => {
      const { store } = await kind.open(t);
      const row = rows.operation('op', { input: ['x', { y: null }], state: { step: 'fencing', at: 1.5 } });
      await store.commit([{ put: 'operation', row }]);
      assert.deepEqual(await store.operation('op'), row);
      assert.equal(await store.operation('none'), null);
    });

    it('numbers events of one millisecond in the order of writing, and shows the newest first', async (t) => {
      const { store } = await kind.open(t);
      const messages = ['one', 'two', 'three', 'four'];
      await store.commit(messages.map((message) => ({ add: 'event', row: rows.event(message) })));
      const filter = { ...rows.scope, from: rows.now, until: rows.now };
      const first = await store.events(filter, { before: null, limit: 3 });
      assert.deepEqual(
        first.map((event) => event.message),
        ['four', 'three', 'two'],
      );
      await store.commit([{ add: 'event', row: rows.event('five') }]); // arrives between two pages
      const second = await store.events(filter, { before: first[2]!.number, limit: 3 });
      assert.deepEqual(second, [{ ...rows.event('one'), number: second[0]!.number }]);
    });

    it('filters events by scope, source and time', async (t) => {
      const { store } = await kind.open(t);
      const list = [
        rows.event('group'),
        rows.event('cluster', { sourceType: 'cache-cluster', sourceId: 'orders-001' }),
        rows.event('early', { date: rows.now - 1 }),
        rows.event('late', { date: rows.now + 1 }),
        rows.event('far', rows.elsewhere),
      ];
      await store.commit(list.map((row) => ({ add: 'event', row })));
      const seen = async (filter: object) => {
        const whole = { ...rows.scope, from: rows.now, until: rows.now, ...filter };
        return (await store.events(whole, { before: null, limit: 9 })).map((event) => event.message);
      };
      assert.deepEqual(await seen({}), ['cluster', 'group']);
      assert.deepEqual(await seen({ sourceType: 'cache-cluster' }), ['cluster']);
      assert.deepEqual(await seen({ sourceId: 'orders' }), ['group']);
      assert.deepEqual(await seen({ sourceType: 'cache-cluster', sourceId: 'orders' }), []);
      assert.deepEqual(await seen({ from: 0 }), ['early', 'cluster', 'group']);
    });

    it('forgets old events and ended operations a bounded number at a time, never open ones', async (t) => {
      const { store } = await kind.open(t);
      const events = Array.from({ length: 2500 }, (_, index) => rows.event(`${index}`, { date: 10 }));
      await store.commit([
        ...events.map((row) => ({ add: 'event', row }) as const),
        { add: 'event', row: rows.event('kept') },
        { put: 'operation', row: rows.operation('open', { updatedAt: 10 }) },
        { put: 'operation', row: rows.operation('ended', { updatedAt: 10, status: 'failed' }) },
        { put: 'operation', row: rows.operation('recent', { status: 'failed' }) },
      ]);
      const forgotten: number[] = [];
      for (let last = -1; last !== 0; forgotten.push(last)) last = await store.forgetBefore(11);
      assert.equal(
        forgotten.reduce((sum, count) => sum + count, 0),
        2501,
      );
      assert.ok(forgotten.length > 2, `all at once: ${forgotten}`);
      assert.deepEqual(
        (await allEvents(store)).map((event) => event.message),
        ['kept'],
      );
      assert.deepEqual(ids(await store.openOperations()), ['open']);
      assert.deepEqual(ids(await store.endedOperations('cache-1', 9)), ['recent']);
    });
  });

  describe(`${kind.name} store: secrets, access keys and settings`, () => {
    it('keeps secrets by owner and name, and removes them with their owner', async (t) => {
      const { store } = await kind.open(t);
      await store.commit([
        { put: 'secret', owner: 'n1', name: 'control', value: 'first' },
        { put: 'secret', owner: 'n1', name: 'control', value: 'second' },
        { put: 'secret', owner: 'n2', name: 'control', value: 'other' },
      ]);
      assert.equal(await store.secret('n1', 'control'), 'second');
      await store.commit([{ remove: 'secrets', owner: 'n1' }]);
      assert.equal(await store.secret('n1', 'control'), null);
      assert.equal(await store.secret('n2', 'control'), 'other');
    });

    it('keeps access keys and settings', async (t) => {
      const { store, reopen } = await kind.open(t);
      const root = { accessKeyId: 'AKB', secretAccessKey: 's', account: '000000000000', name: 'root' };
      const other = { ...root, accessKeyId: 'AKA', name: 'ci' };
      await store.commit([
        { put: 'access-key', row: root },
        { put: 'access-key', row: other },
        { put: 'setting', row: rows.setting('a', '1') },
        { put: 'setting', row: rows.setting('a', '2', 2) },
      ]);
      const again = await reopen();
      assert.deepEqual(await again.accessKey('AKB'), root);
      assert.equal(await again.accessKey('AKC'), null);
      assert.deepEqual(await again.accessKeys(), [other, root]);
      assert.deepEqual(await again.setting('a'), rows.setting('a', '2', 2));
    });
  });
}

function allEvents(store: Store) {
  return store.events(
    { ...rows.scope, from: 0, until: Number.MAX_SAFE_INTEGER },
    { before: null, limit: 99 },
  );
}
