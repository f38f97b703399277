import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  cutConnections,
  readBindings,
  setBindings,
  takeBindings,
} from '../../src/engines/valkey/bindings.ts';
import { EngineReplyError } from '../../src/engines/valkey/engine-errors.ts';
import { parseInfo, readInfo } from '../../src/engines/valkey/info.ts';
import { setDirectives } from '../../src/engines/valkey/parameters.ts';
import { confirmSynced, isSyncing, promote, replicateFrom } from '../../src/engines/valkey/replication.ts';
import {
  acceptWrites,
  holdWrites,
  refuseWrites,
  waitForEqualOffsets,
} from '../../src/engines/valkey/switchover.ts';
import { steadySync } from '../../src/engines/valkey/timing.ts';
import { type Bench, engines, eventually, newAddress, type TestNode, withBench } from './valkey-support.ts';

/** A primary and two replicas, confirmed. */
async function group(bench: Bench): Promise<[TestNode, TestNode, TestNode]> {
  const [a, b, c] = await Promise.all([1, 2, 3].map(() => bench.start({ isFirstSync: true })));
  await Promise.all([b!, c!].map((replica) => replicateFrom(replica.connection, a!)));
  assert.equal((await confirmSynced(a!.connection, [b!, c!], 5_000)).length, 2);
  return [a!, b!, c!];
}

for (const engine of engines) {
  describe(`replication of ${engine.name}`, () => {
    it('confirms both replicas of a new group in a fraction of a second', async (t) => {
      await withBench(engine, async (bench) => {
        const nodes = await Promise.all([1, 2, 3].map(() => bench.start({ isFirstSync: true })));
        const [primary, ...replicas] = nodes as [TestNode, TestNode, TestNode];
        const begin = performance.now();
        await Promise.all(replicas.map((replica) => replicateFrom(replica.connection, primary)));
        await Promise.all(replicas.map((replica) => replicateFrom(replica.connection, primary))); // may be repeated
        assert.equal((await confirmSynced(primary.connection, replicas, 5_000)).length, 2);
        t.diagnostic(`two replicas confirmed after ${(performance.now() - begin).toFixed(0)} ms`);
        await setDirectives(primary.connection, steadySync);
        const info = await readInfo(replicas[0]!.connection);
        assert.deepEqual([info.role, info.upstream?.isUp, isSyncing(info)], ['replica', true, false]);
        assert.equal(info.replicationId, (await readInfo(primary.connection)).replicationId);
        const seen = (await readInfo(primary.connection)).replicas.map((replica) => replica.address).sort();
        assert.deepEqual(seen, replicas.map((replica) => replica.address).sort());
      });
    });

    it('does not take a replica in its first diskless sync for a copy', async (t) => {
      await withBench(engine, async (bench) => {
        const [primary, replica] = (await Promise.all([1, 2].map(() => bench.start()))) as [
          TestNode,
          TestNode,
        ];
        await setDirectives(primary.connection, steadySync);
        const client = await primary.client();
        await replicateFrom(replica.connection, primary);
        let writes = 0;
        let early = 0;
        let isConfirmed = false;
        const confirming = confirmSynced(primary.connection, [replica], 10_000).then((confirmed) => {
          isConfirmed = true;
          return confirmed;
        });
        while (!isConfirmed) {
          await client.call('SET', `key${writes}`, 'x');
          writes += 1;
          const { upstream } = await readInfo(replica.connection);
          if (upstream?.isUp && !isConfirmed) early += 1;
        }
        assert.equal((await confirming).length, 1);
        t.diagnostic(`${early} of ${writes} looks found the link up before the replica was confirmed`);
        // Killed at this very moment, the primary takes no write with it that the replica had no part in.
        const before = (await readInfo(primary.connection)).offset;
        await eventually(async () => (await readInfo(replica.connection)).offset >= before);
        assert.equal((await readInfo(replica.connection)).keys, writes);
      });
    });

    it('confirms nobody who has gone', async () => {
      await withBench(engine, async (bench) => {
        const [a, b, c] = await group(bench);
        b.process.kill('SIGKILL');
        await eventually(async () => (await readInfo(a.connection)).replicas.length === 1);
        const confirmed = await confirmSynced(a.connection, [b, c], 100);
        assert.deepEqual(
          confirmed.map(({ address }) => address),
          [c.address],
        );
      });
    });

    it('promotes a replica, which its siblings follow without a full sync', async () => {
      await withBench(engine, async (bench) => {
        const [a, b, c] = await group(bench);
        await (await a.client()).call('SET', 'k', 'v');
        await eventually(
          async () => (await readInfo(c.connection)).keys === 1 && (await readInfo(b.connection)).keys === 1,
        );
        a.process.kill('SIGKILL');
        await promote(b.connection);
        await promote(b.connection);
        await replicateFrom(c.connection, b);
        assert.equal((await confirmSynced(b.connection, [c], 5_000)).length, 1);
        const info = await readInfo(b.connection);
        assert.equal(info.role, 'primary');
        assert.equal(info.fields.get('sync_full'), '0');
        assert.equal(info.fields.get('sync_partial_ok'), '1');
        assert.equal(await (await c.client()).call('GET', 'k'), 'v');
      });
    });

    it('switches over without losing a write, and never has two that take them', async (t) => {
      await withBench(engine, async (bench) => {
        const [a, b] = await group(bench);
        const vip = newAddress();
        await setBindings(a.connection, [a.address, vip]);
        const client = await bench.connect({ address: vip, port: 6379 });
        let acknowledged = 0;
        let isWriting = true;
        const writing = (async () => {
          while (isWriting) {
            await client.call('INCR', 'counter');
            acknowledged += 1;
          }
        })().catch(() => {});
        await eventually(() => acknowledged > 100);
        const begin = performance.now();
        await holdWrites(a.connection, 1_000);
        await refuseWrites(a.connection);
        assert.equal(await waitForEqualOffsets(a.connection, b.connection, 1_000), true);
        await promote(b.connection);
        await setBindings(a.connection, [a.address]);
        await setBindings(b.connection, [b.address, vip]);
        assert.equal(await cutConnections(a.connection, vip, 6379), 1);
        const moved = await bench.connect({ address: vip, port: 6379 });
        await moved.call('SET', 'after', '1');
        t.diagnostic(`writes stood still for ${(performance.now() - begin).toFixed(1)} ms`);
        await writing;
        isWriting = false;
        // Limber dies here, and the pause has run out: the old primary still refuses.
        const late = await a.client();
        await a.connection.call('CLIENT', 'UNPAUSE');
        await assert.rejects(late.call('SET', 'lost', '1'), { code: 'NOREPLICAS' });
        await replicateFrom(a.connection, b);
        await acceptWrites(a.connection, { minReplicas: 0, maxLagSeconds: 10 });
        assert.equal((await confirmSynced(b.connection, [a], 5_000)).length, 1);
        assert.equal(Number(await moved.call('GET', 'counter')), acknowledged);
        assert.equal((await readInfo(b.connection)).fields.get('sync_full'), '0');
      });
    });
  });

  describe(`addresses of ${engine.name}`, () => {
    it('are bound, moved and read while the node runs', async (t) => {
      await withBench(engine, async (bench) => {
        const [a, b] = (await Promise.all([1, 2].map(() => bench.start()))) as [TestNode, TestNode];
        const vip = newAddress();
        await setBindings(a.connection, [a.address, vip]);
        assert.deepEqual(await readBindings(a.connection), [a.address, vip]);
        const times: number[] = [];
        for (const [from, to] of [
          [a, b],
          [b, a],
          [a, b],
          [b, a],
          [a, b],
        ] as const) {
          const begin = performance.now();
          await setBindings(from.connection, [from.address]);
          await setBindings(to.connection, [to.address, vip]);
          times.push(performance.now() - begin);
          const client = await bench.connect({ address: vip, port: 6379 });
          assert.equal(parseInfo(String(await client.call('INFO'))).pid, to.process.pid);
        }
        t.diagnostic(
          `moved in ${times
            .toSorted((x, y) => x - y)
            .map((ms) => ms.toFixed(2))
            .join(' / ')} ms`,
        );
        assert.equal(a.connection.isOpen && b.connection.isOpen, true);
      });
    });

    it('held by another process are refused, and nothing has changed', async () => {
      await withBench(engine, async (bench) => {
        const [a, b] = (await Promise.all([1, 2].map(() => bench.start()))) as [TestNode, TestNode];
        await assert.rejects(setBindings(a.connection, [a.address, b.address]), EngineReplyError);
        assert.deepEqual(await readBindings(a.connection), [a.address]);
        await a.client();
        await assert.rejects(takeBindings(a.connection, [a.address, b.address], 20), EngineReplyError);
        b.process.kill('SIGKILL');
        await takeBindings(a.connection, [a.address, b.address], 5_000);
        await assert.rejects(setBindings(a.connection, [b.address]), /its own address first/);
      });
    });

    it('given up keep their open connections until these are cut', async () => {
      await withBench(engine, async (bench) => {
        const node = await bench.start();
        const vip = newAddress();
        await setBindings(node.connection, [node.address, vip]);
        const [old, other] = [await bench.connect({ address: vip, port: 6379 }), await node.client()];
        await setBindings(node.connection, [node.address]);
        assert.equal(await old.call('PING'), 'PONG');
        assert.equal(await cutConnections(node.connection, vip, 6379), 1);
        assert.equal(await cutConnections(node.connection, vip, 6379), 0);
        await eventually(() => !old.isOpen);
        assert.equal(await other.call('PING'), 'PONG');
      });
    });
  });
}
