/** Clients that keep a replica from answering, or from being spoken to, while its primary dies: it leads all the same, and soon. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { askOnce, connectResp, type RespClient } from '../../bench/lib/resp-client.ts';
import { createEngineStore } from '../../src/engine-store/engine-store.ts';
import { createGroup } from '../support/caches.ts';
import { eventually } from '../support/eventually.ts';
import { type Limber, startLimber } from '../support/limber.ts';
import { kill, type Node, pair, primaryOf, replicasOf, sentencesOf, wholeAgain } from './faults.ts';

const isFull = process.env.LIMBER_TEST_FULL === '1';
const installed = (await createEngineStore().installed()).filter(({ engine }) => engine !== 'memcached');
const engines = isFull ? installed : installed.slice(-1);

let limber: Limber;
before(async () => {
  limber = await startLimber();
});

/** Repeats a command as fast as it is answered, and connects again when it is cut. */
function hammer(over: AbortSignal, at: Node, connections: number, command: readonly string[]): void {
  const run = async () => {
    while (!over.aborted) {
      let client: RespClient | null = null;
      try {
        client = await connectResp(at, 1_000);
        const open = client;
        over.addEventListener('abort', () => open.close(), { once: true });
        while (!over.aborted) await client.send(...command);
      } catch {
        await delay(1);
      } finally {
        client?.close();
      }
    }
  };
  for (let index = 0; index < connections; index += 1) void run();
}

const takes = (node: Node, key: string) =>
  askOnce(node, 'SET', key, 'yes').then(
    (reply) => reply === 'OK',
    () => false,
  );

/** Milliseconds from the death of a primary to the first write that its replica takes. */
async function failover(primary: Node, replica: Node): Promise<number> {
  let key = '';
  // In a cluster most keys belong to others.
  for (let index = 0; !(await takes(primary, key)); index += 1) key = `key-${index}`;
  const diedAt = performance.now();
  kill(primary);
  await eventually(() => takes(replica, key), { deadlineMs: 30_000, intervalMs: 2 });
  return performance.now() - diedAt;
}

const isBusy = async (node: Node) =>
  /BUSY/.test(String(await askOnce(node, 'PING').catch((error: Error) => error.message)));

const endlessFunction = `#!lua name=endless
redis.register_function{function_name='endless', callback=function() while true do end end, flags={'no-writes'}}`;

/** The client is gone, and its last script goes on where it began again: on a primary that leads and is settled it is left alone. */
async function endScripts(node: Node): Promise<void> {
  await eventually(async () => {
    for (const kind of ['SCRIPT', 'FUNCTION']) await askOnce(node, kind, 'KILL').catch(() => {});
    return (await askOnce(node, 'PING')) === 'PONG';
  });
}

type Attack = (over: AbortSignal, replica: Node, primary: Node) => Promise<void> | void;

/** An engine that has just begun a script listens 5 s later: an attack has begun when the engine says so. */
const attacks: Readonly<Record<string, Attack>> = {
  'its connections cut by CLIENT KILL USER': (over, replica) =>
    hammer(over, replica, 8, ['CLIENT', 'KILL', 'USER', 'limber']),
  'all other connections cut by CLIENT KILL TYPE': (over, replica) =>
    hammer(over, replica, 4, ['CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes']),
  'endless scripts, one after the other': async (over, replica) => {
    hammer(over, replica, 1, ['EVAL_RO', 'while true do end', '0']);
    await eventually(() => isBusy(replica));
  },
  'endless functions, one after the other': async (over, replica, primary) => {
    await askOnce(primary, 'FUNCTION', 'LOAD', endlessFunction);
    await eventually(async () => String(await askOnce(replica, 'FUNCTION', 'LIST')).includes('endless'));
    hammer(over, replica, 1, ['FCALL_RO', 'endless', '0']);
    await eventually(() => isBusy(replica));
  },
};

/** Clients run scripts and end connections again, and nothing else was given with that. */
async function mayDisturb(node: Node): Promise<void> {
  await eventually(async () => (await askOnce(node, 'EVAL', 'return 1', '0')) === 1);
  assert.equal(await askOnce(node, 'CLIENT', 'KILL', 'ID', '1'), 0);
  await assert.rejects(askOnce(node, 'SCRIPT', 'DEBUG', 'YES'), /NOPERM/);
  await assert.rejects(askOnce(node, 'CLIENT', 'PAUSE', '1'), /NOPERM/);
}

for (const { engine, version } of engines) {
  const EngineVersion = version.split('.').slice(0, 2).join('.');
  const suffix = `${engine}-${version.replaceAll('.', '-')}`;

  describe(`a replica of ${engine} ${version}`, { concurrency: true }, () => {
    for (const [index, [what, attack]] of Object.entries(attacks).entries())
      it(`with ${what}: leads soon after its primary died`, async (t) => {
        const id = `h${index}-${suffix}`;
        await createGroup(limber, id, { ...pair, Engine: engine, EngineVersion });
        const nodes = await wholeAgain(limber, id);
        const [primary, replica] = [primaryOf(nodes), replicasOf(nodes)[0]!];
        const over = new AbortController();
        t.after(() => over.abort());
        await attack(over.signal, replica, primary);
        const tookMs = await failover(primary, replica);
        t.diagnostic(`${tookMs.toFixed(0)} ms`);
        assert.ok(tookMs < 5_000, `${tookMs} ms`);
        over.abort();
        await endScripts(replica);
        const again = primaryOf(await wholeAgain(limber, id));
        assert.equal(again.id, replica.id);
        await mayDisturb(again);
      });
  });

  describe(`shards of a cluster of ${engine} ${version}`, () => {
    it('fail over soon, whatever clients do to their replicas', async (t) => {
      const id = `c-${suffix}`;
      await createGroup(limber, id, {
        ...{ NumNodeGroups: 4, ReplicasPerNodeGroup: 1, AutomaticFailoverEnabled: true },
        ...{ CacheNodeType: 'cache.t4g.small', Engine: engine, EngineVersion },
      });
      const nodes = await wholeAgain(limber, id);
      const shards = [...new Set(nodes.map(({ nodeGroupId }) => nodeGroupId!))];
      const over = new AbortController();
      t.after(() => over.abort());
      const pairs = shards.map((shard) => [primaryOf(nodes, shard), replicasOf(nodes, shard)[0]!] as const);
      const begin = Object.values(attacks);
      await Promise.all(
        pairs.map(([primary, replica], index) => begin[index]!(over.signal, replica, primary)),
      );
      const took = [];
      for (const [primary, replica] of pairs) took.push(await failover(primary, replica));
      t.diagnostic(`${took.map((ms) => ms.toFixed(0)).join(', ')} ms`);
      assert.ok(
        took.every((ms) => ms < 5_000),
        await sentencesOf(limber, id),
      );
      over.abort();
      for (const [, replica] of pairs) await endScripts(replica);
      const again = await wholeAgain(limber, id);
      for (const [, { id: replica, nodeGroupId }] of pairs) {
        const leader = primaryOf(again, nodeGroupId!);
        assert.equal(leader.id, replica);
        await mayDisturb(leader);
      }
    });
  });
}

describe('a Limber that dies after it has calmed clients', () => {
  it('leaves that to the next one, which fails over and gives back what was taken', async (t) => {
    const env = { LIMBER_FAULT_POINT: 'calm-clients:done' };
    const mortal = await startLimber(t, { env });
    await createGroup(mortal, 'orders', pair);
    const nodes = await wholeAgain(mortal, 'orders');
    const [primary, replica] = [primaryOf(nodes), replicasOf(nodes)[0]!];
    const over = new AbortController();
    t.after(() => over.abort());
    await attacks['endless scripts, one after the other']!(over.signal, replica, primary);
    kill(primary);
    assert.equal(await mortal.ended, 'SIGKILL');
    await assert.rejects(askOnce(replica, 'EVAL', 'return 1', '0'), /NOPERM/);
    over.abort();
    await mortal.restart({ env: { LIMBER_FAULT_POINT: '' } });
    const again = primaryOf(await wholeAgain(mortal, 'orders'));
    assert.equal(again.id, replica.id);
    await mayDisturb(again);
  });
});
