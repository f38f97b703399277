import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Directive } from '../../src/engines/valkey/directives.ts';
import { renderDirective } from '../../src/engines/valkey/directives.ts';
import { readInfo } from '../../src/engines/valkey/info.ts';
import { applyParameters, readParameters } from '../../src/engines/valkey/parameters.ts';
import { engines, eventually, fingerprintOf, newAddress, secrets, withBench } from './valkey-support.ts';

for (const engine of engines) {
  describe(`config file of ${engine.name}`, () => {
    it('starts a node that listens on its own address alone', async () => {
      await withBench(engine, async (bench) => {
        const node = await bench.start();
        const info = await readInfo(node.connection);
        assert.equal(info.role, 'primary');
        assert.equal(info.pid, node.process.pid);
        assert.equal(info.isClusterEnabled, false);
        await assert.rejects(bench.connect({ address: newAddress(), port: node.port }));
      });
    });

    it('brings a member up as a replica from its first moment, also when the primary is not there', async () => {
      await withBench(engine, async (bench) => {
        const replicaOf = { address: newAddress(), port: 6379 };
        const replica = await bench.start({ mode: { kind: 'standalone', replicaOf } });
        const info = await readInfo(replica.connection);
        assert.equal(info.role, 'replica');
        assert.deepEqual([info.upstream?.address, info.upstream?.isUp], [replicaOf.address, false]);
        const client = await replica.client();
        await assert.rejects(client.call('SET', 'a', '1'), { code: 'READONLY' });
      });
    });

    it('gives every durability its append-only file', async () => {
      await withBench(engine, async (bench) => {
        const expected = {
          sync: ['yes', 'always'],
          async: ['yes', 'everysec'],
          disabled: ['no', 'everysec'],
        };
        for (const durability of ['sync', 'async', 'disabled'] as const) {
          const { connection } = await bench.start({ durability });
          const values = await readParameters(connection, ['appendonly', 'appendfsync', 'save']);
          assert.deepEqual([values.get('appendonly'), values.get('appendfsync')], expected[durability]);
          assert.equal(values.get('save'), '');
        }
      });
    });

    it('keeps acknowledged writes over kill -9 with durability sync', async () => {
      await withBench(engine, async (bench) => {
        const node = await bench.start({ durability: 'sync' });
        const client = await node.client();
        for (let key = 0; key < 50; key += 1) await client.call('SET', `key${key}`, 'x');
        node.process.kill('SIGKILL');
        await eventually(() => node.process.signalCode !== null);
        const again = await bench.start({ durability: 'sync', address: node.address }, node.directory);
        await eventually(async () => !(await readInfo(again.connection)).isLoading);
        assert.equal((await readInfo(again.connection)).keys, 50);
      });
    });

    it('takes a value with any bytes, and none that would be a line of its own', async () => {
      await withBench(engine, async (bench) => {
        const value = 'a "b" \\ c\nport 1\r\t\u00fc';
        const { connection } = await bench.start({
          parameters: [
            ['replica-announced', 'yes'],
            ['oom-score-adj-values', '0 100 200'],
          ],
        });
        assert.equal(
          (await readParameters(connection, ['oom-score-adj-values'])).get('oom-score-adj-values'),
          '0 100 200',
        );
        // Any text directive will do.
        const node = await bench.start({ availabilityZone: value });
        if ((await fingerprintOf(engine)).server === 'valkey')
          assert.equal(
            (await readParameters(node.connection, ['availability-zone'])).get('availability-zone'),
            value,
          );
      });
    });

    it('does not let a parameter group override what Limber sets', async () => {
      await withBench(engine, async (bench) => {
        const parameters: Directive[] = [
          ['maxmemory', '100000000'],
          ['port', '1'],
          ['bind', '0.0.0.0'],
          ['appendonly', 'yes'],
          ['masterauth', 'x'],
          ['requirepass', 'x'],
          ['cluster-enabled', 'yes'],
          ['save', '1 1'],
          ['enable-debug-command', 'yes'],
          ['notify-keyspace-events', ''],
          ['client-output-buffer-limit', 'normal 0 0 0 pubsub 1000000 100000 5'],
        ];
        const node = await bench.start({ parameters });
        const info = await readInfo(node.connection);
        assert.equal(info.memory.maxBytes, 100_000_000);
        assert.equal(info.persistence.isAofEnabled, false);
        assert.equal(await (await node.client()).call('PING'), 'PONG');
      });
    });

    it('applies parameters at run time; one that it refuses keeps no other back', async () => {
      await withBench(engine, async (bench) => {
        const { connection } = await bench.start();
        const wanted: Directive[] = [
          ['maxmemory-policy', 'allkeys-lru'],
          ['timeout', '20'],
          ['notify-keyspace-events', 'KEA'],
          ['client-output-buffer-limit', 'normal 0 0 0'],
          ['appendonly', 'yes'],
        ];
        assert.deepEqual(await applyParameters(connection, wanted), []);
        const shown = await readParameters(connection, ['maxmemory-policy', 'timeout', 'appendonly']);
        assert.deepEqual([...shown.values()].sort(), ['20', 'allkeys-lru', 'no']);
        const bad: Directive[] = [
          ['timeout', '30'],
          ['maxmemory-policy', 'wrong'],
        ];
        const [refused, ...more] = await applyParameters(connection, bad);
        assert.equal(refused?.directive, 'maxmemory-policy');
        assert.match(refused?.reason ?? '', /maxmemory-policy/);
        assert.deepEqual(more, []);
        assert.equal((await readParameters(connection, ['timeout'])).get('timeout'), '30');
        assert.deepEqual(await applyParameters(connection, [['a-directive-of-another-build', 'yes']]), []);
      });
    });

    it('does not put secrets into the log', async () => {
      await withBench(engine, async (bench) => {
        const node = await bench.start();
        assert.ok(node.log().length > 0);
        for (const secret of Object.values(secrets)) assert.ok(!node.log().includes(secret));
      });
    });
  });
}

describe('directives', () => {
  it('cannot smuggle a line into the file', () => {
    assert.throws(() => renderDirective(['timeout 1\nuser', 'x']));
    assert.equal(renderDirective(['timeout', '1\nuser x']), 'timeout "1\\x0auser x"');
    assert.equal(renderDirective(['notify-keyspace-events', '']), 'notify-keyspace-events ""');
  });
});
