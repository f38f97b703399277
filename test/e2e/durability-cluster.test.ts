/**
 * Durability=sync in cluster mode: the primary comes back with its own files. The engines let a primary wait for 2 s after its
 * boot before it takes writes; one that takes over from a ghost does not wait.
 */
import assert from 'node:assert/strict';
import { before, describe, it, type TestContext } from 'node:test';
import { Cluster } from 'iovalkey';
import { clusterTarget } from '../../bench/failover/limber-system.ts';
import { startWriteChecker, type WriteChecker } from '../../bench/lib/write-checker.ts';
import { parseClusterNodes } from '../../src/engines/valkey/cluster-view.ts';
import { createGroup } from '../support/caches.ts';
import { runLimber } from '../support/command.ts';
import { eventually } from '../support/eventually.ts';
import { type Limber, startLimber } from '../support/limber.ts';
import {
  asLimber,
  endpointOf,
  engineAt,
  kill,
  type Node,
  nodesOf,
  primaryOf,
  replicasOf,
  wholeAgain,
  wholeWithout,
} from './faults.ts';

const engines = [
  { engine: 'valkey', version: '9.1' },
  { engine: 'valkey', version: '8.1' },
  { engine: 'valkey', version: '8.0' },
  { engine: 'redis', version: '7.0' },
] as const;
const isFull = process.env.LIMBER_TEST_FULL === '1';
const durable = {
  NumNodeGroups: 3,
  ReplicasPerNodeGroup: 1,
  AutomaticFailoverEnabled: true,
  CacheNodeType: 'cache.t4g.small',
  Durability: 'sync',
} as const;
/** The engines' own wait is 2 s; a busy machine may take part of that. */
const gapMaxMs = 1_800;

async function writersTo(t: TestContext, nodes: readonly Node[], shard = '0001'): Promise<WriteChecker> {
  const observers = ['0001', '0002', '0003']
    .filter((one) => one !== shard)
    .map((one) => primaryOf(nodes, one));
  const target = await clusterTarget(primaryOf(nodes, shard), replicasOf(nodes, shard)[0]!, observers);
  const writers = startWriteChecker({ ...target, connections: 3, prefix: `${shard}-${Date.now()}` });
  t.after(() => target.route.close());
  t.after(() => writers.stop());
  await writers.progress(20, 5_000);
  return writers;
}

async function lostNothing(writers: WriteChecker): Promise<void> {
  await writers.progress(20, 10_000);
  await writers.stop();
  const { lost, wrong, examples } = await writers.verify();
  assert.deepEqual({ lost, wrong }, { lost: 0, wrong: 0 }, String(examples));
}

/** No node knows anybody but the nodes. */
async function isPlain(limber: Limber, id: string): Promise<void> {
  const nodes = await nodesOf(limber, id);
  for (const node of nodes) {
    const connection = await asLimber(limber, id, node);
    await eventually(async (see) => {
      const members = see(parseClusterNodes(String(await connection.ask('CLUSTER', 'NODES'))));
      return members.length === nodes.length;
    });
    connection.close();
  }
}

for (const { engine, version } of engines)
  describe(`${engine} ${version} with Durability=sync in cluster mode`, {
    skip: !isFull && version === '8.1',
  }, () => {
    let limber: Limber;
    const id = 'orders';
    before(async () => {
      limber = await startLimber();
      await createGroup(limber, id, { ...durable, Engine: engine, EngineVersion: version });
      await wholeAgain(limber, id);
    });

    it('takes writes again soon after the primary was killed, and loses none', async (t) => {
      const gaps: number[] = [];
      for (let round = 0; round < 3; round += 1) {
        const nodes = await wholeAgain(limber, id);
        const victim = primaryOf(nodes);
        const writers = await writersTo(t, nodes);
        writers.mark();
        kill(victim);
        await wholeWithout(limber, id, [victim]);
        gaps.push(writers.gap().longestMs);
        await lostNothing(writers);
        assert.equal(primaryOf(await nodesOf(limber, id)).id, victim.id);
      }
      t.diagnostic(`gaps ${gaps.map((ms) => ms.toFixed(0)).join(', ')} ms`);
      assert.ok(Math.min(...gaps) < gapMaxMs, `${gaps}`);
      await isPlain(limber, id);
    });

    it('takes writes again soon after all its nodes were killed, and loses none', async (t) => {
      const nodes = await wholeAgain(limber, id);
      const writers = await Promise.all(['0001', '0002'].map((shard) => writersTo(t, nodes, shard)));
      const keys = await Promise.all(nodes.map(async (node) => (await engineAt(node)).keys));
      for (const one of writers) one.mark();
      kill(...nodes);
      const after = await wholeWithout(limber, id, nodes, { deadlineMs: 40_000 });
      const gaps = writers.map((one) => one.gap().longestMs);
      t.diagnostic(`gaps ${gaps.map((ms) => ms.toFixed(0)).join(', ')} ms`);
      for (const one of writers) await lostNothing(one);
      for (const [index, node] of after.entries()) assert.ok((await engineAt(node)).keys >= keys[index]!);
      await isPlain(limber, id);
    });
  });

for (const { engine, version } of engines.filter((one) => one.version === '9.1' || one.version === '7.0'))
  describe(`${engine} ${version} with Durability=sync and encryption in transit in cluster mode`, () => {
    it('has its primary back with its data, and it is nobody else that the primary took over from', async (t) => {
      const limber = await startLimber(t);
      const input = { ...durable, TransitEncryptionEnabled: true, Engine: engine, EngineVersion: version };
      await createGroup(limber, 'safe', input);
      const nodes = await wholeAgain(limber, 'safe');
      const { address: host, port } = await endpointOf(limber, 'safe', 'configuration');
      const ca = (await runLimber(['ca', '--data', limber.dataDirectory])).stdout;
      const client = new Cluster([{ host, port }], { redisOptions: { tls: { ca } } });
      client.on('error', () => {}); // what matters is how the commands end
      t.after(() => client.disconnect());
      for (let key = 0; key < 30; key += 1) await eventually(() => client.set(`k${key}`, 'v'));
      const victim = primaryOf(nodes);
      kill(victim);
      const after = await wholeWithout(limber, 'safe', [victim]);
      assert.equal(primaryOf(after).id, victim.id);
      for (let key = 0; key < 30; key += 1) assert.equal(await eventually(() => client.get(`k${key}`)), 'v');
    });
  });
