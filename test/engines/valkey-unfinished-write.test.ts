/** The end of an append-only file after a crash: what the engine cuts off is what we find before. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { findUnfinishedWrite } from '../../src/engines/valkey/unfinished-write.ts';
import { localFiles } from '../../src/platform/local-files.ts';
import { engines, eventually, withBench } from './valkey-support.ts';

const directory = mkdtempSync(join(tmpdir(), 'limber-unfinished-'));
after(() => rmSync(directory, { recursive: true }));

const command = (...words: string[]) =>
  `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`;
const head = command('SELECT', '0') + command('SET', 'a', '1');

/** Where the file is to be cut; null: nowhere. */
const ends: readonly (readonly [what: string, text: string, cutAt: number | null])[] = [
  ['a whole command', head + command('SET', 'b', '2'), null],
  ['a value that is cut off', head + command('SET', 'b', 'x'.repeat(50)).slice(0, -20), head.length],
  ['a value without its line end', head + command('SET', 'b', '2').slice(0, -1), head.length],
  ['the number of words', `${head}*3\r`, head.length],
  ['a command that is cut off between two words', `${head}*3\r\n$3\r\nSET\r\n`, head.length],
  ['a transaction without its end', head + command('MULTI') + command('SET', 'b', '2'), head.length],
  ['a whole transaction', head + command('MULTI') + command('SET', 'b', '2') + command('EXEC'), null],
  ['a time stamp', `${head}#TS:1700000000\r\n`, null],
  [
    'a value that looks like a file of its own',
    head + command('SET', 'b', head.repeat(3)).slice(0, -5),
    head.length,
  ],
];

/** Of any size: `check` is asked when the end alone does not tell. */
async function find(text: string, check = async (): Promise<number | null> => null) {
  const file = join(directory, 'file');
  writeFileSync(file, text);
  return findUnfinishedWrite(localFiles, file, check);
}

describe('an append-only file', () => {
  for (const [what, text, cutAt] of ends)
    it(`that ends with ${what} ${cutAt === null ? 'is whole' : `is cut at ${cutAt}`}`, async () => {
      const found = await find(text);
      assert.equal(found?.offset ?? null, cutAt);
      if (found) assert.equal(found.bytes, text.length - found.offset);
    });

  it('that is damaged rather than unfinished is none of this', async () => {
    assert.equal(await find(`${head}\0\0\0\0`), null);
    assert.equal(await find(head.replace('$6', '$7')), null);
  });

  it('of some size is looked at from its end, without the checker, in about a millisecond', async (t) => {
    const large = command('SET', 'key', 'v'.repeat(100)).repeat(200_000); // 26 MB
    const never = () => assert.fail('the checker was asked');
    const began = performance.now();
    await find(large, never);
    const wroteMs = performance.now() - began;
    const again = performance.now();
    assert.equal(await findUnfinishedWrite(localFiles, join(directory, 'file'), never), null);
    const tookMs = performance.now() - again;
    t.diagnostic(`${tookMs.toFixed(2)} ms (${wroteMs.toFixed(0)} with writing it)`);
    assert.ok(tookMs < 100, `${tookMs} ms`);
  });

  it('of some size with an unfinished end is cut where the checker says, or the end does when it is silent', async () => {
    const large = command('SET', 'key', 'v'.repeat(100)).repeat(5_000);
    const text = large + command('SET', 'key', 'v'.repeat(100)).slice(0, -30);
    for (const check of [async () => large.length, async () => null])
      assert.equal((await find(text, check))?.offset, large.length);
  });

  it('whose last value is larger than what is looked at is left to the checker', async () => {
    const value = command('SET', 'large', 'v'.repeat(5_000_000));
    assert.equal(await find(head + value, async () => head.length + value.length), null);
    assert.equal((await find(head + value.slice(0, -10), async () => head.length))?.offset, head.length);
  });
});

for (const engine of engines)
  describe(`an append-only file of ${engine.name}`, () => {
    it('is cut by the engine exactly there', () =>
      withBench(engine, async (bench) => {
        await Promise.all(
          ends.map(async ([what, text, cutAt]) => {
            const node = mkdtempSync(join(directory, 'node-'));
            const folder = join(node, 'data', 'appendonlydir');
            mkdirSync(folder, { recursive: true });
            const file = join(folder, 'appendonly.aof.1.incr.aof');
            writeFileSync(file, text);
            writeFileSync(
              join(folder, 'appendonly.aof.manifest'),
              'file appendonly.aof.1.incr.aof seq 1 type i\n',
            );
            const { connection } = await bench.start({ durability: 'sync' }, node);
            await eventually(async () =>
              /^loading:0/m.test(String(await connection.call('INFO', 'persistence'))),
            );
            assert.equal(statSync(file).size, cutAt ?? text.length, what);
          }),
        );
      }));
  });
