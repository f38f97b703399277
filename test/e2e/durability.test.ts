/** What is on disk: with Durability=sync every acknowledged write survives, and damaged files are set aside. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import type { ElastiCacheClient } from '@aws-sdk/client-elasticache';
import { endpointRoute } from '../../bench/lib/routes.ts';
import { startWriteChecker, type WriteChecker } from '../../bench/lib/write-checker.ts';
import { createGroup } from '../support/caches.ts';
import { eventually } from '../support/eventually.ts';
import { type Limber, startLimber } from '../support/limber.ts';
import { describeGroup, messagesOf } from './caches.ts';
import {
  engineAt,
  isAlive,
  kill,
  pair,
  primaryOf,
  replicasOf,
  sentencesOf,
  wholeAgain,
  wholeWithout,
  writersOf,
} from './faults.ts';
import { damage, fileOf, fill, rewrite, setAside } from './kept-data.ts';

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

describe('a file that is damaged in its middle', () => {
  for (const durability of ['sync', 'async'] as const) {
    for (const kind of ['incr', 'base'] as const) {
      it(`of a replica (${kind}, ${durability}) is set aside, and the replica filled anew`, async () => {
        const id = `rep-${kind}-${durability}`;
        await createGroup(limber, id, { ...pair, Durability: durability });
        const nodes = await wholeAgain(limber, id);
        await fill(limber, id, nodes);
        const [replica] = replicasOf(nodes);
        if (kind === 'base') await rewrite(limber, replica!);
        await damage(await fileOf(limber, replica!, kind));
        kill(replica!);
        const after = await wholeWithout(limber, id, [replica!]);
        assert.equal(primaryOf(after).pid, primaryOf(nodes).pid);
        assert.equal((await engineAt(replicasOf(after)[0]!)).keys, 200);
        await setAside(client, replica!);
      });

      it(`of a node that is alone (${kind}, ${durability}) is set aside, what can be read is used, and that is said`, async () => {
        const id = `one-${kind}-${durability}`;
        await createGroup(limber, id, { CacheNodeType: 'cache.t4g.small', Durability: durability });
        const nodes = await wholeAgain(limber, id);
        await fill(limber, id, nodes);
        const node = nodes[0]!;
        if (kind === 'base') await rewrite(limber, node);
        await damage(await fileOf(limber, node, kind));
        kill(node);
        const after = await wholeWithout(limber, id, [node]);
        const message = await setAside(client, node);
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
    await fill(limber, 'takes-over', nodes);
    await damage(await fileOf(limber, primaryOf(nodes), 'incr'));
    kill(primaryOf(nodes));
    const after = await wholeWithout(limber, 'takes-over', [primaryOf(nodes)]);
    for (const node of after) assert.equal((await engineAt(node)).keys, 200);
  });

  it('is no reason to lead with less: a living replica holds more than can be read (sync)', async () => {
    await createGroup(limber, 'holds-more', { ...pair, Durability: 'sync' });
    const nodes = await wholeAgain(limber, 'holds-more');
    await fill(limber, 'holds-more', nodes);
    await damage(await fileOf(limber, primaryOf(nodes), 'incr'));
    kill(primaryOf(nodes));
    const after = await wholeWithout(limber, 'holds-more', [primaryOf(nodes)]);
    for (const node of after) assert.equal((await engineAt(node)).keys, 200);
  });
});

describe('a file whose end is cut off', () => {
  it('is loaded up to there, and nothing is set aside', async () => {
    await createGroup(limber, 'tail', { CacheNodeType: 'cache.t4g.small', Durability: 'async' });
    const [node] = await wholeAgain(limber, 'tail');
    await fill(limber, 'tail', [node!]);
    const path = await fileOf(limber, node!, 'incr');
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
