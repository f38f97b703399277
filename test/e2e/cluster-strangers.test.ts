/**
 * A server that no record names, on the same machine, introduces itself on the bus of a cluster and claims its slots. The
 * engines believe whoever has the highest epoch, and delete the keys of slots that they lose.
 */
import assert from 'node:assert/strict';
import { before, describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { clusterTarget } from '../../bench/failover/limber-system.ts';
import { startWriteChecker } from '../../bench/lib/write-checker.ts';
import { parseClusterNodes } from '../../src/engines/valkey/cluster-view.ts';
import { createGroup } from '../support/caches.ts';
import { eventually } from '../support/eventually.ts';
import { type Limber, startLimber } from '../support/limber.ts';
import { eventsOf } from './caches.ts';
import {
  asLimber,
  engineAt,
  kill,
  type Node,
  nodesOf,
  primaryOf,
  replicasOf,
  sentencesOf,
  wholeAgain,
} from './faults.ts';
import { type Stranger, startStranger } from './strangers.ts';

const engines = [
  { engine: 'valkey', version: '9.1' },
  { engine: 'valkey', version: '8.1' },
  { engine: 'valkey', version: '8.0' },
  { engine: 'redis', version: '7.0' },
] as const;

const paired = {
  NumNodeGroups: 3,
  ReplicasPerNodeGroup: 1,
  AutomaticFailoverEnabled: true,
  CacheNodeType: 'cache.t4g.small',
};
const slotsOf = { '0001': [0, 5461], '0002': [5462, 10922], '0003': [10923, 16383] } as const;

const keysOf = async (nodes: readonly Node[]): Promise<number[]> =>
  Promise.all(nodes.map(async (node) => (await engineAt(node)).keys));

/** Some hundred keys in each shard, on its replica too. */
async function fill(limber: Limber, id: string, nodes: readonly Node[]): Promise<number[]> {
  for (const primary of nodes.filter(({ role }) => role === 'primary')) {
    const connection = await asLimber(limber, id, primary);
    // Keys of other shards are refused.
    for (let key = 0; key < 600; key += 1) await connection.send('SET', `k${key}`, 'v');
    connection.close();
  }
  return eventually(async (see) => {
    const keys = see(await keysOf(nodes));
    const isCopied = ['0001', '0002', '0003'].every((shard) => {
      const own = keys.filter((_, index) => nodes[index]!.nodeGroupId === shard);
      return own.every((count) => count > 100 && count === own[0]);
    });
    return isCopied ? keys : null;
  });
}

async function membersAt(limber: Limber, id: string, node: Node) {
  const connection = await asLimber(limber, id, node);
  try {
    return parseClusterNodes(String(await connection.ask('CLUSTER', 'NODES')));
  } finally {
    connection.close();
  }
}

/** No member knows it, and by every member's word each shard's primary owns exactly its slots. */
async function isAsRecorded(limber: Limber, id: string, stranger: Stranger): Promise<void> {
  await eventually(
    async (see) => {
      const nodes = await nodesOf(limber, id);
      const views = await Promise.all(nodes.map((node) => membersAt(limber, id, node)));
      return views.every((members) => {
        const isKnown = members.some(({ port }) => port === stranger.port);
        const owners = Object.entries(slotsOf).every(([shard, [start, end]]) => {
          const owner = members.find(({ address }) => address === primaryOf(nodes, shard)?.address);
          return JSON.stringify(owner?.slots) === JSON.stringify([{ start, end }]);
        });
        return see(members) && !isKnown && owners;
      });
    },
    { deadlineMs: 15_000 },
  );
}

const strangerEvents = async (limber: Limber, id: string, { address, port }: Stranger) =>
  (await eventsOf(limber.client(), id))
    .map(({ Message = '' }) => Message)
    .filter((message) => message.includes(`${address}:${port}`) && /which no record names/.test(message));

for (const { engine, version } of engines)
  describe(`${engine} ${version}: a stranger on the cluster bus`, () => {
    let limber: Limber;
    let nodes: readonly Node[];
    let keys: readonly number[];
    const id = 'orders';
    before(async () => {
      limber = await startLimber();
      await createGroup(limber, id, { ...paired, Engine: engine, EngineVersion: version });
      nodes = await wholeAgain(limber, id);
      keys = await fill(limber, id, nodes);
    });

    it('is kept out before it has taken a slot, told once, and shown while it goes on', async (t) => {
      const stranger = await startStranger(t, { engine, version });
      await stranger.claim(slotsOf['0001'], primaryOf(nodes));
      const end = performance.now() + 3_000;
      while (performance.now() < end) {
        for (const node of nodes) await stranger.meet(node);
        await delay(100); // what is tested is that it keeps trying
      }
      assert.match(await sentencesOf(limber, id), /which no record names, tried to join its cluster bus/);
      await isAsRecorded(limber, id, stranger);
      assert.deepEqual(await keysOf(nodes), keys);
      assert.equal((await strangerEvents(limber, id, stranger)).length, 1);
      assert.deepEqual(await wholeAgain(limber, id), nodes);
    });

    for (const [how, [first, last], isEnough] of [
      ['all slots of a shard', slotsOf['0001'], version === '7.0'],
      ['some slots of a shard', [0, 2_000], false],
      ['slots of two shards', [4_000, 8_000], version === '9.1'],
    ] as const)
      (isEnough || process.env.LIMBER_TEST_FULL === '1' ? it : it.skip)(
        `that took ${how} while Limber was away is forgotten by all, and has them no more`,
        async (t) => {
          nodes = await wholeAgain(limber, id);
          keys = await fill(limber, id, nodes);
          await limber.stop();
          const victim = primaryOf(nodes);
          const stranger = await startStranger(t, { engine, version });
          await stranger.claim([first, last], victim);
          await eventually(
            async (see) => {
              const members = see(await membersAt(limber, id, victim));
              return members.some(({ port, slots }) => port === stranger.port && slots.length > 0);
            },
            { deadlineMs: 20_000 },
          );
          await limber.restart();
          await isAsRecorded(limber, id, stranger);
          const after = await wholeAgain(limber, id);
          t.diagnostic(`keys ${keys.join(' ')} → ${(await keysOf(after)).join(' ')}`);
          assert.ok((await strangerEvents(limber, id, stranger)).length >= 1);
          const messages = (await eventsOf(limber.client(), id))
            .map(({ Message = '' }) => Message)
            .join('\n');
          t.diagnostic(messages);
          // Writes go on, and what is written is on the replicas.
          keys = await fill(limber, id, after);
          for (const shard of ['0001', '0002', '0003']) assert.equal(replicasOf(after, shard).length, 1);
        },
      );
  });

describe('a stranger on the cluster bus, under load', () => {
  let limber: Limber;
  before(async () => {
    limber = await startLimber();
    await createGroup(limber, 'busy', paired);
  });

  /** What `strike` does happens while a stranger claims all slots and goes on introducing itself. */
  async function withStranger(t: TestContext, strike: (nodes: readonly Node[]) => Promise<void>) {
    const nodes = await wholeAgain(limber, 'busy');
    const observers = ['0002', '0003'].map((shard) => primaryOf(nodes, shard));
    const target = await clusterTarget(primaryOf(nodes), replicasOf(nodes)[0]!, observers);
    const writers = startWriteChecker({ ...target, connections: 3, prefix: `busy-${Date.now()}` });
    t.after(() => target.route.close());
    t.after(() => writers.stop());
    await writers.progress(20, 5_000);
    const stranger = await startStranger(t);
    await stranger.claim([0, 16_383], primaryOf(nodes));
    const struck = strike(nodes);
    const end = performance.now() + 2_000;
    let attempt = 0;
    while (performance.now() < end) {
      await stranger.meet(nodes[attempt % nodes.length]!);
      attempt += 1;
      await delay(200); // what is tested is that it keeps trying
    }
    await struck;
    await writers.progress(20, 10_000);
    await writers.stop();
    await isAsRecorded(limber, 'busy', stranger);
    await stranger.end();
    await wholeAgain(limber, 'busy');
    const { lost, wrong } = await writers.verify();
    t.diagnostic(`the longest gap ${writers.gap().longestMs.toFixed(0)} ms, lost ${lost}`);
    return { lost, wrong };
  }

  it('costs no write', async (t) => {
    assert.deepEqual(await withStranger(t, async () => {}), { lost: 0, wrong: 0 });
  });

  it('costs no more than the failover that happens meanwhile', async (t) => {
    const { lost, wrong } = await withStranger(t, async (nodes) => kill(primaryOf(nodes)));
    assert.equal(wrong, 0);
    assert.ok(lost <= 20, `${lost} lost`);
  });

  it('costs no write when a primary hands over meanwhile', async (t) => {
    const told = await withStranger(t, async (nodes) => {
      await limber.admin('switchover', { member: replicasOf(nodes)[0]!.id });
    });
    assert.deepEqual(told, { lost: 0, wrong: 0 });
  });
});

describe('a member that another one was made to forget', () => {
  it('is introduced to it again', async (t) => {
    const limber = await startLimber(t);
    // Newer engines tell each other for 60 s whom to forget.
    await createGroup(limber, 'split', { ...paired, Engine: 'redis', EngineVersion: '7.0' });
    const nodes = await wholeAgain(limber, 'split');
    const [one, other] = [primaryOf(nodes), primaryOf(nodes, '0002')];
    const [ofOne, ofOther] = [await asLimber(limber, 'split', one), await asLimber(limber, 'split', other)];
    await ofOne.ask('CLUSTER', 'FORGET', String(await ofOther.ask('CLUSTER', 'MYID')));
    await eventually(
      async (see) => {
        const members = see(await membersAt(limber, 'split', one));
        const found = members.find(({ address }) => address === other.address);
        return found?.health === 'fine' && found.slots.length === 1;
      },
      { deadlineMs: 20_000 },
    );
    await eventually(async (see) => /cluster_state:ok/.test(see(String(await ofOne.ask('CLUSTER', 'INFO')))));
    ofOne.close();
    ofOther.close();
  });
});

describe('a stranger on the bus of a cluster with encryption in transit', () => {
  it('is not heard at all', async (t) => {
    const limber = await startLimber(t);
    await createGroup(limber, 'safe', { ...paired, ReplicasPerNodeGroup: 0, TransitEncryptionEnabled: true });
    const nodes = await wholeAgain(limber, 'safe');
    const stranger = await startStranger(t);
    await stranger.claim(slotsOf['0001'], primaryOf(nodes));
    const end = performance.now() + 2_000;
    while (performance.now() < end) {
      for (const node of nodes) await stranger.meet(node);
      await delay(100); // what is tested is that it keeps trying
    }
    const known = parseClusterNodes(String(await stranger.ask('CLUSTER', 'NODES')));
    assert.ok(known.every(({ isMyself, health }) => isMyself || health === 'joining'));
    assert.deepEqual(await strangerEvents(limber, 'safe', stranger), []);
    assert.doesNotMatch(await sentencesOf(limber, 'safe'), /no record names/);
  });
});
