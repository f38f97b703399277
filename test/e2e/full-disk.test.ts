/** A disk without any room, under the directories of nodes that keep nothing on it. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { CreateCacheClusterCommand, type ElastiCacheClient } from '@aws-sdk/client-elasticache';
import { askOnce } from '../../bench/lib/resp-client.ts';
import { eventually } from '../support/eventually.ts';
import { type Limber, startLimber } from '../support/limber.ts';
import { clusterAvailable, createCluster, createGroup, messagesOf, small } from './caches.ts';
import {
  anotherLeads,
  isAlive,
  kill,
  nodesOf,
  pair,
  primaryOf,
  replicasOf,
  sentencesOf,
  takeAllDataAnew,
  wholeAgain,
} from './faults.ts';

const clusterMode = {
  ...{ NumCacheClusters: undefined, NumNodeGroups: 1, ReplicasPerNodeGroup: 1 },
  ClusterMode: 'enabled',
} as const;

let limber: Limber;
let client: ElastiCacheClient;
let nodes: string;
let isMounted = false;

const ballast = () => join(nodes, 'ballast');

/** Nobody can write another byte until the end of the test. */
function fillDisk(t: TestContext): void {
  t.after(() => rmSync(ballast(), { force: true }));
  assert.throws(() => writeFileSync(ballast(), Buffer.alloc(8 * 2 ** 20)), { code: 'ENOSPC' });
}

describe('on a full disk, nodes that keep nothing there', () => {
  before(async () => {
    limber = await startLimber();
    client = limber.client();
    nodes = join(limber.dataDirectory, 'nodes');
    mkdirSync(nodes, { recursive: true, mode: 0o700 });
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m,mode=700', 'tmpfs', nodes], { stdio: 'pipe' });
      isMounted = true;
    } catch {}
  });
  after(async () => {
    // Before Limber's own end, which deletes the directory.
    await limber.kill();
    if (isMounted) execFileSync('umount', ['--lazy', nodes], { stdio: 'pipe' });
    await limber.end();
  });

  for (const [id, shape] of [
    ['plain', {}],
    ['slots', clusterMode],
  ] as const)
    it(`come back, each by itself and all at once, and hold what their primary has (${id})`, async (t) => {
      if (!isMounted) return t.skip('a small file system takes the right to mount one');
      await createGroup(client, { ReplicationGroupId: id, ...pair, ...shape });
      const first = primaryOf(await wholeAgain(limber, id));
      await askOnce(first, 'SET', 'key', 'value');
      fillDisk(t);
      kill(first);
      const second = primaryOf(await wholeAgain(limber, id));
      assert.notEqual(second.id, first.id);
      assert.equal(await askOnce(second, 'GET', 'key'), 'value');
      const [replica] = replicasOf(await nodesOf(limber, id));
      kill(replica!);
      await wholeAgain(limber, id);
      kill(...(await nodesOf(limber, id)));
      await wholeAgain(limber, id);
    });

  it('take all data anew, beside those that they hold, without the disk', async (t) => {
    if (!isMounted) return t.skip('a small file system takes the right to mount one');
    await createGroup(client, { ReplicationGroupId: 'filled', ...pair });
    const [replica] = replicasOf(await wholeAgain(limber, 'filled'));
    fillDisk(t);
    await takeAllDataAnew(limber, 'filled', replica!);
    const [again] = replicasOf(await wholeAgain(limber, 'filled'));
    assert.equal(again!.pid, replica!.pid);
  });

  it('of Memcached come back too', async (t) => {
    if (!isMounted) return t.skip('a small file system takes the right to mount one');
    await createCluster(client, { CacheClusterId: 'plain-memcached', Engine: 'memcached' });
    fillDisk(t);
    const [node] = await nodesOf(limber, 'plain-memcached');
    kill(node!);
    await eventually(async (see) => {
      const [now] = see(await nodesOf(limber, 'plain-memcached'));
      return now!.pid !== node!.pid && isAlive(now!);
    });
    await clusterAvailable(client, 'plain-memcached');
  });

  it('are not created, and the event says what had no room', async (t) => {
    if (!isMounted) return t.skip('a small file system takes the right to mount one');
    fillDisk(t);
    const shape = { Engine: 'redis', CacheNodeType: small, NumCacheNodes: 1 };
    await client.send(new CreateCacheClusterCommand({ CacheClusterId: 'no-room', ...shape }));
    await eventually(
      async (see) =>
        see(await messagesOf(client, 'no-room')).some((message) =>
          /writing .*engine\.conf \(\d+ bytes, which every node needs\): ENOSPC/.test(message),
        ),
      { deadlineMs: 20_000 },
    );
  });

  it('of a cluster of Valkey 8, which ends when it cannot write, are promoted when there is room, with their data', async (t) => {
    if (!isMounted) return t.skip('a small file system takes the right to mount one');
    const input = { ReplicationGroupId: 'old', EngineVersion: '8.1', ...pair, ...clusterMode };
    await createGroup(client, input);
    const whole = await wholeAgain(limber, 'old');
    const [first, second] = [primaryOf(whole), replicasOf(whole)[0]!];
    await askOnce(first, 'SET', 'key', 'value');
    fillDisk(t);
    kill(first);
    await eventually(async (see) =>
      /has no room for the nodes.conf/.test(see(await sentencesOf(limber, 'old'))),
    );
    rmSync(ballast());
    assert.equal((await anotherLeads(limber, 'old', first)).pid, second.pid);
    await wholeAgain(limber, 'old');
    assert.equal(await askOnce(second, 'GET', 'key'), 'value');
  });
});
