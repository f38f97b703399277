/** What is on disk: with Durability=sync every acknowledged write survives, and damaged files are set aside. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { open, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import type { ElastiCacheClient } from '@aws-sdk/client-elasticache';
import { askOnce, connectResp } from '../../bench/lib/resp-client.ts';
import { endpointRoute } from '../../bench/lib/routes.ts';
import { startWriteChecker, type WriteChecker } from '../../bench/lib/write-checker.ts';
import { createGroup } from '../support/caches.ts';
import { eventually } from '../support/eventually.ts';
import { type Limber, startLimber } from '../support/limber.ts';
import { describeGroup, messagesOf } from './caches.ts';
import {
  asLimber,
  directoryOf,
  endpointOf,
  engineAt,
  isAlive,
  kill,
  type Node,
  pair,
  primaryOf,
  replicasOf,
  sentencesOf,
  wholeAgain,
  wholeWithout,
  writersOf,
} from './faults.ts';

let limber: Limber;
let client: ElastiCacheClient;
before(async () => {
  limber = await startLimber();
  client = limber.client();
});

describe('durability sync', () => {
  it('loses no acknowledged write when the primary is killed under load, five times', async (t) => {
    await createGroup(limber, 'sync', { ...pair, Durability: 'sync' });
    assert.equal((await describeGroup(client, 'sync')).EffectiveDurability, 'sync');
    const gaps: string[] = [];
    for (let round = 0; round < 5; round += 1) {
      const nodes = await wholeAgain(limber, 'sync');
      const writers = await writersOf(limber, 'sync', { prefix: `round-${round}` });
      writers.mark();
      kill(primaryOf(nodes));
      await wholeWithout(limber, 'sync', [primaryOf(nodes)]);
      await writers.progress(20, 10_000);
      gaps.push(writers.gap().longestMs.toFixed(0));
      await writers.stop();
      const { lost, wrong, acknowledged, examples } = await writers.verify();
      assert.deepEqual({ lost, wrong }, { lost: 0, wrong: 0 }, `of ${acknowledged}: ${examples}`);
    }
    t.diagnostic(`gaps ${gaps.join(', ')} ms`);
  });

  it('waits while the disk is full, says so, loses nothing, and comes back when there is room', async (t) => {
    if (process.getuid?.() !== 0) return t.skip('mounting a small file system needs root');
    const own = await startLimber();
    const nodesDirectory = join(own.dataDirectory, 'nodes');
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', nodesDirectory], { stdio: 'pipe' });
    } catch (error) {
      await own.end();
      return t.skip(`a file system cannot be mounted: ${(error as Error).message}`);
    }
    let writers: WriteChecker | undefined;
    try {
      await createGroup(own, 'room', { CacheNodeType: 'cache.t4g.small', Durability: 'sync' });
      const [node] = await wholeAgain(own, 'room');
      writers = startWriteChecker({ route: endpointRoute(node!), connections: 2 });
      await writers.progress(50, 5_000);
      const ballast = join(nodesDirectory, 'ballast');
      await writeFile(ballast, Buffer.alloc(64 * 2 ** 20)).catch(() => {}); // as much as there is
      await eventually(async (see) =>
        /room-001 is started again in a moment: .* 0 MiB are free/.test(see(await sentencesOf(own, 'room'))),
      );
      await rm(ballast);
      await writers.progress(20, 20_000);
      await writers.stop();
      const { lost, wrong, examples } = await writers.verify();
      assert.deepEqual({ lost, wrong }, { lost: 0, wrong: 0 }, String(examples));
      await wholeAgain(own, 'room');
    } finally {
      await writers?.stop();
      await own.kill();
      execFileSync('umount', ['-l', nodesDirectory], { stdio: 'pipe' });
      await own.end();
    }
  });
});

/** 200 keys of 100 bytes, on the disk of the primary and in every replica. */
async function fill(id: string, nodes: readonly Node[]): Promise<void> {
  const endpoint = await endpointOf(limber, id);
  const writer = await connectResp(endpoint);
  await Promise.all(Array.from({ length: 200 }, (_, key) => writer.ask('SET', `k${key}`, 'v'.repeat(100))));
  writer.close();
  for (const replica of replicasOf(nodes))
    await eventually(async () => (await engineAt(replica)).keys === 200);
  // async: the file is written at the end of a turn of the engine's loop, and synced within a second.
  await askOnce(endpoint, 'PING');
}

/** The file of that kind that is read at the next start. */
async function fileOf(node: Node, kind: 'base' | 'incr'): Promise<string> {
  const folder = join(directoryOf(limber, node), 'data', 'appendonlydir');
  const name = (await readdir(folder))
    .filter((one) => one.includes(`.${kind}.`))
    .sort(byNumber)
    .at(-1);
  assert.ok(name, `${folder} has a ${kind} file`);
  return join(folder, name);
}

/** `appendonly.aof.10.incr.aof` behind `appendonly.aof.9.incr.aof`. */
const byNumber = (a: string, b: string): number => Number(a.split('.')[2]) - Number(b.split('.')[2]);

/** Puts everything into the base file. */
async function rewrite(node: Node): Promise<void> {
  const before_ = await fileOf(node, 'base').catch(() => '');
  const admin = await asLimber(limber, node.id.slice(0, -4), node);
  // One may be under way since the first sync.
  await eventually(async (see) => !(see(await admin.send('BGREWRITEAOF')) instanceof Error));
  admin.close();
  await eventually(async () => {
    const { fields } = await engineAt(node);
    return (await fileOf(node, 'base')) !== before_ && fields.get('aof_rewrite_in_progress') === '0';
  });
}

/** Overwrites 400 bytes in the middle: more than one command, so that it cannot be mistaken for a value. */
async function damage(path: string): Promise<void> {
  const file = await open(path, 'r+');
  // An increment is written a turn of the loop after the answer; a base file is compressed.
  const least = path.includes('.incr.') ? 20_000 : 2_000;
  const size = await eventually(async () => {
    const { size: written } = await file.stat();
    return written > least ? written : null;
  });
  await file.write(Buffer.alloc(400, 'X'), 0, 400, Math.floor(size / 2));
  await file.sync();
  await file.close();
}

async function setAside(node: Node): Promise<string> {
  const message = await eventually(async (see) =>
    see(await messagesOf(client, node.id)).find((one) => /were set aside in/.test(one)),
  );
  const path = /were set aside in (\S+?):/.exec(message)?.[1];
  assert.ok(path && (await stat(path)).isDirectory(), message);
  const files = await readdir(join(path, 'appendonlydir'));
  assert.ok(files.length >= 2, `the files are there still: ${files}`);
  return message;
}

describe('a file that is damaged in its middle', () => {
  for (const durability of ['sync', 'async'] as const) {
    for (const kind of ['incr', 'base'] as const) {
      it(`of a replica (${kind}, ${durability}) is set aside, and the replica filled anew`, async () => {
        const id = `rep-${kind}-${durability}`;
        await createGroup(limber, id, { ...pair, Durability: durability });
        const nodes = await wholeAgain(limber, id);
        await fill(id, nodes);
        const [replica] = replicasOf(nodes);
        if (kind === 'base') await rewrite(replica!);
        await damage(await fileOf(replica!, kind));
        kill(replica!);
        const after = await wholeWithout(limber, id, [replica!]);
        assert.equal(primaryOf(after).pid, primaryOf(nodes).pid);
        assert.equal((await engineAt(replicasOf(after)[0]!)).keys, 200);
        await setAside(replica!);
      });

      it(`of a node that is alone (${kind}, ${durability}) is set aside, what can be read is used, and that is said`, async () => {
        const id = `one-${kind}-${durability}`;
        await createGroup(limber, id, { CacheNodeType: 'cache.t4g.small', Durability: durability });
        const nodes = await wholeAgain(limber, id);
        await fill(id, nodes);
        const node = nodes[0]!;
        if (kind === 'base') await rewrite(node);
        await damage(await fileOf(node, kind));
        kill(node);
        const after = await wholeWithout(limber, id, [node]);
        const message = await setAside(node);
        const { keys } = await engineAt(after[0]!);
        if (kind === 'incr') {
          assert.ok(keys > 20 && keys < 200, `${keys} of 200 keys`);
          assert.match(message, /what can be read is used/);
        } else assert.equal(keys, 0);
      });
    }
  }

  it('is no reason to lead with less: the replica takes over from the damaged primary (async)', async () => {
    await createGroup(limber, 'takes-over', { ...pair, Durability: 'async' });
    const nodes = await wholeAgain(limber, 'takes-over');
    await fill('takes-over', nodes);
    await damage(await fileOf(primaryOf(nodes), 'incr'));
    kill(primaryOf(nodes));
    const after = await wholeWithout(limber, 'takes-over', [primaryOf(nodes)]);
    for (const node of after) assert.equal((await engineAt(node)).keys, 200);
  });

  it('is no reason to lead with less: a living replica holds more than can be read (sync)', async () => {
    await createGroup(limber, 'holds-more', { ...pair, Durability: 'sync' });
    const nodes = await wholeAgain(limber, 'holds-more');
    await fill('holds-more', nodes);
    await damage(await fileOf(primaryOf(nodes), 'incr'));
    kill(primaryOf(nodes));
    const after = await wholeWithout(limber, 'holds-more', [primaryOf(nodes)]);
    for (const node of after) assert.equal((await engineAt(node)).keys, 200);
  });
});

describe('a file whose end is cut off', () => {
  it('is loaded up to there, and nothing is set aside', async () => {
    await createGroup(limber, 'tail', { CacheNodeType: 'cache.t4g.small', Durability: 'async' });
    const [node] = await wholeAgain(limber, 'tail');
    await fill('tail', [node!]);
    const path = await fileOf(node!, 'incr');
    process.kill(node!.pid, 'SIGSTOP'); // or it writes on behind the cut
    await truncate(path, (await stat(path)).size - 20);
    kill(node!);
    const after = await wholeWithout(limber, 'tail', [node!]);
    const { keys } = await engineAt(after[0]!);
    assert.ok(keys >= 198 && keys < 200, `${keys} keys`);
    assert.ok(!(await messagesOf(client, 'tail-001')).some((one) => /set aside/.test(one)));
  });
});

describe('a replica that keeps dying', () => {
  it('is started later each time, and is back at last', async (t) => {
    await createGroup(limber, 'dying', pair);
    const nodes = await wholeAgain(limber, 'dying');
    let victim = replicasOf(nodes)[0]!;
    const pauses: number[] = [];
    for (let round = 0; round < 6; round += 1) {
      const diedAt = performance.now();
      kill(victim);
      victim = await eventually(
        async () => {
          const next = (await limber.status()).caches
            .find((cache) => cache.id === 'dying')
            ?.members.find((member) => member.id === victim.id);
          if (!next?.pid || next.pid === victim.pid || !isAlive({ pid: next.pid })) return null;
          return { ...next, pid: next.pid };
        },
        { deadlineMs: 15_000 },
      );
      pauses.push(Math.round(performance.now() - diedAt));
    }
    t.diagnostic(`back after ${pauses.join(', ')} ms`);
    const after = await wholeAgain(limber, 'dying');
    assert.equal(primaryOf(after).pid, primaryOf(nodes).pid);
    assert.ok(pauses.at(-1)! > pauses[0]! && pauses.at(-1)! < 10_000, pauses.join(', '));
  });
});
