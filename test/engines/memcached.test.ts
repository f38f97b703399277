import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { after, describe, it } from 'node:test';
import {
  connectMemcached,
  MemcachedRefused,
  MemcachedUnreachable,
} from '../../src/engines/memcached/client.ts';
import { memcachedArguments } from '../../src/engines/memcached/launch.ts';
import { parameterArguments } from '../../src/engines/memcached/parameters.ts';
import { answersAt, isReady } from '../../src/engines/memcached/readiness.ts';
import { everyThread } from '../../src/platform/proc.ts';
import { eventually, memcachedEngines, startNode, type TestNode, testAddress } from './memcached-node.ts';

const deadlineMs = 2_000;

describe('launch of memcached', () => {
  const launch = {
    address: '127.104.0.1',
    port: 11211,
    memoryMb: 64,
    threads: 2,
    maxConnections: 65_000,
    parameters: [],
    runAs: null,
  };

  it('listens on its own address only, without UDP, in the foreground', () => {
    const args = memcachedArguments({ ...launch, openFilesMax: 100_000 }).join(' ');
    assert.equal(args, '-l 127.104.0.1 -p 11211 -U 0 -m 64 -t 2 -c 65000');
  });

  it('asks for no more connections than the process may open files, or the engine would not start', () => {
    const args = memcachedArguments({ ...launch, openFilesMax: 1_024 });
    assert.equal(args[args.indexOf('-c') + 1], '960');
  });

  it('names an account to change to only for root', () => {
    assert.ok(!memcachedArguments(launch).includes('-u'));
    assert.deepEqual(memcachedArguments({ ...launch, runAs: 'cache' }).slice(-2), ['-u', 'cache']);
  });

  it('lets the parameter group win', () => {
    assert.deepEqual(memcachedArguments({ ...launch, parameters: ['-c', '10'] }).slice(-2), ['-c', '10']);
  });
});

describe('parameters of memcached', () => {
  const engineVersion = '1.6.45';

  it('gives no argument for a value that the engine has anyway', () => {
    const values = {
      chunk_size: '48',
      slab_chunk_max: '524288',
      idle_timeout: '0',
      cas_disabled: '0',
      watch: '1',
    };
    assert.deepEqual(parameterArguments(values, { engineVersion }), []);
  });

  it('switches the modern defaults off before it switches single ones on', () => {
    const values = { slab_reassign: '1', no_modern: '1', hash_algorithm: 'jenkins' };
    const expected = ['-o', 'no_modern,slab_reassign'];
    assert.deepEqual(parameterArguments(values, { engineVersion }), expected);
    const { no_modern, ...others } = values; // as the family memcached1.4 says it
    assert.deepEqual(parameterArguments({ ...others, modern: '0' }, { engineVersion }), expected);
  });

  it('says slab_chunk_max in bytes before 1.6.24 and in kilobytes since', () => {
    const values = { slab_chunk_max: '262144' };
    assert.deepEqual(parameterArguments(values, { engineVersion: '1.6.18' }), [
      '-o',
      'slab_chunk_max=262144',
    ]);
    assert.deepEqual(parameterArguments(values, { engineVersion }), ['-o', 'slab_chunk_max=256']);
  });

  it('leaves worker_logbuf_size out where it would ruin the slab sizes (before 1.6.40)', () => {
    const values = { worker_logbuf_size: '128' };
    assert.deepEqual(parameterArguments(values, { engineVersion: '1.6.38' }), []);
    assert.deepEqual(parameterArguments(values, { engineVersion }), ['-o', 'worker_logbuf_size=128']);
  });
});

for (const engine of await memcachedEngines()) {
  describe(`memcached ${engine.version}`, () => {
    const nodes: TestNode[] = [];
    const node = async (parameters: readonly string[] = []) => {
      const started = await startNode(engine, { parameters });
      nodes.push(started);
      return started;
    };
    after(() => Promise.all(nodes.map((each) => each.kill())));

    it('starts with the arguments, and tells what it is', async () => {
      const { address, port, pid } = await node();
      const client = await connectMemcached({ address, port, deadlineMs });
      assert.equal(await client.version(), engine.version);
      const info = await client.stats();
      assert.deepEqual(
        [info.pid, info.version, info.threads, info.bytesMax],
        [pid, engine.version, 2, 64 * 1024 * 1024],
      );
      assert.equal((await client.statsOf('settings')).get('udpport'), '0');
      client.close();
    });

    it('does not stay root', {
      skip: process.getuid?.() !== 0 && 'the tests do not run as root',
    }, async () => {
      const { pid } = await node();
      assert.doesNotMatch(readFileSync(`/proc/${pid}/status`, 'utf8'), /^Uid:\s+0\b/m);
    });

    it('accepts every parameter at a value other than its default', async () => {
      const values = {
        backlog_queue_limit: '512',
        binding_protocol: 'ascii',
        cas_disabled: '1',
        chunk_size: '64',
        chunk_size_growth_factor: '1.50',
        disable_flush_all: '1',
        error_on_memory_exhausted: '1',
        hash_algorithm: 'murmur3',
        hashpower_init: '17',
        idle_timeout: '300',
        lru_crawler: '1',
        'lru_crawler metadump': '0',
        lru_maintainer: '1',
        max_item_size: '2097152',
        maxconns_fast: '1',
        no_modern: '1',
        requests_per_event: '30',
        slab_automove: '1',
        slab_chunk_max: '262144',
        slab_reassign: '1',
        track_sizes: '1',
        watch: '0',
        watcher_logbuf_size: '128',
        worker_logbuf_size: '128',
      };
      const { address, port } = await node(parameterArguments(values, { engineVersion: engine.version }));
      const client = await connectMemcached({ address, port, deadlineMs });
      const settings = await client.statsOf('settings');
      const shown = [
        'slab_chunk_max',
        'item_size_max',
        'idle_timeout',
        'cas_enabled',
        'flush_enabled',
        'lru_crawler',
      ];
      assert.deepEqual(
        shown.map((name) => settings.get(name)),
        ['262144', '2097152', '300', 'no', 'no', 'yes'],
      );
      client.close();
    });

    it('keeps what it is told, and says what it refuses', async () => {
      const { address, port } = await node();
      const client = await connectMemcached({ address, port, deadlineMs });
      const value = Buffer.from('a\r\nVALUE x 0 9\r\nEND\r\n');
      await client.set('key', value);
      const [first, missing, info] = await Promise.all([
        client.get('key'),
        client.get('none'),
        client.stats(),
      ]);
      assert.deepEqual([first, missing, info.itemsCurrent], [value, undefined, 1]);
      await assert.rejects(client.set('k'.repeat(251), 'x'), MemcachedRefused);
      client.close();
    });

    it('is not waited for longer than the deadline when it hangs, and the connection ends', async () => {
      const { address, port, process: child } = await node();
      const client = await connectMemcached({ address, port, deadlineMs: 100 });
      child.kill('SIGSTOP');
      // Its threads stop one after the other, and may answer until then.
      await eventually(() => everyThread(child.pid!, (thread) => thread.state === 'T'));
      const started = performance.now();
      await assert.rejects(client.version(), MemcachedUnreachable);
      assert.ok(performance.now() - started < 1_000);
      await eventually(() => client.isClosed);
      await assert.rejects(client.stats(), MemcachedUnreachable);
      assert.equal(await isReady(client), false);
      child.kill('SIGCONT');
    });

    it('is noticed at once when it dies', async () => {
      const { address, port, kill } = await node();
      const client = await connectMemcached({ address, port, deadlineMs });
      const closed = new Promise<void>((resolve) => client.onClose(resolve));
      const started = performance.now();
      await kill();
      await closed;
      assert.ok(performance.now() - started < 2_000);
      assert.equal(await answersAt({ address, port, deadlineMs }), false);
    });
  });
}

describe('the control client', () => {
  it('does not take another process at the address for the node', async () => {
    const [engine] = await memcachedEngines();
    const node = await startNode(engine!);
    assert.equal(await answersAt({ address: node.address, port: 11211, deadlineMs }, node.pid + 1), false);
    assert.equal(await answersAt({ address: node.address, port: 11211, deadlineMs }, node.pid), true);
    await node.kill();
  });

  it('gives up on a server that accepts and never answers', async () => {
    const address = testAddress();
    const server = createServer(() => {}).listen(11211, address);
    await eventually(() => server.listening);
    assert.equal(await answersAt({ address, port: 11211, deadlineMs: 50 }), false);
    server.close();
  });
});
