/** A crash in the middle of a write to the append-only file: the engine cuts it off, and Limber keeps it and says so. */
import assert from 'node:assert/strict';
import { appendFile, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { askOnce } from '../../bench/lib/resp-client.ts';
import { createGroup } from '../support/caches.ts';
import { startLimber } from '../support/limber.ts';
import { messagesOf } from './caches.ts';
import { directoryOf, engineAt, kill, nodesOf, wholeWithout } from './faults.ts';

const unfinished = '*3\r\n$3\r\nSET\r\n$4\r\nlast\r\n$100\r\nhalf of wh';

describe('a node that died in the middle of a write', { concurrency: 2 }, () => {
  it('starts with all that was acknowledged, and the rest is kept aside', async (t) => {
    const limber = await startLimber(t);
    await createGroup(limber, 'orders', { Durability: 'sync', NumCacheClusters: 1 });
    const [node] = await nodesOf(limber, 'orders');
    for (let key = 0; key < 20; key += 1) await askOnce(node!, 'SET', `k${key}`, 'v');
    const directory = directoryOf(limber, node!);
    const folder = join(directory, 'data', 'appendonlydir');
    const name = (await readdir(folder)).find((one) => one.endsWith('.incr.aof'))!;
    await limber.kill();
    kill(node!);
    const { size } = await stat(join(folder, name));
    await appendFile(join(folder, name), unfinished);
    await limber.restart();
    await wholeWithout(limber, 'orders', [node!]);
    assert.equal((await engineAt(node!)).keys, 20);
    assert.equal((await stat(join(folder, name))).size, size, 'the engine has cut it off');
    const kept = `${name}.aside-${size}-${size + unfinished.length}`;
    assert.equal(await readFile(join(directory, kept), 'latin1'), unfinished);
    const told = await messagesOf(limber.client(), node!.id);
    const text = told.find((message) => /unfinished write/.test(message)) ?? told.join('\n');
    assert.match(text, new RegExp(`cuts off ${unfinished.length} bytes; they were kept in .*${kept}`));
  });

  it('says nothing of a file that is whole', async (t) => {
    const limber = await startLimber(t);
    await createGroup(limber, 'orders', { Durability: 'async', NumCacheClusters: 1 });
    const [node] = await nodesOf(limber, 'orders');
    await askOnce(node!, 'SET', 'key', 'v');
    const began = performance.now();
    kill(node!);
    await wholeWithout(limber, 'orders', [node!]);
    t.diagnostic(`back after ${(performance.now() - began).toFixed(0)} ms`);
    assert.doesNotMatch((await messagesOf(limber.client(), node!.id)).join('\n'), /unfinished/);
  });
});
