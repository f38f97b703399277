/** What every store does with addresses, whatever it is made of. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as rows from './rows.ts';
import { stores } from './stores.ts';

for (const kind of stores) {
  describe(`${kind.name} store: addresses`, () => {
    const give = (restUntil: number) =>
      ({ remove: 'endpoint', address: '127.100.7.9', port: 6379, restUntil }) as const;

    it('gives an address and port to one cache at a time', async (t) => {
      const { store } = await kind.open(t);
      await store.commit([{ put: 'endpoint', row: rows.endpoint() }]);
      const rebound = rows.endpoint({ holder: 'n1', version: 2 });
      await store.commit([{ put: 'endpoint', row: rebound }]);
      const stolen = rows.endpoint({ cacheIncarnation: 'cache-2' });
      for (const version of [1, 2, 3])
        await assert.rejects(store.commit([{ put: 'endpoint', row: { ...stolen, version } }]), {
          name: 'StaleWrite',
          what: 'endpoint 127.100.7.9:6379',
        });
      assert.deepEqual(await store.endpointsOf(['cache-1', 'cache-2']), [rebound]);
      await store.commit([{ put: 'endpoint', row: { ...stolen, port: 6380 } }]); // another port is another endpoint
    });

    it('lets a released address rest, also over a restart', async (t) => {
      const { store, reopen } = await kind.open(t);
      await store.commit([{ put: 'endpoint', row: rows.endpoint() }]);
      await store.commit([give(rows.now + 60_000)]);
      await store.commit([give(rows.now + 90_000)]); // repeated: the rest is the first one's
      const again = await reopen();
      assert.deepEqual(await again.endpointsOf(['cache-1']), []);
      assert.deepEqual(await again.takenAddresses(rows.now + 59_999), new Set(['127.100.7.9']));
      assert.deepEqual(await again.takenAddresses(rows.now + 60_000), new Set());
    });

    it('never takes an address from its next owner when a release is repeated', async (t) => {
      const { store } = await kind.open(t);
      await store.commit([{ put: 'endpoint', row: rows.endpoint() }]);
      const release = { ...give(rows.now), cacheIncarnation: 'cache-1' };
      await store.commit([release]);
      const next = rows.endpoint({ cacheIncarnation: 'cache-2' });
      await store.commit([{ put: 'endpoint', row: next }]);
      await store.commit([release]);
      assert.deepEqual(await store.endpointsOf(['cache-2']), [next]);
    });

    it('counts addresses of endpoints and of nodes as taken', async (t) => {
      const { store } = await kind.open(t);
      await store.commit([
        { put: 'endpoint', row: rows.endpoint() },
        { put: 'node', row: rows.cacheNode() },
      ]);
      assert.deepEqual(await store.takenAddresses(0), new Set(['127.100.7.9', '127.100.7.1']));
    });

    it('answers all endpoints of a DNS name', async (t) => {
      const { store } = await kind.open(t);
      const readers = ['127.100.7.2', '127.100.7.3'].map((address) =>
        rows.endpoint({ address, purpose: 'reader', dnsName: 'orders-ro' }),
      );
      for (const row of [...readers, rows.endpoint()]) await store.commit([{ put: 'endpoint', row }]);
      assert.deepEqual(await store.endpointsByName('orders-ro'), readers);
      assert.deepEqual(await store.endpointsByName('unknown'), []);
    });
  });
}
