import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { connectMemcached, type MemcachedClient } from '../../src/engines/memcached/client.ts';
import { giveBackPages, memoryLimit, setMemoryLimit } from '../../src/engines/memcached/memory-limit.ts';
import { residentMegabytes } from '../support/memory.ts';
import { eventually, memcachedEngines, startNode } from './memcached-node.ts';

/** So many megabytes of values of 10 KB, or as many of them as fit. */
async function fill(client: MemcachedClient, megabytes: number): Promise<void> {
  const value = Buffer.alloc(10_000, 'v');
  for (let key = 0; key < megabytes * 100; key += 100)
    await Promise.all(Array.from({ length: 100 }, (_, index) => client.set(`key-${key + index}`, value)));
}

for (const engine of await memcachedEngines()) {
  describe(`the memory limit of memcached ${engine.version}`, () => {
    it('can be set back after a client lifted it, and what was taken beyond it goes back to the machine', async (t) => {
      const node = await startNode(engine, { memoryMb: 32 });
      t.after(() => node.kill());
      const client = await connectMemcached({ address: node.address, port: node.port, deadlineMs: 5_000 });
      await client.command('cache_memlimit 200', 'OK');
      await fill(client, 150);
      assert.equal(await memoryLimit(client), 200);
      assert.ok(residentMegabytes(node.pid) > 150);
      await setMemoryLimit(client, 32);
      assert.equal(await giveBackPages(client, 32, 20_000), 0);
      assert.equal(await memoryLimit(client), 32);
      await eventually(() => residentMegabytes(node.pid) < 60, { seen: () => residentMegabytes(node.pid) });
      const { itemsCurrent } = await client.stats();
      assert.ok(itemsCurrent > 1_000, `${itemsCurrent} items are left`);
      client.close();
    });

    it('that was lowered is set back alike, and nothing is evicted for that', async (t) => {
      const node = await startNode(engine, { memoryMb: 64 });
      t.after(() => node.kill());
      const client = await connectMemcached({ address: node.address, port: node.port, deadlineMs: 5_000 });
      await fill(client, 30);
      await client.command('cache_memlimit 8', 'OK');
      await setMemoryLimit(client, 64);
      assert.equal(await giveBackPages(client, 64, 20_000), 0);
      const { itemsCurrent, evictions } = await client.stats();
      assert.deepEqual([itemsCurrent, evictions], [3_000, 0]);
      client.close();
    });

    it('stays exceeded, which is told, where parameters do not let pages be moved', async (t) => {
      const node = await startNode(engine, { memoryMb: 32, parameters: ['-o', 'no_slab_reassign'] });
      t.after(() => node.kill());
      const client = await connectMemcached({ address: node.address, port: node.port, deadlineMs: 5_000 });
      await client.command('cache_memlimit 100', 'OK');
      await fill(client, 80);
      await setMemoryLimit(client, 32);
      assert.ok((await giveBackPages(client, 32, 20_000)) > 30);
      client.close();
    });
  });
}
