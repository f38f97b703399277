import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it, type TestContext } from 'node:test';
import {
  CreateCacheClusterCommand,
  CreateReplicationGroupCommand,
  DeleteCacheClusterCommand,
  DeleteReplicationGroupCommand,
  DescribeCacheClustersCommand,
  type ElastiCacheClient,
  ModifyCacheClusterCommand,
} from '@aws-sdk/client-elasticache';
import { createEngineStore } from '../../src/engine-store/engine-store.ts';
import { eventually } from '../support/eventually.ts';
import { isAlive, type Limber, startLimber } from '../support/limber.ts';
import {
  clusterAvailable,
  clusterDeleted,
  createCluster,
  describeCluster,
  describeGroup,
  groupDeleted,
  membersOf,
  messagesOf,
  small,
} from './caches.ts';

const limber = await startLimber();
const client = limber.client();

/** Listens on every address of a free port, as a service of somebody else's may; resolves to the port. */
async function listenEverywhere(t: TestContext): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
  t.after(() => server.close());
  return (server.address() as { port: number }).port;
}

const groupFailed = (at: ElastiCacheClient, id: string) =>
  eventually(async (see) => see(await describeGroup(at, id)).Status === 'create-failed');
const clusterFailed = (at: ElastiCacheClient, id: string) =>
  eventually(async (see) => see(await describeCluster(at, id)).CacheClusterStatus === 'create-failed');

const createNode = (at: ElastiCacheClient, id: string, input: object = {}) =>
  at.send(
    new CreateCacheClusterCommand({
      CacheClusterId: id,
      Engine: 'redis',
      CacheNodeType: small,
      NumCacheNodes: 1,
      ...input,
    }),
  );

async function requireNothingLeft(of: Limber, id: string): Promise<void> {
  const { caches } = await of.status();
  const members = caches.find((cache) => cache.id === id)?.members ?? [];
  assert.ok(members.every((member) => member.pid === null || !isAlive(member.pid)));
}

describe('a port that somebody else listens on, at every address', () => {
  it('makes a group create-failed; an event says who; it can be deleted', async (t) => {
    const Port = await listenEverywhere(t);
    await client.send(
      new CreateReplicationGroupCommand({
        ReplicationGroupId: 'taken',
        ReplicationGroupDescription: 'e2e',
        Engine: 'valkey',
        CacheNodeType: small,
        NumCacheClusters: 2,
        Port,
      }),
    );
    await groupFailed(client, 'taken');
    const [message] = await messagesOf(client, 'taken');
    assert.match(message ?? '', /^Failed to create the replication group taken\. /);
    assert.match(message ?? '', new RegExp(`:${Port} cannot be used: .*process ${process.pid}`));
    await requireNothingLeft(limber, 'taken');
    await client.send(new DeleteReplicationGroupCommand({ ReplicationGroupId: 'taken' }));
    await groupDeleted(client, 'taken');
    const { CacheClusters } = await client.send(new DescribeCacheClustersCommand({}));
    assert.deepEqual(CacheClusters, []);
  });

  it('makes memcached create-failed likewise', async (t) => {
    const Port = await listenEverywhere(t);
    await createNode(client, 'taken', { Engine: 'memcached', NumCacheNodes: 3, Port });
    await clusterFailed(client, 'taken');
    assert.match(
      (await messagesOf(client, 'taken'))[0] ?? '',
      new RegExp(`^Failed to create the cache cluster\\. .*:${Port} cannot be used`),
    );
    await requireNothingLeft(limber, 'taken');
    await client.send(new DeleteCacheClusterCommand({ CacheClusterId: 'taken' }));
    await clusterDeleted(client, 'taken');
  });
});

/** A server of the user's own, which is the real one with a setting that it does not know. */
async function brokenServer(t: TestContext, version: string): Promise<string> {
  const { engine } = await createEngineStore().resolve({ engine: 'valkey', version });
  const server = engine.program('server');
  assert.ok(server);
  const directory = await mkdtemp(join(tmpdir(), 'limber-broken-'));
  t.after(() => rm(directory, { recursive: true }));
  const command = [server.command, ...server.args].map((word) => `'${word}'`).join(' ');
  const path = join(directory, 'valkey-server');
  const script = `#!/bin/sh\ncase "$1" in -) set -- --no-such-setting yes -;; esac\nexec ${command} "$@"\n`;
  await writeFile(path, script, { mode: 0o755 });
  return path;
}

describe('an engine that refuses to start', () => {
  it('makes its group create-failed; an event quotes its last words; no process is left', async (t) => {
    const own = await startLimber(t, { env: { LIMBER_ENGINE_PATH_VALKEY: await brokenServer(t, '8.1') } });
    const at = own.client();
    await at.send(
      new CreateReplicationGroupCommand({
        ReplicationGroupId: 'refused',
        ReplicationGroupDescription: 'e2e',
        Engine: 'valkey',
        EngineVersion: '8.1',
        CacheNodeType: small,
        NumCacheClusters: 2,
      }),
    );
    await groupFailed(at, 'refused');
    const [message] = await messagesOf(at, 'refused');
    assert.match(message ?? '', /The engine's last words: [\s\S]*no-such-setting/);
    assert.equal((await describeCluster(at, 'refused-001')).CacheClusterStatus, 'create-failed');
    await requireNothingLeft(own, 'refused');
    await at.send(new DeleteReplicationGroupCommand({ ReplicationGroupId: 'refused' }));
    await groupDeleted(at, 'refused');
  });
});

describe('nodes that cannot be added', () => {
  it('leave the cluster as it was; an event says why', async (t) => {
    const own = await startLimber(t);
    const at = own.client();
    await createCluster(at, { CacheClusterId: 'full', Engine: 'memcached', NumCacheNodes: 2 });
    const before = await membersOf(own, 'full');
    await own.restart({ env: { LIMBER_FAULT_POINT: 'resize-memcached:starting' } });
    await at
      .send(
        new ModifyCacheClusterCommand({ CacheClusterId: 'full', NumCacheNodes: 3, ApplyImmediately: true }),
      )
      .catch(() => {});
    await own.ended;
    // Somebody else takes the new node's address before it starts.
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(11211, addressOf(own, '0003'), resolve));
    t.after(() => server.close());
    await own.restart();
    const cluster = await clusterAvailable(at, 'full');
    assert.deepEqual(
      cluster.CacheNodes?.map((node) => node.CacheNodeId),
      ['0001', '0002'],
    );
    assert.deepEqual(cluster.PendingModifiedValues, {});
    assert.deepEqual(
      (await membersOf(own, 'full')).map((member) => member.pid),
      before.map((member) => member.pid),
    );
    assert.match(
      (await messagesOf(at, 'full'))[0] ?? '',
      /^Failed to modify number of nodes from 2 to 3 due to .* did not start/,
    );
  });
});

function addressOf({ dataDirectory }: Limber, cacheNodeId: string): string {
  const database = new DatabaseSync(join(dataDirectory, 'state.db'), { readOnly: true });
  try {
    const row = database.prepare('SELECT address FROM node WHERE cache_node_id = ?').get(cacheNodeId);
    return String(row?.address);
  } finally {
    database.close();
  }
}

describe('a place for data that cannot be used', () => {
  it('makes a node create-failed, and it can be deleted; the next one succeeds when the place is back', async (t) => {
    const own = await startLimber(t);
    const at = own.client();
    const nodes = join(own.dataDirectory, 'nodes');
    rmSync(nodes, { recursive: true, force: true });
    writeFileSync(nodes, '');
    await createNode(at, 'nowhere');
    await clusterFailed(at, 'nowhere');
    assert.match((await messagesOf(at, 'nowhere'))[0] ?? '', /Failed to create the cache cluster\. .*nodes/);
    rmSync(nodes);
    mkdirSync(nodes, { mode: 0o700 });
    await at.send(new DeleteCacheClusterCommand({ CacheClusterId: 'nowhere' }));
    await clusterDeleted(at, 'nowhere');
    await createCluster(at, { CacheClusterId: 'nowhere', Engine: 'redis' });
  });

  it('such as a full disk under a group that is to keep its data: create-failed, and an event says why', async (t) => {
    let nodes = '';
    // Before Limber's own end, which deletes the directory.
    t.after(() => spawnSync('umount', ['-l', nodes]));
    const own = await startLimber(t);
    nodes = join(own.dataDirectory, 'nodes');
    mkdirSync(nodes, { recursive: true });
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', nodes]);
    if (mounted.status !== 0) return t.skip('a full disk takes the right to mount one');
    const at = own.client();
    await at.send(
      new CreateReplicationGroupCommand({
        ReplicationGroupId: 'no-room',
        ReplicationGroupDescription: 'e2e',
        Engine: 'valkey',
        CacheNodeType: small,
        Durability: 'async',
      }),
    );
    await groupFailed(at, 'no-room');
    const [message] = await messagesOf(at, 'no-room');
    assert.match(message ?? '', /0 MiB are free, a node that keeps its data on disk needs at least 16/);
    await requireNothingLeft(own, 'no-room');
    await at.send(new DeleteReplicationGroupCommand({ ReplicationGroupId: 'no-room' }));
    await groupDeleted(at, 'no-room');
  });
});
