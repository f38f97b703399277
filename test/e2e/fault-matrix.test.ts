/**
 * The fault matrix: what breaks × whom it hits × what was going on. Each case ends in the state that was asked for,
 * or in a wait that is said, and nobody's role goes to and fro. `LIMBER_TEST_FULL=1` runs all of it (npm run
 * test:faults); otherwise those run that differ most from each other.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, it, type TestContext } from 'node:test';
import {
  CreateReplicationGroupCommand,
  DeleteCacheClusterCommand,
  DeleteReplicationGroupCommand,
  type ElastiCacheClient,
} from '@aws-sdk/client-elasticache';
import { askOnce } from '../../bench/lib/resp-client.ts';
import { createCluster, createGroup } from '../support/caches.ts';
import { eventually } from '../support/eventually.ts';
import { type Limber, startLimber } from '../support/limber.ts';
import { messagesOf } from './caches.ts';
import { ask } from './engine-clients.ts';
import {
  type FaultCase,
  faults,
  situations,
  strikeNodes,
  strikeProcess,
  targets,
  titleOf,
  victimsOf,
  whyNot,
} from './fault-scenes.ts';
import {
  endpointOf,
  engineAt,
  failoversOf,
  isAlive,
  kill,
  type Node,
  nodesOf,
  primaryOf,
  replicasOf,
  sentencesOf,
  wholeAgain,
  writersOf,
} from './faults.ts';

const isFull = process.env.LIMBER_TEST_FULL === '1';

/** Each fault, each target and each situation at least once, and those that have broken before. */
const always = new Set([
  'kill -9 × two nodes × under load',
  'kill -9 × primary × during create',
  'kill -9 × primary × during failover',
  'kill -9 × replica × during delete',
  'kill -9 × Limber × during failover',
  'kill -9 × Limber × during create',
  'kill -9 × configuration endpoint × idle',
  'hang × all nodes × idle',
  'hang × replica × during create',
  'hang × configuration endpoint × idle',
  'slow × primary × under load',
  'wiped directory × two nodes × idle',
  'corrupt AOF × primary × under load',
  'damaged manifest × primary × under load',
  'damaged manifest × all nodes × idle',
  'full disk × all nodes × under load',
  'OOM × primary × under load',
]);

const deadlineMs = 40_000;
let limber: Limber;
let client: ElastiCacheClient;
let number = 0;
before(async () => {
  limber = await startLimber();
  client = limber.client();
});

function shapeOf({ fault }: FaultCase) {
  const durability = { 'corrupt AOF': 'async', 'damaged manifest': 'sync', 'full disk': 'sync' } as const;
  return {
    NumCacheClusters: 3,
    AutomaticFailoverEnabled: true,
    CacheNodeType: 'cache.t4g.small',
    ...(fault in durability ? { Durability: durability[fault as keyof typeof durability] } : {}),
  };
}

/** A group that is whole, with a key that every node holds. */
async function group(one: FaultCase, of = limber): Promise<{ id: string; nodes: readonly Node[] }> {
  number += 1;
  const id = `m${number}`;
  await createGroup(of, id, shapeOf(one));
  const nodes = await wholeAgain(of, id);
  await askOnce(await endpointOf(of, id), 'SET', 'kept', 'yes');
  for (const replica of replicasOf(nodes)) await eventually(async () => (await engineAt(replica)).keys === 1);
  return { id, nodes: [primaryOf(nodes), ...replicasOf(nodes)] };
}

/** Whole with other processes than those that were killed, or a wait that is said: then it is ended and waited for. */
async function ends(id: string, one: FaultCase, release: () => void, of = limber): Promise<void> {
  if (one.fault === 'hang') {
    await eventually(
      async (see) => {
        const said = see(await sentencesOf(of, id));
        return /hangs/.test(said) || (await wholeAgain(of, id, { deadlineMs: 1 }).catch(() => null));
      },
      { deadlineMs },
    );
    release();
  }
  await wholeAgain(of, id, { deadlineMs });
}

/** Nobody loses what a living member holds, and nobody's role goes to and fro. */
async function isSound(t: TestContext, id: string, one: FaultCase): Promise<void> {
  const failovers = await failoversOf(client, id);
  // Memory runs out on one after the other: whoever leads next is the next that is told to take some.
  const leadersHit = one.fault === 'OOM' ? victimsOf(one.target, [1, 2, 3]).length : 1;
  const most = leadersHit + (one.situation === 'during failover' ? 1 : 0);
  assert.ok(failovers.length <= most, failovers.join(', '));
  if (one.fault === 'slow' && one.situation !== 'during failover') assert.deepEqual(failovers, []);
  const kept = await askOnce(await endpointOf(limber, id), 'GET', 'kept');
  const isAllLost =
    one.target === 'all nodes' || (one.target === 'two nodes' && one.situation === 'during failover');
  if (!isAllLost || one.fault === 'slow' || (one.fault === 'hang' && one.situation !== 'during failover'))
    return assert.equal(kept, 'yes');
  if (kept === 'yes') return;
  const told = (
    await Promise.all([id, `${id}-001`, `${id}-002`, `${id}-003`].map((of) => messagesOf(client, of)))
  ).flat();
  assert.ok(
    told.some((message) => /rebuilt empty|were set aside|what can be read/.test(message)),
    told.join('\n'),
  );
  t.diagnostic('all copies were hit: rebuilt, and said so');
}

const isOnNodes = ({ target }: FaultCase) => target !== 'Limber' && target !== 'configuration endpoint';

async function strike(one: FaultCase, nodes: readonly Node[]): Promise<() => void> {
  if (isOnNodes(one)) return strikeNodes(limber, one.fault, victimsOf(one.target, nodes), nodes);
  await strikeProcess(limber, one.fault, one.target);
  return () => {};
}

async function onLivingGroup(t: TestContext, one: FaultCase): Promise<void> {
  const { id, nodes } = await group(one);
  const writers = one.situation === 'under load' ? await writersOf(limber, id, { pauseMs: 1 }) : null;
  if (writers) t.after(() => writers.stop());
  let struck = nodes;
  if (one.situation === 'during failover') {
    kill(nodes[0]!);
    struck = nodes.slice(1);
  }
  const release = await strike(one, struck);
  t.after(release);
  await ends(id, one, release);
  if (writers) {
    await writers.progress(10, 10_000);
    await writers.stop();
    assert.equal((await writers.verify()).wrong, 0);
  }
  await wholeAgain(limber, id, { deadlineMs });
  await isSound(t, id, one);
  await client.send(new DeleteReplicationGroupCommand({ ReplicationGroupId: id }));
}

async function whileCreating(t: TestContext, one: FaultCase): Promise<void> {
  number += 1;
  const id = `m${number}`;
  await client.send(
    new CreateReplicationGroupCommand({
      ReplicationGroupId: id,
      ReplicationGroupDescription: 'fault matrix',
      Engine: 'valkey',
      ...shapeOf(one),
    }),
  );
  const nodes = await eventually(async () => {
    const placed = await nodesOf(limber, id);
    return placed.length === 3 && placed.every(({ pid }) => pid > 0) ? placed : null;
  });
  const release = await strike(one, nodes);
  t.after(release);
  await eventually(
    async (see) => {
      const cache = (await limber.status()).caches.find((known) => known.id === id);
      if (cache?.status === 'create-failed') return true;
      if (/hangs/.test(see(cache?.sentence) ?? '')) release();
      return cache?.status === 'available';
    },
    { deadlineMs },
  );
  await wholeAgain(limber, id, { deadlineMs });
  assert.deepEqual(await failoversOf(client, id).then((told) => told.slice(1)), []);
  await client.send(new DeleteReplicationGroupCommand({ ReplicationGroupId: id }));
}

async function whileDeleting(t: TestContext, one: FaultCase): Promise<void> {
  const { id, nodes } = await group(one);
  await client.send(new DeleteReplicationGroupCommand({ ReplicationGroupId: id }));
  const release = await strike(one, nodes).catch(() => () => {}); // gone already
  t.after(release);
  await eventually(async (see) => !see((await limber.status()).caches).some((cache) => cache.id === id), {
    deadlineMs,
  });
  for (const node of nodes) assert.ok(!isAlive(node), `${node.id} has ended`);
}

/** All nodes are on one small disk that is filled up and emptied again. */
async function onFullDisk(t: TestContext, one: FaultCase): Promise<void> {
  if (process.getuid?.() !== 0) return t.skip('mounting a small file system needs root');
  const own = await startLimber();
  const disk = join(own.dataDirectory, 'nodes');
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=96m', 'tmpfs', disk], { stdio: 'pipe' });
  } catch (error) {
    await own.end();
    return t.skip(`a file system cannot be mounted: ${(error as Error).message}`);
  }
  let stop = async () => {};
  try {
    const { id } = await group(one, own);
    const writers = await writersOf(own, id, { pauseMs: 1 });
    stop = () => writers.stop();
    await writeFile(join(disk, 'ballast'), Buffer.alloc(128 * 2 ** 20)).catch(() => {});
    await eventually(async (see) => /MiB are free/.test(see(await sentencesOf(own, id))));
    await rm(join(disk, 'ballast'));
    await writers.progress(10, 30_000);
    await writers.stop();
    const { lost, wrong } = await writers.verify();
    assert.deepEqual({ lost, wrong }, { lost: 0, wrong: 0 });
    await wholeAgain(own, id, { deadlineMs });
  } finally {
    await stop();
    await own.kill();
    execFileSync('umount', ['-l', disk], { stdio: 'pipe' });
    await own.end();
  }
}

async function onConfigurationEndpoint(t: TestContext, one: FaultCase): Promise<void> {
  number += 1;
  const id = `m${number}`;
  await createCluster(limber, id, { NumCacheNodes: 2 });
  const at = await endpointOf(limber, id, 'configuration');
  if (one.situation === 'during delete')
    await client.send(new DeleteCacheClusterCommand({ CacheClusterId: id }));
  await strikeProcess(limber, one.fault, one.target);
  if (one.situation === 'during delete') {
    await eventually(async () => !(await limber.status()).caches.some((cache) => cache.id === id), {
      deadlineMs,
    });
    return;
  }
  if (one.situation === 'during create') await createCluster(limber, `${id}b`, { NumCacheNodes: 1 });
  const discover = () => ask({ host: at.address, port: at.port }, 'config get cluster', /END\r\n$/);
  const list = await eventually(discover, { deadlineMs });
  assert.match(list, /^CONFIG cluster 0 \d+\r\n1\n(\S+ \S+)\n/);
  await client.send(new DeleteCacheClusterCommand({ CacheClusterId: id }));
  t.diagnostic('answers again');
}

function run(t: TestContext, one: FaultCase): Promise<void> {
  if (one.target === 'configuration endpoint') return onConfigurationEndpoint(t, one);
  if (one.fault === 'full disk') return onFullDisk(t, one);
  if (one.situation === 'during create') return whileCreating(t, one);
  if (one.situation === 'during delete') return whileDeleting(t, one);
  return onLivingGroup(t, one);
}

for (const target of targets) {
  describe(`a fault of ${target}`, () => {
    for (const fault of faults)
      for (const situation of situations) {
        const one: FaultCase = { fault, target, situation };
        if (whyNot(one) !== null || (fault === 'full disk' && situation !== 'under load')) continue;
        if (isFull || always.has(titleOf(one))) it(titleOf(one), { timeout: 90_000 }, (t) => run(t, one));
      }
  });
}
