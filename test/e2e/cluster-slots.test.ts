/**
 * Cluster mode: nodes.conf is lost or damaged, so that a node comes back as nobody that the others know. A primary whose
 * shard has no other copy gets its slots again; everybody else follows whoever has them.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, it, type TestContext } from 'node:test';
import { createGroup } from '../support/caches.ts';
import { eventually } from '../support/eventually.ts';
import { type Limber, startLimber } from '../support/limber.ts';
import { messagesOf } from './caches.ts';
import { valkeyCluster } from './engine-clients.ts';
import {
  asLimber,
  directoryOf,
  endpointOf,
  engineAt,
  isAlive,
  kill,
  type Node,
  primaryOf,
  replicasOf,
  resume,
  sentencesOf,
  suspend,
  wholeAgain,
  wholeWithout,
} from './faults.ts';

const alone = {
  NumNodeGroups: 3,
  ReplicasPerNodeGroup: 0,
  AutomaticFailoverEnabled: true,
  CacheNodeType: 'cache.t4g.small',
};
const paired = { ...alone, NumNodeGroups: 2, ReplicasPerNodeGroup: 1 };

const given = /was introduced again and given the slots/;

const dataOf = (limber: Limber, node: Node): string => join(directoryOf(limber, node), 'data');
const nodesFileOf = (limber: Limber, node: Node): string => join(dataOf(limber, node), 'nodes.conf');

async function askAs(limber: Limber, id: string, node: Node, ...command: string[]): Promise<string> {
  const connection = await asLimber(limber, id, node);
  try {
    return String(await connection.ask(...(command as [string, ...string[]])));
  } finally {
    connection.close();
  }
}

/** Every node serves all slots and knows these nodes and nobody else: nothing is left of an id that is gone. */
async function agrees(limber: Limber, id: string, nodes: readonly Node[]): Promise<void> {
  for (const node of nodes)
    await eventually(
      async (see) => {
        const info = await askAs(limber, id, node, 'CLUSTER', 'INFO');
        const known = (await askAs(limber, id, node, 'CLUSTER', 'NODES')).trim().split('\n');
        const lines = see(known.filter((line) => !/handshake/.test(line)));
        const addresses = lines.map((line) => line.split(' ')[1]!.split(':')[0]).sort();
        return (
          /cluster_state:ok/.test(see(info)) &&
          !lines.some((line) => /noaddr|fail/.test(line)) &&
          addresses.join() ===
            nodes
              .map(({ address }) => address)
              .sort()
              .join()
        );
      },
      { deadlineMs: 20_000 },
    );
}

/** A client that follows the cluster writes keys of every shard, and reads them. */
async function serves(t: TestContext, limber: Limber, id: string): Promise<void> {
  const { address: host, port } = await endpointOf(limber, id, 'configuration');
  const client = valkeyCluster(t, { host, port });
  client.on('error', () => {}); // what matters is how the commands end
  for (let key = 0; key < 30; key += 1) await eventually(() => client.set(`k${key}`, 'v'));
  for (let key = 0; key < 30; key += 1) assert.equal(await client.get(`k${key}`), 'v');
}

const toldOf = async (limber: Limber, id: string, nodes: readonly Node[]): Promise<string> =>
  (await Promise.all([id, ...nodes.map((node) => node.id)].map((of) => messagesOf(limber.client(), of))))
    .flat()
    .join('\n');

let limber: Limber;
before(async () => {
  limber = await startLimber();
});

describe('a cluster whose shards have no replica', { concurrency: 3 }, () => {
  it('gives a primary that lost its directory its slots again, empty, and says so', async (t) => {
    await createGroup(limber, 'wiped', alone);
    const nodes = await wholeAgain(limber, 'wiped');
    await serves(t, limber, 'wiped');
    const [victim, other] = [primaryOf(nodes, '0001'), primaryOf(nodes, '0002')];
    const { keys } = await engineAt(other);
    assert.ok(keys > 0);
    await rm(directoryOf(limber, victim), { recursive: true, force: true, maxRetries: 9 });
    const began = performance.now();
    kill(victim);
    const after = await wholeWithout(limber, 'wiped', [victim]);
    t.diagnostic(`it owns its slots again after ${(performance.now() - began).toFixed(0)} ms`);
    await agrees(limber, 'wiped', after);
    t.diagnostic(`the cluster is whole after ${(performance.now() - began).toFixed(0)} ms`);
    assert.equal((await engineAt(primaryOf(after, '0001'))).keys, 0);
    assert.equal(primaryOf(after, '0002').pid, other.pid);
    assert.equal((await engineAt(other)).keys, keys);
    const told = await toldOf(limber, 'wiped', after);
    assert.match(told, /node group 0001 were lost; it was rebuilt empty/);
    assert.match(told, /wiped-0001-001 came back unknown .* given the slots 0-5461 of node group 0001/);
    await serves(t, limber, 'wiped');
  });

  it('keeps the data of a primary that lost its nodes.conf alone', async (t) => {
    await createGroup(limber, 'lost', { ...alone, Durability: 'sync' });
    const nodes = await wholeAgain(limber, 'lost');
    await serves(t, limber, 'lost');
    const victim = primaryOf(nodes, '0002');
    const { keys } = await engineAt(victim);
    await rm(nodesFileOf(limber, victim), { force: true });
    kill(victim);
    const after = await wholeWithout(limber, 'lost', [victim]);
    await agrees(limber, 'lost', after);
    assert.equal((await engineAt(primaryOf(after, '0002'))).keys, keys);
    assert.doesNotMatch(await toldOf(limber, 'lost', after), /rebuilt empty/);
  });

  for (const damage of ['cut off', 'overwritten'] as const)
    it(`sets a nodes.conf that is ${damage} aside, and keeps the data`, async (t) => {
      const id = damage === 'cut off' ? 'cut' : 'over';
      await createGroup(limber, id, { ...alone, Durability: 'sync' });
      const nodes = await wholeAgain(limber, id);
      await serves(t, limber, id);
      const victim = primaryOf(nodes, '0003');
      const { keys } = await engineAt(victim);
      const file = nodesFileOf(limber, victim);
      if (damage === 'overwritten') await writeFile(file, Buffer.alloc(300));
      else await truncate(file, Math.floor((await readFile(file)).length / 2));
      kill(victim);
      const after = await wholeWithout(limber, id, [victim]);
      await agrees(limber, id, after);
      assert.equal((await engineAt(primaryOf(after, '0003'))).keys, keys);
      const told = await toldOf(limber, id, after);
      const [, aside = ''] =
        new RegExp(`files of ${id}-0003-001 were set aside in (\\S+): nodes.conf`).exec(told) ?? [];
      assert.ok(existsSync(aside), told);
      assert.match(told, given);
    });

  it('keeps all data when every node has lost its nodes.conf', async (t) => {
    await createGroup(limber, 'each', { ...alone, Durability: 'sync' });
    const nodes = await wholeAgain(limber, 'each');
    await serves(t, limber, 'each');
    for (const node of nodes) await rm(nodesFileOf(limber, node), { force: true });
    kill(...nodes);
    const after = await wholeWithout(limber, 'each', nodes);
    await agrees(limber, 'each', after);
    const keys = await Promise.all(after.map(async (node) => (await engineAt(node)).keys));
    assert.equal(
      keys.reduce((sum, one) => sum + one, 0),
      30,
    );
  });

  it('is whole again when every node has lost its directory', async (t) => {
    await createGroup(limber, 'all', alone);
    const nodes = await wholeAgain(limber, 'all');
    for (const node of nodes) await rm(dataOf(limber, node), { recursive: true, force: true, maxRetries: 9 });
    kill(...nodes);
    const after = await wholeWithout(limber, 'all', nodes);
    await agrees(limber, 'all', after);
    await serves(t, limber, 'all');
  });
});

describe('a cluster whose shards have a replica', { concurrency: 3 }, () => {
  it('fails over when a primary lost its directory: no slots are given, and the old id is forgotten', async (t) => {
    await createGroup(limber, 'pair', paired);
    const nodes = await wholeAgain(limber, 'pair');
    await serves(t, limber, 'pair');
    const [victim, heir] = [primaryOf(nodes, '0001'), replicasOf(nodes, '0001')[0]!];
    const { keys } = await engineAt(victim);
    await rm(directoryOf(limber, victim), { recursive: true, force: true, maxRetries: 9 });
    kill(victim);
    const after = await wholeWithout(limber, 'pair', [victim]);
    await agrees(limber, 'pair', after);
    assert.equal(primaryOf(after, '0001').id, heir.id);
    assert.equal((await engineAt(heir)).keys, keys);
    assert.doesNotMatch(await toldOf(limber, 'pair', after), given);
  });

  it('rebuilds a shard whose nodes have both lost their directories, and its replica follows', async (t) => {
    await createGroup(limber, 'both', paired);
    const nodes = await wholeAgain(limber, 'both');
    await serves(t, limber, 'both');
    const victims = nodes.filter((node) => node.nodeGroupId === '0002');
    for (const node of victims)
      await rm(directoryOf(limber, node), { recursive: true, force: true, maxRetries: 9 });
    kill(...victims);
    const after = await wholeWithout(limber, 'both', victims);
    await agrees(limber, 'both', after);
    assert.match(await toldOf(limber, 'both', after), given);
    await serves(t, limber, 'both');
  });

  it('rebuilds a replica that lost its nodes.conf from its primary, and keeps its old files', async (t) => {
    await createGroup(limber, 'third', { ...paired, Durability: 'async' });
    const nodes = await wholeAgain(limber, 'third');
    await serves(t, limber, 'third');
    const victim = replicasOf(nodes, '0001')[0]!;
    await writeFile(nodesFileOf(limber, victim), 'nobody\n');
    kill(victim);
    const after = await wholeWithout(limber, 'third', [victim]);
    await agrees(limber, 'third', after);
    assert.equal((await engineAt(victim)).keys, (await engineAt(primaryOf(after, '0001'))).keys);
    assert.match(await toldOf(limber, 'third', after), /set aside in \S+: without its nodes.conf/);
    assert.doesNotMatch(await toldOf(limber, 'third', after), given);
  });
});

describe('when Limber dies as it gives slots again', () => {
  it('the next one goes on: the node meets the others', async (t) => {
    const own = await startLimber(t);
    await createGroup(own, 'late', alone);
    const nodes = await wholeAgain(own, 'late');
    const victim = primaryOf(nodes, '0001');
    await own.restart({ env: { LIMBER_FAULT_POINT: 'claim-slots:owned' } });
    await wholeAgain(own, 'late');
    await rm(dataOf(own, victim), { recursive: true, force: true, maxRetries: 9 });
    kill(victim);
    await own.ended;
    const [back] = (await askAs(own, 'late', victim, 'CLUSTER', 'NODES')).trim().split('\n');
    assert.match(back ?? '', / connected 0-5461$/);
    await own.restart();
    const after = await wholeWithout(own, 'late', [victim]);
    await agrees(own, 'late', after);
    await serves(t, own, 'late');
    assert.match(await sentencesOf(own, 'late'), /late-0001-001 leads and every member follows it/);
  });
});

describe('a node that did not answer while slots were given again', () => {
  it('serves its own slots when it goes on, and knows the new owner', async (t) => {
    await createGroup(limber, 'deaf', alone);
    const nodes = await wholeAgain(limber, 'deaf');
    const [victim, deaf] = [primaryOf(nodes, '0001'), primaryOf(nodes, '0002')];
    suspend(deaf);
    t.after(() => isAlive(deaf) && resume(deaf));
    await eventually(async (see) => /hangs/.test(see(await sentencesOf(limber, 'deaf'))));
    await rm(dataOf(limber, victim), { recursive: true, force: true, maxRetries: 9 });
    kill(victim);
    await eventually(async (see) => given.test(see(await toldOf(limber, 'deaf', nodes))));
    await eventually(async (see) =>
      /deaf-0001-001 leads and every member follows it/.test(see(await sentencesOf(limber, 'deaf'))),
    );
    resume(deaf);
    const after = await wholeWithout(limber, 'deaf', [victim]);
    await agrees(limber, 'deaf', after);
    await serves(t, limber, 'deaf');
  });
});
