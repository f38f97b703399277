/** A replica that was cut off from its primary leads all the same when the primary dies; what only the primary had is kept. */
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import type { ElastiCacheClient } from '@aws-sdk/client-elasticache';
import { askOnce } from '../../bench/lib/resp-client.ts';
import { createGroup } from '../support/caches.ts';
import { eventually } from '../support/eventually.ts';
import { type Limber, startLimber } from '../support/limber.ts';
import { messagesOf } from './caches.ts';
import {
  asLimber,
  directoryOf,
  engineAt,
  kill,
  type Node,
  nodesOf,
  pair,
  primaryOf,
  replicasOf,
  wholeAgain,
  wholeWithout,
} from './faults.ts';

const settings = { maxLagMs: 1_500 };
const clusterOfOne = {
  NumNodeGroups: 1,
  ReplicasPerNodeGroup: 1,
  ClusterMode: 'enabled',
  AutomaticFailoverEnabled: true,
  CacheNodeType: 'cache.t4g.small',
} as const;

let limber: Limber;
let client: ElastiCacheClient;
before(async () => {
  limber = await startLimber({ settings });
  client = limber.client();
});

/** The replica answers everybody but cannot reach its primary any more, and has missed writes for longer than the limit. */
async function cutOff(owner: Limber, id: string): Promise<{ primary: Node; replica: Node }> {
  const nodes = await wholeAgain(owner, id);
  const [primary, replica] = [primaryOf(nodes), replicasOf(nodes)[0]!];
  await askOnce(primary, 'SET', 'before', 'in both');
  await eventually(async (see) => see(await engineAt(replica)).offset >= (await engineAt(primary)).offset);
  const admin = await asLimber(owner, id, replica);
  await admin.ask('CONFIG', 'SET', 'masterauth', 'not the password');
  await admin.ask('CLIENT', 'KILL', 'TYPE', 'primary');
  admin.close();
  await eventually(async (see) => see(await engineAt(replica)).upstream?.isUp === false);
  // Limber looks at the primary's stream once a second: what it can be sure of is up to two seconds less.
  const until = performance.now() + settings.maxLagMs + 3_000;
  for (let count = 0; performance.now() < until; count += 1)
    await eventually(async () => (await askOnce(primary, 'SET', 'only-in-the-first', `w${count}`)) === 'OK');
  await askOnce(primary, 'SET', 'last', 'only here');
  return { primary, replica };
}

const laggingMessages = async (id: string, from = client) =>
  (await messagesOf(from, id)).filter((message) => /was the best copy left, and lacks what/.test(message));

/** The files that were set aside from a node, as text. */
async function asideOf(owner: Limber, node: Node): Promise<readonly string[]> {
  const directory = directoryOf(owner, node);
  const asides = (await readdir(directory)).filter((name) => name.startsWith('data.aside-'));
  const texts = asides.map(async (name) => {
    const files = await readdir(join(directory, name), { recursive: true, withFileTypes: true });
    const contents = files
      .filter((file) => file.isFile())
      .map((file) => readFile(join(file.parentPath, file.name), 'latin1'));
    return (await Promise.all(contents)).join('');
  });
  return Promise.all(texts);
}

describe('a replica that is promoted far behind its primary', { concurrency: true }, () => {
  for (const [mode, shape] of [
    ['disabled', pair],
    ['enabled', clusterOfOne],
  ] as const)
    it(`leads, the primary's files are set aside, and both are told (cluster mode ${mode})`, async () => {
      const id = `behind-${mode}`;
      await createGroup(limber, id, { ...shape, Durability: 'async' });
      const { primary, replica } = await cutOff(limber, id);
      // What an everysec file is sure to hold.
      await eventually(async (see) => see(await fileText(primary)).includes('only here'));
      kill(primary);
      const nodes = await wholeWithout(limber, id, [primary]);
      assert.equal(primaryOf(nodes).id, replica.id);
      assert.equal(await askOnce(primaryOf(nodes), 'GET', 'before'), 'in both');
      assert.equal(await askOnce(primaryOf(nodes), 'GET', 'last'), null);
      const [message, ...others] = await laggingMessages(id);
      assert.deepEqual(others, []);
      assert.match(
        message ?? '',
        new RegExp(
          `^${replica.id} was the best copy left, and lacks what ${primary.id} wrote last: at least \\d+\\.\\d s`,
        ),
      );
      const [aside, ...more] = await asideOf(limber, primary);
      assert.deepEqual(more, []);
      assert.match(aside ?? '', /only here/);
      const told = (await messagesOf(client, primary.id)).filter((text) =>
        /were set aside in .*data\.aside-/.test(text),
      );
      assert.equal(told.length, 1);
      assert.match(
        told[0]!,
        new RegExp(`^The files of ${primary.id} .*hold what ${replica.id}, the best copy left, lacks`),
      );
    });

  it("feeds the primary, where automatic failover is disabled: the primary's files are set aside first", async () => {
    await createGroup(limber, 'fed', { ...pair, AutomaticFailoverEnabled: false, Durability: 'async' });
    const { primary, replica } = await cutOff(limber, 'fed');
    await eventually(async (see) => see(await fileText(primary)).includes('only here'));
    kill(primary);
    await eventually(async (see) => {
      const own = see(await nodesOf(limber, 'fed')).find(({ id }) => id === primary.id)!;
      return own.pid !== primary.pid && (await engineAt(own)).role === 'primary';
    });
    kill(replica); // it has the wrong password still
    const nodes = await wholeWithout(limber, 'fed', [primary, replica]);
    assert.equal(primaryOf(nodes).id, primary.id);
    assert.equal(await askOnce(primaryOf(nodes), 'GET', 'before'), 'in both');
    assert.equal(await askOnce(primaryOf(nodes), 'GET', 'last'), null);
    assert.equal((await laggingMessages('fed')).length, 1);
    assert.match((await asideOf(limber, primary))[0] ?? '', /only here/);
  });

  it('leads, and only that is told, where nothing is kept on disk', async () => {
    await createGroup(limber, 'keeps-nothing', pair);
    const { primary, replica } = await cutOff(limber, 'keeps-nothing');
    kill(primary);
    assert.equal(primaryOf(await wholeWithout(limber, 'keeps-nothing', [primary])).id, replica.id);
    assert.equal((await laggingMessages('keeps-nothing')).length, 1);
    assert.deepEqual(await asideOf(limber, primary), []);
  });

  it("keeps the primary's files also when Limber dies in the moment of the promotion", async (t) => {
    const own = await startLimber(t, { settings });
    await createGroup(own, 'twice', { ...pair, Durability: 'async' });
    await wholeAgain(own, 'twice');
    await own.restart({ settings, env: { LIMBER_FAULT_POINT: 'failover:promoted' } });
    const { primary, replica } = await cutOff(own, 'twice');
    await eventually(async (see) => see(await fileText(primary, own)).includes('only here'));
    kill(primary);
    await own.ended;
    await own.restart({ settings });
    assert.equal(primaryOf(await wholeWithout(own, 'twice', [primary])).id, replica.id);
    assert.match((await asideOf(own, primary))[0] ?? own.logs(), /only here/);
  });
});

describe('a replica that is promoted and was in step', () => {
  it('leads without a word: nothing is set aside', async () => {
    await createGroup(limber, 'in-step', { ...pair, Durability: 'async' });
    const nodes = await wholeAgain(limber, 'in-step');
    const primary = primaryOf(nodes);
    for (let count = 0; count < 100; count += 1) await askOnce(primary, 'SET', `k${count}`, 'v');
    kill(primary);
    await wholeWithout(limber, 'in-step', [primary]);
    assert.deepEqual(await laggingMessages('in-step'), []);
    assert.deepEqual(await asideOf(limber, primary), []);
  });
});

async function fileText(node: Node, owner = limber): Promise<string> {
  const directory = join(directoryOf(owner, node), 'data', 'appendonlydir');
  const names = (await readdir(directory)).filter((name) => name.endsWith('.aof'));
  return (await Promise.all(names.map((name) => readFile(join(directory, name), 'latin1')))).join('');
}
