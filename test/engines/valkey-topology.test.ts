import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { failOver, followPrimary, whyNotReady } from '../../src/engines/valkey/cluster-failover.ts';
import { parseClusterNodes, readClusterView } from '../../src/engines/valkey/cluster-view.ts';
import { readInfo } from '../../src/engines/valkey/info.ts';
import { setDirectives } from '../../src/engines/valkey/parameters.ts';
import { confirmSynced } from '../../src/engines/valkey/replication.ts';
import { steadyClusterTiming, steadySync } from '../../src/engines/valkey/timing.ts';
import {
  type ClusterPlan,
  clusterIsFormed,
  decideForming,
  keyOf,
  nodesOf,
  observeCluster,
  sendCommands,
} from '../../src/engines/valkey/topology.ts';
import { evenSlotRanges } from '../../src/model/slots.ts';
import { type Bench, engines, eventually, newAddress, type TestNode, withBench } from './valkey-support.ts';

const planned = () => ({ address: newAddress(), port: 6379, busPort: 16379 });

function planOf(shards: number, replicas: number): ClusterPlan {
  return {
    shards: evenSlotRanges(shards).map((range) => ({
      primary: planned(),
      replicas: Array.from({ length: replicas }, planned),
      slots: [range],
    })),
  };
}

async function startAll(bench: Bench, plan: ClusterPlan): Promise<Map<string, TestNode>> {
  const mode = { kind: 'cluster', busPort: 16379, isForming: true } as const;
  const started = nodesOf(plan).map(async (node) => {
    return [keyOf(node), await bench.start({ address: node.address, mode, isFirstSync: true })] as const;
  });
  return new Map(await Promise.all(started));
}

const connectionsOf = (nodes: Map<string, TestNode>) =>
  new Map([...nodes].map(([key, node]) => [key, node.connection]));

interface FormOptions {
  readonly isEnough?: () => boolean;
  readonly chance?: () => boolean;
  readonly deadlineMs?: number;
}

/** Rounds until done, or until `isEnough` says so. */
async function form(
  plan: ClusterPlan,
  nodes: Map<string, TestNode>,
  { isEnough, chance, deadlineMs = 20_000 }: FormOptions = {},
): Promise<void> {
  const connections = connectionsOf(nodes);
  const deadline = performance.now() + deadlineMs;
  let last: unknown;
  while (!isEnough?.()) {
    assert.ok(performance.now() < deadline, `not formed: ${JSON.stringify(last)}`);
    const decision = decideForming(plan, await observeCluster(plan, connections));
    last = decision;
    if (decision.kind === 'done') return;
    assert.notEqual(decision.kind, 'stuck', JSON.stringify(decision));
    // Each command may get lost with whoever sends it.
    if (decision.kind === 'send')
      await sendCommands(decision.commands.filter(chance ?? (() => true)), connections);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

for (const engine of engines) {
  describe(`cluster of ${engine.name}`, () => {
    it('forms three shards of two nodes, with the planned primaries', async (t) => {
      await withBench(engine, async (bench) => {
        const plan = planOf(3, 1);
        const begin = performance.now();
        const nodes = await startAll(bench, plan);
        const booted = performance.now();
        await form(plan, nodes);
        const boot = (booted - begin).toFixed(0);
        t.diagnostic(
          `formed from cold in ${(performance.now() - begin).toFixed(0)} ms, ${boot} of them to boot`,
        );
        for (const { primary, replicas, slots } of plan.shards) {
          const view = await readClusterView(nodes.get(keyOf(primary))!.connection);
          assert.deepEqual(view?.members.find((member) => member.isMyself)?.slots, slots);
          const { connection } = nodes.get(keyOf(primary))!;
          assert.equal((await confirmSynced(connection, replicas, 5_000)).length, 1);
        }
        // Done stays done, also with the values for good.
        for (const node of nodes.values())
          await setDirectives(node.connection, [...steadyClusterTiming, ...steadySync]);
        const seen = await observeCluster(plan, connectionsOf(nodes));
        assert.ok(clusterIsFormed(plan, seen));
        assert.deepEqual(decideForming(plan, seen), { kind: 'done' });
        // A key is served by its owner; the others name it by its announced address.
        const replies = await Promise.all(
          plan.shards.map(async ({ primary }) =>
            (await nodes.get(keyOf(primary))!.client()).call('SET', 'k', 'v').catch(String),
          ),
        );
        assert.equal(replies.filter((reply) => reply === 'OK').length, 1);
        const owner = plan.shards[replies.indexOf('OK')]!.primary;
        assert.equal(
          replies.filter((reply) => String(reply).includes(`MOVED 7629 ${keyOf(owner)}`)).length,
          2,
        );
      });
    });

    it('forms a single node', async (t) => {
      await withBench(engine, async (bench) => {
        const plan = planOf(1, 0);
        const begin = performance.now();
        const nodes = await startAll(bench, plan);
        await form(plan, nodes);
        t.diagnostic(`formed from cold in ${(performance.now() - begin).toFixed(0)} ms`);
        await (await [...nodes.values()][0]!.client()).call('SET', 'k', 'v');
      });
    });

    it('forms whatever was interrupted, at random points', async (t) => {
      const seed = Number(process.env.SEED ?? Date.now() % 100_000);
      t.diagnostic(`SEED=${seed}`);
      const random = randomOf(seed);
      await withBench(engine, async (bench) => {
        const plan = planOf(2, 1);
        const nodes = await startAll(bench, plan);
        for (let restart = 0; restart < 4; restart += 1) {
          const enough = performance.now() + random() * 150;
          const isEnough = () => performance.now() > enough;
          await form(plan, nodes, { isEnough, chance: () => random() < 0.6 });
        }
        await form(plan, nodes);
      });
    });

    it('fails over by vote when a primary has died, and takes it back as a replica', async () => {
      await withBench(engine, async (bench) => {
        const plan = planOf(3, 1);
        const nodes = await startAll(bench, plan);
        await form(plan, nodes);
        const [shard] = plan.shards;
        const replica = nodes.get(keyOf(shard!.replicas[0]!))!;
        nodes.get(keyOf(shard!.primary))!.process.kill('SIGKILL');
        await failOver(replica.connection, 'vote');
        await eventually(async () => (await readInfo(replica.connection)).role === 'primary');
        // The files of the dead one name it a primary; gossip tells it better before it could take a write.
        const old = nodes.get(keyOf(shard!.primary))!;
        const mode = { kind: 'cluster', busPort: 16379 } as const;
        const again = await bench.start({ address: old.address, mode }, old.directory);
        await eventually(async () => (await readInfo(again.connection)).upstream?.isUp);
        assert.equal((await confirmSynced(replica.connection, [old], 5_000)).length, 1);
      });
    });

    it('fails over without a vote in a single shard, and switches back on request', async () => {
      await withBench(engine, async (bench) => {
        const plan = planOf(1, 2);
        const nodes = await startAll(bench, plan);
        await form(plan, nodes);
        const { primary, replicas } = plan.shards[0]!;
        const [first, second] = replicas.map((replica) => nodes.get(keyOf(replica))!) as [TestNode, TestNode];
        nodes.get(keyOf(primary))!.process.kill('SIGKILL');
        await failOver(first.connection, 'alone');
        await eventually(async () => (await readInfo(first.connection)).role === 'primary');
        const leader = (await readClusterView(first.connection))!;
        await eventually(async () => {
          await followPrimary(second.connection, leader.id);
          return (await readInfo(second.connection)).upstream?.isUp;
        });
        assert.equal((await confirmSynced(first.connection, [second], 5_000)).length, 1);
        await eventually(async () => (await whyNotReady(first.connection, second.connection)) === null);
        await failOver(second.connection, 'alone');
        await eventually(async () => (await readInfo(second.connection)).role === 'primary');
        await eventually(async () => (await readInfo(first.connection)).role === 'replica');
      });
    });
  });
}

/** mulberry32: enough for choosing moments. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  };
}

describe('deciding how to form a cluster', () => {
  const plan: ClusterPlan = {
    shards: [
      { primary: { address: 'a', port: 1, busPort: 11 }, replicas: [], slots: [{ start: 0, end: 16383 }] },
    ],
  };
  const view = (nodes: string, isOk = false) => ({
    id: 'ida',
    isOk,
    currentEpoch: 0,
    offset: 0,
    isLinked: false,
    members: parseClusterNodes(nodes),
    served: [],
  });

  it('waits for a node that does not answer', () => {
    assert.equal(decideForming(plan, new Map()).kind, 'wait');
  });

  it('gives a blank node its epoch and its slots', () => {
    const seen = new Map([['a:1', view('ida a:1@11 myself,master - 0 0 0 connected')]]);
    assert.deepEqual(decideForming(plan, seen), {
      kind: 'send',
      commands: [
        { to: 'a:1', command: ['CLUSTER', 'SET-CONFIG-EPOCH', 1] },
        { to: 'a:1', command: ['CLUSTER', 'ADDSLOTSRANGE', 0, 16383] },
      ],
    });
  });

  it('adds only the slots that are missing', () => {
    const seen = new Map([['a:1', view('ida a:1@11 myself,master - 0 0 1 connected 0-99 101 16383')]]);
    assert.deepEqual(decideForming(plan, seen), {
      kind: 'send',
      commands: [{ to: 'a:1', command: ['CLUSTER', 'ADDSLOTSRANGE', 100, 100, 102, 16382] }],
    });
  });

  it('touches no cluster that holds slots outside of the plan', () => {
    const nodes = 'ida a:1@11 myself,master - 0 0 0 connected\nidz z:1@11 master - 0 0 3 connected 5-9';
    assert.equal(decideForming(plan, new Map([['a:1', view(nodes)]])).kind, 'stuck');
  });

  it('reads every form of a line of CLUSTER NODES', () => {
    const [member] = parseClusterNodes(
      'f1 127.0.0.1:6379@16379,name,shard-id=x slave,fail? e1 0 0 7 disconnected [5->-e1]\n',
    );
    assert.deepEqual(member, {
      id: 'f1',
      address: '127.0.0.1',
      port: 6379,
      busPort: 16379,
      isMyself: false,
      role: 'replica',
      primaryId: 'e1',
      health: 'suspected',
      isConnected: false,
      epoch: 7,
      slots: [],
    });
  });
});
