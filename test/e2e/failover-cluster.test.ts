/** Failover in cluster mode: each shard by itself, and the engines' own failover when Limber is away. */
import assert from 'node:assert/strict';
import { before, describe, it, type TestContext } from 'node:test';
import type { ElastiCacheClient } from '@aws-sdk/client-elasticache';
import { clusterTarget } from '../../bench/failover/limber-system.ts';
import { startWriteChecker, type WriteChecker } from '../../bench/lib/write-checker.ts';
import { createGroup } from '../support/caches.ts';
import { eventually } from '../support/eventually.ts';
import { type Limber, startLimber } from '../support/limber.ts';
import {
  anotherLeads,
  asLimber,
  engineAt,
  failoversOf,
  kill,
  type Node,
  nodesOf,
  primaryOf,
  replicasOf,
  sentencesOf,
  wholeAgain,
} from './faults.ts';

/** Asynchronous replication, per shard; see failover.test.ts. */
const lostMax = 20;
const shards = ['0001', '0002', '0003'] as const;
const cluster = {
  NumNodeGroups: 3,
  ReplicasPerNodeGroup: 1,
  AutomaticFailoverEnabled: true,
  CacheNodeType: 'cache.t4g.small',
};

let limber: Limber;
let client: ElastiCacheClient;
let whole: readonly Node[];
before(async () => {
  limber = await startLimber();
  client = limber.client();
  await createGroup(limber, 'orders', cluster);
  whole = await wholeAgain(limber, 'orders');
});

/** Cluster-aware clients that write to the slots of one shard. */
async function writersTo(t: TestContext, nodes: readonly Node[], shard: string): Promise<WriteChecker> {
  const observers = shards.filter((one) => one !== shard).map((one) => primaryOf(nodes, one));
  const target = await clusterTarget(primaryOf(nodes, shard), replicasOf(nodes, shard)[0]!, observers);
  const writers = startWriteChecker({ ...target, connections: 3, prefix: `${shard}-${Date.now()}` });
  t.after(() => target.route.close());
  t.after(() => writers.stop());
  await writers.progress(20, 5_000);
  return writers;
}

async function settle(writers: readonly WriteChecker[]): Promise<{ lost: number; gaps: string }> {
  for (const one of writers) await one.progress(20, 10_000);
  for (const one of writers) await one.stop();
  let lost = 0;
  for (const one of writers) lost += (await one.verify()).lost;
  return { lost, gaps: writers.map((one) => one.gap().longestMs.toFixed(0)).join(', ') };
}

/** Kills these under load, waits until the cluster is whole, and tells what it cost. */
async function strike(t: TestContext, victims: readonly Node[], watched: readonly string[]) {
  const writers = await Promise.all(watched.map((shard) => writersTo(t, whole, shard)));
  for (const one of writers) one.mark();
  const began = performance.now();
  kill(...victims);
  for (const victim of victims) if (victim.role === 'primary') await anotherLeads(limber, 'orders', victim);
  const dead = new Set(victims.map(({ pid }) => pid));
  whole = await eventually(
    async () => {
      const nodes = await wholeAgain(limber, 'orders');
      return nodes.every(({ pid }) => !dead.has(pid)) ? nodes : null;
    },
    { deadlineMs: 40_000 },
  );
  const wholeMs = performance.now() - began;
  const { lost, gaps } = await settle(writers);
  t.diagnostic(`gaps ${gaps} ms, lost ${lost}, whole again after ${wholeMs.toFixed(0)} ms`);
  assert.ok(lost <= lostMax * watched.length, `${lost} lost`);
}

describe('a cluster of three shards', () => {
  it('promotes the replica of the shard whose primary is killed under load, and touches no other shard', async (t) => {
    const before_ = whole;
    await strike(t, [primaryOf(whole, '0001')], ['0001', '0002']);
    assert.deepEqual(await failoversOf(client, 'orders'), ['0001-001 → 0001-002']);
    for (const shard of ['0002', '0003'])
      assert.equal(primaryOf(whole, shard).pid, primaryOf(before_, shard).pid);
  });

  it('goes on when a replica is killed', async (t) => {
    const told = (await failoversOf(client, 'orders')).length;
    await strike(t, [replicasOf(whole, '0002')[0]!], ['0002']);
    assert.equal((await failoversOf(client, 'orders')).length, told);
  });

  it('fails over two shards at once', async (t) => {
    const told = (await failoversOf(client, 'orders')).length;
    await strike(t, [primaryOf(whole, '0002'), primaryOf(whole, '0003')], ['0002', '0003']);
    assert.equal((await failoversOf(client, 'orders')).length, told + 2);
  });

  it('fails over all shards at once, though no majority of the primaries is left to vote', async (t) => {
    const told = (await failoversOf(client, 'orders')).length;
    await strike(
      t,
      shards.map((shard) => primaryOf(whole, shard)),
      ['0001'],
    );
    assert.equal((await failoversOf(client, 'orders')).length, told + 3);
  });

  it('rebuilds a shard empty when both its nodes are killed, and the others keep their data', async () => {
    const victims = [primaryOf(whole, '0001'), ...replicasOf(whole, '0001')];
    const survivor = primaryOf(whole, '0003');
    const keys = (await engineAt(survivor)).keys;
    assert.ok(keys > 0);
    kill(...victims);
    whole = await eventually(
      async () => {
        const nodes = await wholeAgain(limber, 'orders');
        return nodes.every(({ pid }) => victims.every((victim) => victim.pid !== pid)) ? nodes : null;
      },
      { deadlineMs: 40_000 },
    );
    assert.equal(primaryOf(whole, '0003').pid, survivor.pid);
    assert.equal((await engineAt(survivor)).keys, keys);
    assert.equal((await engineAt(primaryOf(whole, '0001'))).keys, 0);
  });

  it('is rebuilt when all its nodes are killed at once', async () => {
    const pids = new Set(whole.map(({ pid }) => pid));
    kill(...whole);
    whole = await eventually(
      async () => {
        const nodes = await wholeAgain(limber, 'orders');
        return nodes.every(({ pid }) => !pids.has(pid)) ? nodes : null;
      },
      { deadlineMs: 60_000 },
    );
    const state = await asLimber(limber, 'orders', whole[0]!);
    await eventually(async (see) => /cluster_state:ok/.test(see(String(await state.ask('CLUSTER', 'INFO')))));
    state.close();
  });

  it('has what the engines decided adopted, when a primary died while Limber was away', async () => {
    // The engines' own limit is 15 s; a test does not wait so long.
    for (const node of whole) {
      const one = await asLimber(limber, 'orders', node);
      await one.ask('CONFIG', 'SET', 'cluster-node-timeout', 1_000);
      one.close();
    }
    const told = (await failoversOf(client, 'orders')).length;
    const [former, next] = [primaryOf(whole, '0002'), replicasOf(whole, '0002')[0]!];
    await limber.kill();
    kill(former);
    await eventually(async () => (await engineAt(next)).role === 'primary', { deadlineMs: 20_000 });
    await limber.restart();
    whole = await wholeAgain(limber, 'orders', { deadlineMs: 40_000 });
    assert.equal(primaryOf(whole, '0002').pid, next.pid);
    assert.equal((await nodesOf(limber, 'orders')).length, 6, await sentencesOf(limber, 'orders'));
    assert.equal((await failoversOf(client, 'orders')).length, told + 1);
  });
});
