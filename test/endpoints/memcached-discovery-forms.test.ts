/** What AWS's Memcached clients meet in each form of discovery, with stock nodes that know no `config get cluster`. */
import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import type {
  DiscoveryForm,
  EndpointConfiguration,
} from '../../src/endpoints/memcached-configuration/configuration.ts';
import { memcachedEngines, startNode, type TestNode } from '../engines/memcached-node.ts';
import {
  type DiscoveringClient,
  dotnetClient,
  javaClient,
  libmemcachedClient,
  type Target,
} from './discovering-clients.ts';
import {
  configurationOf,
  expectedList,
  openConnection,
  startConfigurationServer,
  type TestServer,
} from './memcached-configuration-server.ts';

const keys = Array.from({ length: 60 }, (_, index) => `key-${index}`);

for (const engine of await memcachedEngines()) {
  describe(`with nodes of memcached ${engine.version}`, () => {
    let server: TestServer;
    let nodes: TestNode[];
    before(async () => {
      server = await startConfigurationServer();
      nodes = await Promise.all([1, 2, 3].map(() => startNode(engine)));
    });
    after(() => Promise.all([server.stop(), ...nodes.map((node) => node.kill())]));

    /** An endpoint of this form, a client of it that has stored all keys, and the list's next version. */
    async function meet(
      t: TestContext,
      form: DiscoveryForm,
      open: (endpoint: Target) => Promise<DiscoveringClient>,
    ) {
      const name = `cache-${form}-${Math.random().toString(36).slice(2)}`;
      const configuration = configurationOf(nodes, { form });
      await server.serve(name, configuration);
      const client = await open(configuration);
      t.after(async () => {
        client.close();
        server.remove(name);
      });
      for (const key of keys) await client.set(key);
      const changeList = (): Promise<void> => server.serve(name, { ...configuration, version: 2 });
      return { client, configuration, changeList };
    }

    describe('the form config', () => {
      it('costs Java one node, once, for as long as it needs to connect again: its keys are missed', async (t) => {
        const { client, changeList } = await meet(t, 'config', (endpoint) =>
          javaClient(endpoint, { reconnectMs: 60_000 }),
        );
        assert.equal(await client.misses(keys), 0);
        assert.equal(await client.poll(), false);
        assert.deepEqual([client.drops, client.refusals], [1, 1]);
        assert.ok((await client.misses(keys)) > 0);
        await changeList();
        for (let poll = 0; poll < 5; poll += 1) await client.poll();
        assert.deepEqual([client.drops, client.version], [1, 2]);
      });

      it('costs libmemcached two requests at each poll, and .NET finds no newer list at the nodes', async (t) => {
        const { client, changeList } = await meet(t, 'config', libmemcachedClient);
        await changeList();
        assert.equal(await client.poll(), true);
        assert.deepEqual([client.refusals, client.version], [2, 2]);
        const { client: dotnet } = await meet(t, 'config', dotnetClient);
        assert.equal(await dotnet.poll(), false);
        assert.equal(dotnet.refusals, 3);
      });
    });

    describe('the form key', () => {
      for (const [name, open] of [
        ['Java', javaClient],
        ['libmemcached', libmemcachedClient],
        ['.NET', dotnetClient],
      ] as const) {
        it(`costs ${name} nothing: it asks the nodes for the key, drops none, misses none, and follows the list`, async (t) => {
          const { client, changeList } = await meet(t, 'key', open);
          await changeList();
          for (let poll = 0; poll < 3; poll += 1) assert.equal(await client.poll(), true);
          assert.deepEqual([client.drops, client.refusals, client.version], [0, 0, 2]);
          assert.equal(await client.misses(keys), 0);
        });
      }

      it('passes data on to a node all the same, with its own answers in their places', async (t) => {
        const { configuration } = await meet(t, 'key', javaClient);
        const connection = await openConnection(configuration);
        t.after(() => connection.close());
        const list = expectedList(configuration as EndpointConfiguration);
        assert.equal(
          await connection.ask(
            'set a 0 0 1\r\n1\r\nversion\r\nget a\r\nconfig get cluster\r\nget AmazonElastiCache:cluster\r\nstats\r\n',
            'STAT version 1.4.5\r\nEND\r\n',
          ),
          `STORED\r\nVERSION 1.4.5\r\nVALUE a 0 1\r\n1\r\nEND\r\nEND\r\n${list.replace('CONFIG cluster', 'VALUE AmazonElastiCache:cluster')}STAT version 1.4.5\r\nEND\r\n`,
        );
      });
    });
  });
}
