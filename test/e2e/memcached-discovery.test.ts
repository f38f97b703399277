/** What the configuration endpoint of a Memcached cache tells, over changes that concern no node. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import {
  AddTagsToResourceCommand,
  type CacheCluster,
  CreateCacheClusterCommand,
  ElastiCacheClient,
  ModifyCacheClusterCommand,
  RemoveTagsFromResourceCommand,
} from '@aws-sdk/client-elasticache';
import { readRootCredentials } from '../../src/security/root-credentials.ts';
import { startServer } from '../../src/server.ts';
import { eventually } from '../support/eventually.ts';
import { claimScratch } from '../support/scratch.ts';
import { clusterAvailable, messagesOf, small } from './caches.ts';
import { ask } from './engine-clients.ts';

const zone = 'cache.test';

/** A Limber in this process, which is started again and again with another zone: its DNS port is a free one each time. */
async function openLimber(t: TestContext) {
  const scratch = await claimScratch();
  const { dataDirectory, pool } = scratch;
  const start = async (dnsZone: string | null) => {
    const server = await startServer({
      port: 0,
      dataDirectory,
      pool,
      dnsZone,
      dnsPort: 0,
      logLevel: 'error',
    });
    const credentials = (await readRootCredentials(dataDirectory))!;
    const endpoint = `http://127.0.0.1:${server.port}`;
    const client = new ElastiCacheClient({ endpoint, region: 'us-east-1', credentials, maxAttempts: 1 });
    return {
      client,
      async stop() {
        client.destroy();
        await server.close();
      },
    };
  };
  let running: Awaited<ReturnType<typeof start>> | undefined;
  t.after(async () => {
    await running?.stop();
    await scratch.release();
  });
  return {
    dataDirectory,
    async restart(dnsZone: string | null): Promise<ElastiCacheClient> {
      await running?.stop();
      running = await start(dnsZone);
      return running.client;
    },
  };
}

async function createPages(
  client: ElastiCacheClient,
  tags: Record<string, string> = {},
): Promise<CacheCluster> {
  await client.send(
    new CreateCacheClusterCommand({
      CacheClusterId: 'pages',
      Engine: 'memcached',
      CacheNodeType: small,
      NumCacheNodes: 2,
      Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
    }),
  );
  return clusterAvailable(client, 'pages');
}

/** Of the cache as it is without names. */
const addressesOf = ({ ConfigurationEndpoint: endpoint, CacheNodes: nodes }: CacheCluster) => ({
  endpoint: { host: endpoint?.Address ?? '', port: endpoint?.Port ?? 0 },
  nodes: (nodes ?? []).map(({ Endpoint: node }) => node?.Address ?? ''),
});

async function listAt(endpoint: {
  host: string;
  port: number;
}): Promise<{ version: number; hosts: string[] }> {
  const answer = await ask(endpoint, 'config get cluster', /END\r\n$/);
  const [, version, nodes = ''] = /^CONFIG cluster 0 \d+\r\n(\d+)\n(.*)\n\r\nEND/.exec(answer) ?? [];
  return { version: Number(version), hosts: nodes.split(' ').map((node) => node.split('|')[0] ?? '') };
}

describe('the node list of a Memcached cache', () => {
  it('shows names from the start at which --dns is switched on, and addresses again, each with its next version', async (t) => {
    const limber = await openLimber(t);
    const { endpoint, nodes } = addressesOf(await createPages(await limber.restart(null)));
    assert.deepEqual(await listAt(endpoint), { version: 1, hosts: nodes });
    for (const [dnsZone, version] of [
      [null, 1],
      [zone, 2],
      [zone, 2],
      [null, 3],
    ] as const) {
      const client = await limber.restart(dnsZone);
      const expected = addressesOf(await clusterAvailable(client, 'pages')).nodes;
      assert.ok(expected.every((host) => host.endsWith(zone) === (dnsZone !== null)));
      await eventually(async (see) => {
        const list = see(await listAt(endpoint));
        return list.version === version && assert.deepEqual(list.hosts, expected) === undefined;
      });
    }
  });

  it('goes on with its versions when nodes are added after that', async (t) => {
    const limber = await openLimber(t);
    const { endpoint } = addressesOf(await createPages(await limber.restart(null)));
    const client = await limber.restart(zone);
    await client.send(
      new ModifyCacheClusterCommand({ CacheClusterId: 'pages', NumCacheNodes: 3, ApplyImmediately: true }),
    );
    const { nodes } = addressesOf(await clusterAvailable(client, 'pages'));
    assert.deepEqual(await listAt(endpoint), { version: 3, hosts: nodes });
  });

  it('is written anew at the start when its file is gone', async (t) => {
    const limber = await openLimber(t);
    const { endpoint, nodes } = addressesOf(await createPages(await limber.restart(null)));
    rmSync(join(limber.dataDirectory, 'endpoints'), { recursive: true });
    await limber.restart(null);
    await eventually(async (see) => see(await listAt(endpoint)).version === 2);
    assert.deepEqual((await listAt(endpoint)).hosts, nodes);
  });
});

describe('the tag limber:discovery', () => {
  const tag = { Key: 'limber:discovery', Value: 'key' };

  it('makes the endpoint tell clients to ask for the key, from the creation on', async (t) => {
    const client = await (await openLimber(t)).restart(null);
    const { endpoint } = addressesOf(await createPages(client, { [tag.Key]: tag.Value }));
    assert.equal(await ask(endpoint, 'config get cluster', /END\r\n$/), 'END\r\n');
    assert.match(await ask(endpoint, 'get AmazonElastiCache:cluster', /END\r\n$/), /^VALUE .* 0 \d+\r\n1\n/);
  });

  it('can be set and taken away later; the list keeps its version', async (t) => {
    const client = await (await openLimber(t)).restart(null);
    const cluster = await createPages(client);
    const { endpoint, nodes } = addressesOf(cluster);
    await client.send(new AddTagsToResourceCommand({ ResourceName: cluster.ARN, Tags: [tag] }));
    const answers = (text: string) => async () =>
      (await ask(endpoint, 'config get cluster', /END\r\n$/)).startsWith(text);
    await eventually(answers('END'), { deadlineMs: 30_000 });
    await client.send(new RemoveTagsFromResourceCommand({ ResourceName: cluster.ARN, TagKeys: [tag.Key] }));
    await eventually(answers('CONFIG'), { deadlineMs: 30_000 });
    assert.deepEqual(await listAt(endpoint), { version: 1, hosts: nodes });
  });
});

describe('a Memcached cache that is made without --dns', () => {
  it('has an event that says what AWS’s clients need; with names it has none', async (t) => {
    const limber = await openLimber(t);
    const says = async (client: ElastiCacheClient) =>
      (await messagesOf(client, 'pages')).some((message) => message.includes('.cfg.'));
    const client = await limber.restart(null);
    await createPages(client);
    assert.equal(await says(client), true);
    const named = await (await openLimber(t)).restart(zone);
    await createPages(named);
    assert.equal(await says(named), false);
  });
});
