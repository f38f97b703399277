import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Client } from 'memjs';
import {
  type EndpointStatus,
  probeConfigurationServer,
  writeConfiguration,
} from '../../src/endpoints/memcached-configuration/control.ts';
import type { InstalledEngine } from '../../src/engine-store/contract.ts';
import { connectMemcached } from '../../src/engines/memcached/client.ts';
import {
  eventually,
  memcachedEngines,
  startNode,
  type TestNode,
  testAddress,
} from '../engines/memcached-node.ts';
import {
  configurationOf,
  expectedList,
  openConnection,
  startConfigurationServer,
  type TestServer,
  temporaryDirectory,
} from './memcached-configuration-server.ts';

const key = 'AmazonElastiCache:cluster';
const clientOf = (node: TestNode) =>
  connectMemcached({ address: node.address, port: node.port, deadlineMs: 2_000 });

describe('the memcached configuration endpoint', () => {
  let engine: InstalledEngine;
  let server: TestServer;
  const nodes: TestNode[] = [];
  const node = async (address?: string) => {
    const started = await startNode(engine, address === undefined ? {} : { address });
    nodes.push(started);
    return started;
  };
  before(async () => {
    engine = (await memcachedEngines())[0]!;
    server = await startConfigurationServer();
  });
  after(async () => {
    await server.stop();
    await Promise.all(nodes.map((each) => each.kill()));
  });

  describe('discovery', () => {
    it('is answered at the endpoint in both forms, and on the nodes in the old one', async () => {
      const [first, second] = await Promise.all([node(), node()]);
      const configuration = configurationOf([first, second]);
      await server.serve('discovery', configuration);
      const endpoint = await openConnection(configuration);
      const list = expectedList(configuration);
      assert.equal(await endpoint.ask('config get cluster\r\n', 'END\r\n'), list);
      const old = list.replace('CONFIG cluster', `VALUE ${key}`);
      assert.equal(await endpoint.ask(`get ${key}\r\n`, 'END\r\n'), old);
      const direct = await openConnection(second);
      assert.equal(await direct.ask('config get cluster\r\n'), 'ERROR\r\n');
      assert.equal(await direct.ask(`get ${key}\r\n`, 'END\r\n'), old);
      endpoint.close();
      direct.close();
    });

    it('costs the nodes no connection, and is counted', async () => {
      const only = await node();
      const configuration = configurationOf([only]);
      await server.serve('counted', configuration);
      const watcher = await clientOf(only);
      const before = (await watcher.stats()).connectionsTotal;
      const endpoint = await openConnection(configuration);
      for (let turn = 0; turn < 5; turn += 1) await endpoint.ask('config get cluster\r\n', 'END\r\n');
      assert.equal((await watcher.stats()).connectionsTotal, before);
      assert.equal((await server.status('counted'))?.configGets, 5);
      endpoint.close();
      watcher.close();
    });

    it('shows a changed list at once, to clients that are connected too, and on every node', async () => {
      const [first, second] = await Promise.all([node(), node()]);
      // The default ten seconds between looks: what comes sooner comes because of the change.
      const old = configurationOf([first], { keyRefreshMs: 10_000 });
      await server.serve('changed', old);
      const endpoint = await openConnection(old);
      assert.equal(await endpoint.ask('config get cluster\r\n', 'END\r\n'), expectedList(old));
      const next = {
        ...configurationOf([first, second], { address: old.address, keyRefreshMs: 10_000 }),
        version: 2,
      };
      const started = performance.now();
      await server.serve('changed', next);
      assert.equal(await endpoint.ask('config get cluster\r\n', 'END\r\n'), expectedList(next));
      for (const each of [first, second]) {
        const client = await clientOf(each);
        await eventually(async () => String(await client.get(key)).startsWith('2\n'));
        client.close();
      }
      assert.ok(performance.now() - started < 5_000);
      endpoint.close();
    });

    it('refuses to have the list written by a client', async () => {
      const configuration = configurationOf([await node()]);
      await server.serve('written', configuration);
      const endpoint = await openConnection(configuration);
      assert.match(await endpoint.ask('config set cluster 0 5\r\nquit!\r\n'), /^CLIENT_ERROR /);
      assert.match(await endpoint.ask('config delete cluster\r\n'), /^CLIENT_ERROR /);
      assert.equal(await endpoint.ask('config get cluster\r\n', 'END\r\n'), expectedList(configuration));
      endpoint.close();
    });
  });

  describe('the old key on a node', () => {
    it('comes back after a client overwrote, deleted, flushed it, and after a restart of the node', async () => {
      const only = await node();
      const configuration = configurationOf([only]);
      await server.serve('key', configuration);
      const list = expectedList(configuration).split('\r\n')[1];
      const client = await clientOf(only);
      const isBack = async () => String(await client.get(key)) === list;
      await client.set(key, 'x');
      await eventually(isBack);
      const raw = await openConnection(only);
      for (const command of [`delete ${key}\r\n`, 'flush_all\r\n']) {
        await raw.ask(command);
        await eventually(isBack);
      }
      await only.kill();
      await eventually(async () => !(await server.status('key'))?.nodes[0]?.isKept);
      await node(only.address);
      const again = await clientOf(only);
      await eventually(async () => String(await again.get(key)) === list);
      again.close();
    });

    it('is looked at without a trace in the hits, misses and writes of the node', async () => {
      const only = await node();
      await server.serve('quiet', configurationOf([only], { keyRefreshMs: 100 }));
      const client = await clientOf(only);
      const before = await client.stats();
      // A look costs the node the 30 bytes of a `me`, our own question here 8.
      let seen = before;
      let asked = 0;
      await eventually(async () => {
        seen = await client.stats();
        asked += 1;
        return seen.bytesRead - before.bytesRead - asked * 8 >= 5 * 30;
      });
      const counters = [...before.all.keys()].filter((name) =>
        /^(cmd_|get_|total_|evic|recl|delete_|touch_)/.test(name),
      );
      assert.ok(counters.length > 10);
      // Newer versions count meta commands apart, in a counter that no CloudWatch metric shows.
      for (const name of counters.filter((each) => each !== 'cmd_meta')) {
        assert.equal(seen.all.get(name), before.all.get(name), name);
      }
      client.close();
    });

    it('is written at each look to a node without CAS numbers', async () => {
      const only = await startNode(engine, { parameters: ['-C'] });
      nodes.push(only);
      await server.serve('no-cas', configurationOf([only], { keyRefreshMs: 100 }));
      const client = await clientOf(only);
      await client.set(key, 'x');
      await eventually(async () => String(await client.get(key)) !== 'x');
      client.close();
    });
  });

  describe('every other command', () => {
    it('goes to the first node of the list, so that all clients find the same values', async () => {
      const [first, second] = await Promise.all([node(), node()]);
      const configuration = configurationOf([first, second]);
      await server.serve('first', configuration);
      const [writer, reader] = await Promise.all([
        openConnection(configuration),
        openConnection(configuration),
      ]);
      assert.equal(await writer.ask('set a 0 0 1\r\n1\r\n'), 'STORED\r\n');
      assert.equal(await reader.ask('get a\r\n', 'END\r\n'), 'VALUE a 0 1\r\n1\r\nEND\r\n');
      writer.close();
      reader.close();
    });

    it('goes to another node when one is dead; a connection to the dead one ends', async () => {
      const [first, second] = (await Promise.all([node(), node()])).sort((a, b) =>
        a.address < b.address ? -1 : 1,
      );
      const configuration = configurationOf([first!, second!]);
      await server.serve('dead', configuration);
      const early = await openConnection(configuration);
      await early.ask('version\r\n');
      await first!.kill();
      assert.match(await early.readToEnd(), /^VERSION /);
      const late = await openConnection(configuration);
      assert.equal(await late.ask('set a 0 0 1\r\n1\r\n'), 'STORED\r\n');
      assert.equal((await (await clientOf(second!)).stats()).setCommands, 2);
      late.close();
    });

    it('is refused with a sentence when no node can be reached, while discovery goes on', async () => {
      const configuration = configurationOf([{ address: testAddress(), port: 11211 }]);
      writeConfiguration(server.directory, 'alone', configuration);
      await eventually(async () => (await server.status('alone'))?.isListening);
      const endpoint = await openConnection(configuration);
      endpoint.send('config get cluster\r\nset a 0 0 18\r\nconfig get cluster\r\n');
      assert.equal(
        await endpoint.readToEnd(),
        `${expectedList(configuration)}SERVER_ERROR no cache node of this cluster can be reached\r\n`,
      );
      const state = await server.status('alone');
      assert.deepEqual(
        [state?.nodes[0]?.isKept, state?.nodes[0]?.problem],
        [false, 'the node does not accept connections'],
      );
    });

    it('serves a client of the binary protocol that knows nothing of discovery', async () => {
      const configuration = configurationOf([await node()]);
      await server.serve('binary', configuration);
      const client = Client.create(`${configuration.address}:${configuration.port}`);
      await client.set('greeting', 'hello', {});
      assert.equal(String((await client.get('greeting')).value), 'hello');
      client.close();
    });
  });

  describe('among others in one process', () => {
    it('does not disturb them when its address is taken, says so, and listens once it is free', async () => {
      const only = await node();
      const healthy = configurationOf([only]);
      const blocked = configurationOf([only]);
      await server.serve('healthy', healthy);
      const squatter = createServer().listen(blocked.port, blocked.address);
      await eventually(() => squatter.listening);
      writeConfiguration(server.directory, 'blocked', blocked);
      let state: EndpointStatus | undefined;
      await eventually(async () => {
        state = await server.status('blocked');
        return state?.problem?.includes('EADDRINUSE');
      });
      assert.equal(state?.isListening, false);
      const endpoint = await openConnection(healthy);
      assert.equal(await endpoint.ask('config get cluster\r\n', 'END\r\n'), expectedList(healthy));
      squatter.close();
      await eventually(async () => (await server.status('blocked'))?.isListening);
      endpoint.close();
    });

    it('stays as it was when its state file becomes wrong, and says why', async () => {
      const configuration = configurationOf([await node()]);
      await server.serve('wrong', configuration);
      writeFileSync(join(server.directory, 'wrong.json'), '{"address":');
      await eventually(async () =>
        (await server.status('wrong'))?.problem?.startsWith('the state file is wrong'),
      );
      const endpoint = await openConnection(configuration);
      assert.equal(await endpoint.ask('config get cluster\r\n', 'END\r\n'), expectedList(configuration));
      writeFileSync(join(server.directory, 'never.json'), '[]');
      await eventually(async () => (await server.status('never'))?.problem);
      rmSync(join(server.directory, 'never.json'));
      await server.serve('wrong', { ...configuration, version: 2 });
      assert.equal((await server.status('wrong'))?.problem, null);
      endpoint.close();
    });

    it('is gone when its state file is removed, and its clients are disconnected', async () => {
      const configuration = configurationOf([await node()]);
      await server.serve('removed', configuration);
      const endpoint = await openConnection(configuration);
      server.remove('removed');
      assert.equal(await endpoint.readToEnd(), '');
      await eventually(async () => (await server.status('removed')) === undefined);
      await assert.rejects(openConnection(configuration));
    });

    it('moves when its address changes', async () => {
      const old = configurationOf([await node()]);
      await server.serve('moved', old);
      const next = { ...old, address: testAddress() };
      writeConfiguration(server.directory, 'moved', next);
      await eventually(async () => {
        const state = await server.status('moved');
        return state?.address === next.address && state.isListening;
      });
      const endpoint = await openConnection(next);
      assert.equal(await endpoint.ask('config get cluster\r\n', 'END\r\n'), expectedList(old));
      await assert.rejects(openConnection(old));
      endpoint.close();
    });
  });

  it('has state files that only their owner reads, never half written', async () => {
    writeConfiguration(server.directory, 'mode', configurationOf([]));
    assert.equal(statSync(join(server.directory, 'mode.json')).mode & 0o777, 0o600);
    assert.ok(!readdirSync(server.directory).some((file) => file.endsWith('.tmp')));
    assert.throws(() => writeConfiguration(server.directory, '../outside', configurationOf([])));
    assert.throws(
      () => writeConfiguration(server.directory, 'bad', configurationOf([], { version: 0 })),
      /version/,
    );
    server.remove('mode');
  });
});

describe('the process of the configuration endpoints', () => {
  it('tells who it is, by a pid and start time that /proc confirms', async () => {
    const server = await startConfigurationServer();
    const status = await probeConfigurationServer(server.directory);
    assert.equal(status?.pid, server.process.pid);
    assert.ok(status?.startTime);
    await server.stop();
    assert.equal(await probeConfigurationServer(server.directory), null);
  });

  it('is one for each state directory: a second one ends with code 3 and changes nothing', async () => {
    const first = await startConfigurationServer();
    const second = await startConfigurationServer(first.directory);
    assert.equal(await second.exited, 3);
    assert.equal((await probeConfigurationServer(first.directory))?.pid, first.process.pid);
    await first.stop();
  });

  it('serves everything again when it was killed and is started again', async () => {
    const engine = (await memcachedEngines())[0]!;
    const [first, node] = await Promise.all([startConfigurationServer(), startNode(engine)]);
    const configuration = configurationOf([node]);
    await first.serve('cache', configuration);
    first.process.kill('SIGKILL');
    assert.equal(await first.exited, 'SIGKILL');
    assert.equal(await probeConfigurationServer(first.directory), null);
    const started = performance.now();
    const second = await startConfigurationServer(first.directory);
    await eventually(async () => (await second.status('cache'))?.isListening);
    assert.ok(performance.now() - started < 5_000);
    const endpoint = await openConnection(configuration);
    assert.equal(await endpoint.ask('config get cluster\r\n', 'END\r\n'), expectedList(configuration));
    endpoint.close();
    await second.stop();
    await node.kill();
  });

  it('can be probed again after somebody deleted its socket', async () => {
    const server = await startConfigurationServer();
    rmSync(join(server.directory, 'server.sock'));
    assert.equal(await probeConfigurationServer(server.directory), null);
    await eventually(
      async () => (await probeConfigurationServer(server.directory))?.pid === server.process.pid,
    );
    await server.stop();
  });

  it('ends by itself when its state directory is gone', async () => {
    const server = await startConfigurationServer();
    rmSync(server.directory, { recursive: true });
    assert.equal(await server.exited, 0);
  });

  it('works in a directory whose path is too long for a socket', async () => {
    const parent = temporaryDirectory();
    const server = await startConfigurationServer(join(parent, 'long'.repeat(30)));
    assert.equal((await probeConfigurationServer(server.directory))?.pid, server.process.pid);
    await server.stop();
    rmSync(parent, { recursive: true });
  });

  it('takes little memory, and hardly any time at rest, with twenty endpoints', async () => {
    const engine = (await memcachedEngines())[0]!;
    const [server, node] = await Promise.all([startConfigurationServer(), startNode(engine)]);
    for (let index = 0; index < 20; index += 1) {
      writeConfiguration(
        server.directory,
        `cache-${index}`,
        configurationOf([node], { keyRefreshMs: 10_000 }),
      );
    }
    await eventually(async () => {
      const endpoints = (await probeConfigurationServer(server.directory))?.endpoints ?? [];
      return endpoints.length === 20 && endpoints.every((each) => each.isListening && each.nodes[0]?.isKept);
    });
    const rollup = readFileSync(`/proc/${server.process.pid}/smaps_rollup`, 'latin1');
    const kilobytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(rollup)?.[1]);
    // Typically 52 MB, 13 of them its own. The first start of all has to strip types and takes 20 more.
    assert.ok(kilobytes('Rss') < 90_000, `${kilobytes('Rss')} kB`);
    await server.stop();
    await node.kill();
  });
});
