/**
 * Files of a node that the engine cannot start from, or would lose data with, although nothing is wrong inside of them:
 * the living copy leads; without one, what can be read is used. What is in the middle of a file: durability.test.ts.
 */
import assert from 'node:assert/strict';
import { appendFile, mkdir, open, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import type { ElastiCacheClient } from '@aws-sdk/client-elasticache';
import { connectResp } from '../../bench/lib/resp-client.ts';
import { createGroup } from '../support/caches.ts';
import { eventually } from '../support/eventually.ts';
import { type Limber, startLimber } from '../support/limber.ts';
import { messagesOf } from './caches.ts';
import {
  directoryOf,
  endpointOf,
  engineAt,
  kill,
  type Node,
  nodesOf,
  pair,
  primaryOf,
  replicasOf,
  sentencesOf,
  wholeAgain,
  wholeWithout,
} from './faults.ts';
import { fileOf, fill, manifestOf as manifestIn, rewrite, setAside } from './kept-data.ts';

let limber: Limber;
let client: ElastiCacheClient;
before(async () => {
  limber = await startLimber();
  client = limber.client();
});

const manifestOf = (node: Node) => manifestIn(limber, node);

async function replaceByFolder(path: string): Promise<void> {
  await rm(path);
  await mkdir(path);
}

type Strike = readonly [what: string, id: string, strike: (node: Node) => Promise<void>, keysLeft: number];

const strikes: readonly Strike[] = [
  ['a manifest cut to 10 bytes', 'ten', (node) => truncate(manifestOf(node), 10), 200],
  ['an empty manifest', 'empty', (node) => truncate(manifestOf(node), 0), 200],
  ['a manifest of other words', 'words', (node) => writeFile(manifestOf(node), 'garbage\n'), 200],
  ['no manifest', 'none', (node) => rm(manifestOf(node)), 200],
  ['a manifest that is a folder', 'folder', (node) => replaceByFolder(manifestOf(node)), 200],
  ['an empty base file', 'base0', async (node) => truncate(await fileOf(limber, node, 'base'), 0), 0],
  ['no base file', 'nobase', async (node) => rm(await fileOf(limber, node, 'base')), 0],
  ['no increment', 'noincr', async (node) => rm(await fileOf(limber, node, 'incr')), 0],
];

async function groupOf(id: string, input: object): Promise<readonly Node[]> {
  await createGroup(limber, id, { CacheNodeType: 'cache.t4g.small', ...input });
  const nodes = await wholeAgain(limber, id);
  await fill(limber, id, nodes);
  return nodes;
}

/** Suspended first, or it would still write, and put some damage right. */
async function strikeAndKill(node: Node, strike: Strike[2]): Promise<void> {
  process.kill(node.pid, 'SIGSTOP');
  await strike(node);
  kill(node);
}

describe('a primary whose process ended, with', () => {
  for (const [what, id, strike] of strikes)
    it(`${what}: its replica leads with all data, and its files are set aside (sync)`, async () => {
      const nodes = await groupOf(`p-${id}`, { ...pair, Durability: 'sync' });
      const primary = primaryOf(nodes);
      await strikeAndKill(primary, strike);
      const after = await wholeWithout(limber, `p-${id}`, [primary]);
      assert.notEqual(primaryOf(after).id, primary.id);
      for (const node of after) assert.equal((await engineAt(node)).keys, 200, node.id);
      await setAside(client, primary);
    });

  it('a damaged manifest, and no automatic failover: it leads again with what its replica has', async () => {
    const nodes = await groupOf('no-failover', {
      NumCacheClusters: 2,
      AutomaticFailoverEnabled: false,
      Durability: 'async',
    });
    const primary = primaryOf(nodes);
    await strikeAndKill(primary, (node) => truncate(manifestOf(node), 10));
    const after = await wholeWithout(limber, 'no-failover', [primary]);
    assert.equal(primaryOf(after).id, primary.id);
    for (const node of after) assert.equal((await engineAt(node)).keys, 200, node.id);
    await setAside(client, primary);
  });

  it('a damaged manifest, in a cluster: its replica leads, and it comes back as the node that the others know', async () => {
    await createGroup(limber, 'in-cluster', {
      ...{ NumNodeGroups: 2, ReplicasPerNodeGroup: 1, AutomaticFailoverEnabled: true },
      ...{ ClusterMode: 'enabled', Durability: 'sync' },
      CacheNodeType: 'cache.t4g.small',
    });
    const nodes = await wholeAgain(limber, 'in-cluster');
    const primary = primaryOf(nodes);
    await fillShard(primary);
    const [replica] = replicasOf(nodes);
    await eventually(async () => (await engineAt(replica!)).keys === 200);
    const id = await ask(primary, 'CLUSTER', 'MYID');
    await strikeAndKill(primary, (node) => truncate(manifestOf(node), 10));
    const after = await wholeWithout(limber, 'in-cluster', [primary]);
    assert.notEqual(primaryOf(after).id, primary.id);
    const again = after.find((node) => node.id === primary.id)!;
    for (const node of [primaryOf(after), again]) assert.equal((await engineAt(node)).keys, 200, node.id);
    assert.equal(await ask(again, 'CLUSTER', 'MYID'), id);
    await setAside(client, primary);
  });
});

async function ask(node: Node, ...command: string[]): Promise<unknown> {
  const asked = await connectResp(node);
  try {
    return await asked.ask(...command);
  } finally {
    asked.close();
  }
}

/** 200 keys in one of its slots. */
async function fillShard(primary: Node): Promise<void> {
  const writer = await connectResp(primary);
  let tag = 0;
  while ((await writer.send('SET', `{${tag}}0`, 'v')) instanceof Error) tag += 1;
  await Promise.all(Array.from({ length: 200 }, (_, key) => writer.ask('SET', `{${tag}}${key}`, 'v')));
  writer.close();
}

describe('a replica whose process ended, with', () => {
  it('a damaged manifest: it is filled anew', async () => {
    const nodes = await groupOf('replica', { ...pair, Durability: 'async' });
    const [replica] = replicasOf(nodes);
    await strikeAndKill(replica!, (node) => replaceByFolder(manifestOf(node)));
    const after = await wholeWithout(limber, 'replica', [replica!]);
    assert.equal(primaryOf(after).pid, primaryOf(nodes).pid);
    assert.equal((await engineAt(replicasOf(after)[0]!)).keys, 200);
    await setAside(client, replica!);
  });
});

describe('a node that is alone and has ended, with', () => {
  for (const [what, id, strike, keysLeft] of strikes)
    it(`${what}: it comes back with ${keysLeft} of 200 keys, and an event says so`, async () => {
      const [node] = await groupOf(`a-${id}`, { Durability: 'sync' });
      await strikeAndKill(node!, strike);
      const after = await wholeWithout(limber, `a-${id}`, [node!]);
      assert.equal((await engineAt(after[0]!)).keys, keysLeft);
      const message = await setAside(client, node!);
      // The base file holds nothing in these: all that is left of it is what the increment says.
      const isPartial = id !== 'base0' && id !== 'nobase';
      assert.equal(/what can be read is used/.test(message), isPartial, message);
      const told = (await messagesOf(client, `a-${id}`)).some((one) => /was rebuilt empty/.test(one));
      assert.equal(told, !isPartial);
    });
});

/** What a checker takes for an append-only file, and the engine does not. */
const unknownCommand = '*1\r\n$9\r\nNOCOMMAND\r\n';

describe('files that look fine and end the engine at each start', () => {
  it('make way for a replica that holds the data (sync)', async () => {
    const nodes = await groupOf('ends-again', { ...pair, Durability: 'sync' });
    const primary = primaryOf(nodes);
    await strikeAndKill(primary, async (node) =>
      appendFile(await fileOf(limber, node, 'incr'), unknownCommand),
    );
    const after = await wholeWithout(limber, 'ends-again', [primary]);
    assert.notEqual(primaryOf(after).id, primary.id);
    for (const node of after) assert.equal((await engineAt(node)).keys, 200, node.id);
    assert.match(await setAside(client, primary), /it ended \d+ times before it served anybody/);
  });

  it('of a node that is alone stay where they are, and the engine’s words are shown', async () => {
    const [node] = await groupOf('ends-alone', { Durability: 'sync' });
    await strikeAndKill(node!, async (one) => appendFile(await fileOf(limber, one, 'incr'), unknownCommand));
    const said = await eventually(
      async (see) => {
        const sentence = see(await sentencesOf(limber, 'ends-alone'));
        return /started again in a moment: .+/.test(sentence) ? sentence : null;
      },
      { deadlineMs: 20_000 },
    );
    assert.match(said, /NOCOMMAND|ended|died/);
    const path = await fileOf(limber, node!, 'incr');
    assert.match(await readFile(path, 'latin1'), /NOCOMMAND/);
    // People put it right, and it goes on.
    await truncate(path, (await stat(path)).size - unknownCommand.length);
    const after = await wholeWithout(limber, 'ends-alone', [node!]);
    assert.equal((await engineAt(after[0]!)).keys, 200);
  });
});

describe('a large base file that is damaged near its end', () => {
  it('is no reason to give up the replica, which waits while the primary loads (sync)', async () => {
    const id = 'large';
    await createGroup(limber, id, { ...pair, Durability: 'sync' });
    const nodes = await wholeAgain(limber, id);
    const writer = await connectResp(await endpointOf(limber, id));
    const script = "for i=1,400000 do redis.call('SET','k'..i,string.rep('v',60)..i) end return 1";
    await writer.ask('EVAL', script, '0');
    writer.close();
    await eventually(async () => (await engineAt(replicasOf(nodes)[0]!, 5_000)).keys === 400_000, {
      deadlineMs: 20_000,
    });
    const primary = primaryOf(await wholeAgain(limber, id));
    await rewrite(limber, primary);
    await strikeAndKill(primary, async (node) => {
      const file = await open(await fileOf(limber, node, 'base'), 'r+');
      await file.write(Buffer.alloc(400, 'X'), 0, 400, (await file.stat()).size - 4_000);
      await file.close();
    });
    const after = await wholeWithout(limber, id, [primary], { deadlineMs: 40_000 });
    for (const node of after) assert.equal((await engineAt(node)).keys, 400_000, node.id);
    await setAside(client, primary);
  });
});

describe('a node that keeps nothing on disk', () => {
  it('starts beside what strangers left in its folder', async () => {
    await createGroup(limber, 'memory', { CacheNodeType: 'cache.t4g.small' });
    const [node] = await wholeAgain(limber, 'memory');
    const data = join(directoryOf(limber, node!), 'data');
    await mkdir(join(data, 'dump.rdb', 'within'), { recursive: true });
    await writeFile(join(data, 'temp-1.rdb'), 'garbage');
    kill(node!);
    await wholeWithout(limber, 'memory', [node!]);
    assert.equal((await nodesOf(limber, 'memory')).length, 1);
  });
});
