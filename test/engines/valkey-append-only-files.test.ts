/** The folder of an append-only file that was damaged: what engines do with it, and what we see before they are started. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { createEngineStore } from '../../src/engine-store/engine-store.ts';
import { manifestOf, planRebuild, readAppendOnlyFolder } from '../../src/engines/valkey/append-only-files.ts';
import { findDamage } from '../../src/engines/valkey/data-files.ts';
import { readInfo } from '../../src/engines/valkey/info.ts';
import { localFiles } from '../../src/platform/local-files.ts';
import { type Bench, engines, eventually, type TestNode, withBench } from './valkey-support.ts';

const scratch = mkdtempSync(join(tmpdir(), 'limber-append-only-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

const folderOf = (data: string) => join(data, 'appendonlydir');
function fileOf(data: string, kind: 'base' | 'incr'): string {
  const name = readdirSync(folderOf(data)).find((one) => one.includes(`.${kind}.`));
  assert.ok(name);
  return join(folderOf(data), name);
}

function replaceByFolder(path: string): void {
  rmSync(path);
  mkdirSync(path);
}

/** Of the data folder of an engine that had 100 keys in its base file and 100 in its increment. */
const damages: readonly (readonly [what: string, strike: (data: string) => void, problem: RegExp])[] = [
  ['a manifest cut to 10 bytes', (data) => truncateSync(manifestOf(data), 10), /its end is missing/],
  ['an empty manifest', (data) => truncateSync(manifestOf(data), 0), /manifest: it is empty/],
  [
    'a manifest without its last line end',
    (data) => truncateSync(manifestOf(data), statSync(manifestOf(data)).size - 1),
    /its end is missing/,
  ],
  [
    'a manifest of other words',
    (data) => writeFileSync(manifestOf(data), 'all is well\n'),
    /a line cannot be read: "all is well"/,
  ],
  ['a manifest of zeros', (data) => writeFileSync(manifestOf(data), Buffer.alloc(90)), /its end is missing/],
  [
    'a manifest with two bases',
    (data) =>
      writeFileSync(manifestOf(data), readFileSync(manifestOf(data), 'utf8').replace('type i', 'type b')),
    /two base files/,
  ],
  ['no manifest', (data) => rmSync(manifestOf(data)), /manifest is missing/],
  ['a manifest that is a folder', (data) => replaceByFolder(manifestOf(data)), /manifest: it is a folder/],
  ['no base file', (data) => rmSync(fileOf(data, 'base')), /base\.rdb: it is missing/],
  ['an empty base file', (data) => truncateSync(fileOf(data, 'base'), 0), /base\.rdb: it is empty/],
  [
    'a base file that is a folder',
    (data) => replaceByFolder(fileOf(data, 'base')),
    /base\.rdb: it is a folder/,
  ],
  ['no increment', (data) => rmSync(fileOf(data, 'incr')), /incr\.aof: it is missing/],
  [
    'an increment that is a folder',
    (data) => replaceByFolder(fileOf(data, 'incr')),
    /incr\.aof: it is a folder/,
  ],
  [
    'a file in place of the folder',
    (data) => {
      rmSync(folderOf(data), { recursive: true });
      writeFileSync(folderOf(data), '');
    },
    /appendonlydir: it is not a folder/,
  ],
];

/** How many keys what is left of the files can give; the rest starts empty. */
const rebuilt: Readonly<Record<string, number>> = {
  'a manifest cut to 10 bytes': 200,
  'an empty manifest': 200,
  'a manifest without its last line end': 200,
  'a manifest of other words': 200,
  'a manifest of zeros': 200,
  'a manifest with two bases': 200,
  'no manifest': 200,
  'a manifest that is a folder': 200,
  'no increment': 100,
  'an increment that is a folder': 100,
};

async function written(bench: Bench): Promise<string> {
  const node = await bench.start({ durability: 'sync' });
  const client = await node.client();
  const write = async (prefix: string) => {
    for (let key = 0; key < 100; key += 1) await client.call('SET', `${prefix}${key}`, 'v'.repeat(50));
  };
  await write('base');
  await node.connection.call('BGREWRITEAOF');
  await eventually(async () => {
    const { fields } = await readInfo(node.connection);
    return (
      fields.get('aof_rewrite_in_progress') === '0' &&
      fileOf(join(node.directory, 'data'), 'base').includes('.2.')
    );
  });
  await write('more');
  await end(node);
  return node.directory;
}

async function end(node: TestNode): Promise<void> {
  node.process.kill('SIGKILL');
  await eventually(() => node.process.signalCode !== null || node.process.exitCode !== null);
}

/** Null when the engine ended by itself. */
async function keysAfterStart(bench: Bench, directory: string): Promise<number | null> {
  const node = await bench.start({ durability: 'sync' }, directory).catch(() => null);
  if (!node) return null;
  try {
    return await eventually(async () => {
      const info = await readInfo(node.connection);
      return info.isLoading ? null : { keys: info.keys };
    }).then(({ keys }) => keys);
  } catch {
    return null;
  } finally {
    await end(node);
  }
}

for (const engine of engines)
  describe(`a damaged folder of ${engine.name}`, () => {
    it('is seen before the engine ends at it, or starts without all of the data', () =>
      withBench(engine, async (bench) => {
        const whole = await written(bench);
        assert.equal((await readAppendOnlyFolder(localFiles, join(whole, 'data'))).kind, 'whole');
        for (const [what, strike, problem] of damages) {
          const directory = mkdtempSync(join(scratch, 'node-'));
          cpSync(whole, directory, { recursive: true });
          const data = join(directory, 'data');
          strike(data);
          const seen = await readAppendOnlyFolder(localFiles, data);
          assert.equal(seen.kind, 'unreadable', what);
          assert.match(seen.kind === 'unreadable' ? seen.problem : '', problem, what);
          const plan = await planRebuild(localFiles, data);
          assert.equal(plan === null, rebuilt[what] === undefined, `${what}: ${plan?.manifest}`);
          assert.notEqual(await keysAfterStart(bench, directory), 200, `${what}: the engine has it all`);
        }
      }));

    it('gives what can be read of it when its manifest is written anew', () =>
      withBench(engine, async (bench) => {
        const whole = await written(bench);
        for (const [what, strike] of damages.filter(([name]) => rebuilt[name] !== undefined)) {
          const directory = mkdtempSync(join(scratch, 'node-'));
          cpSync(whole, directory, { recursive: true });
          const data = join(directory, 'data');
          strike(data);
          const plan = await planRebuild(localFiles, data);
          assert.ok(plan);
          for (const name of plan.unused) renameSync(join(folderOf(data), name), join(directory, name));
          writeFileSync(manifestOf(data), plan.manifest);
          assert.equal((await readAppendOnlyFolder(localFiles, data)).kind, 'whole', what);
          assert.equal(await keysAfterStart(bench, directory), rebuilt[what], what);
        }
      }));
  });

/** A folder by hand: names in the order in which the files were made. */
function handmade(names: readonly string[], manifest: string | null): string {
  const data = mkdtempSync(join(scratch, 'hand-'));
  mkdirSync(folderOf(data));
  for (const name of names) {
    writeFileSync(join(folderOf(data), name), 'x');
    // Files that are made within one tick of the kernel's clock have one time of birth.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 15);
  }
  if (manifest !== null) writeFileSync(manifestOf(data), manifest);
  return data;
}
const of = (sequence: number, kind: 'base' | 'incr') =>
  `appendonly.aof.${sequence}.${kind === 'base' ? 'base.rdb' : 'incr.aof'}`;
const line = (sequence: number, kind: 'base' | 'incr') =>
  `file ${of(sequence, kind)} seq ${sequence} type ${kind[0]}\n`;

describe('a manifest that is written anew', () => {
  it('names the newest base and what goes on from it, not what is in the base already', async () => {
    // A rewrite is over, and what it took the place of is not deleted yet: the increment was opened before the base.
    const data = handmade([of(1, 'base'), of(1, 'incr'), of(2, 'incr'), of(2, 'base')], null);
    const plan = await planRebuild(localFiles, data);
    assert.equal(plan?.manifest, line(2, 'base') + line(2, 'incr'));
    assert.deepEqual(plan?.unused.toSorted(), [of(1, 'base'), of(1, 'incr')]);
  });

  it('names every increment since the base while a rewrite is under way', async () => {
    const data = handmade([of(2, 'incr'), of(2, 'base'), of(3, 'incr'), 'temp-rewriteaof-7.aof'], 'cut');
    const plan = await planRebuild(localFiles, data);
    assert.equal(plan?.manifest, line(2, 'base') + line(2, 'incr') + line(3, 'incr'));
  });

  it('ends before a gap, as the list had it', async () => {
    const list = line(1, 'base') + line(4, 'incr') + line(5, 'incr') + line(6, 'incr');
    const data = handmade([of(1, 'base'), of(4, 'incr'), of(6, 'incr')], list);
    const plan = await planRebuild(localFiles, data);
    assert.equal(plan?.manifest, line(1, 'base') + line(4, 'incr'));
    assert.ok(plan?.unused.includes(of(6, 'incr')), 'the engine would write over it');
    // The first that goes on from the base is what is missing.
    const later = handmade([of(1, 'base'), of(5, 'incr')], list);
    assert.equal((await planRebuild(localFiles, later))?.manifest, line(1, 'base'));
  });

  it('is none without a base', async () => {
    assert.equal(await planRebuild(localFiles, handmade([of(1, 'incr')], null)), null);
    assert.equal(await planRebuild(localFiles, join(scratch, 'nowhere')), null);
  });
});

describe('a folder', () => {
  it('in which nothing was ever kept is missing', async () => {
    assert.deepEqual(await readAppendOnlyFolder(localFiles, join(scratch, 'nowhere')), { kind: 'missing' });
    assert.deepEqual(await readAppendOnlyFolder(localFiles, handmade([], null)), { kind: 'missing' });
  });

  it('that must not be read is left to people: its files may be well', (t) => {
    if (process.getuid?.() !== 0) return t.skip('to become somebody else needs root');
    const data = handmade([of(1, 'base'), of(1, 'incr')], line(1, 'base') + line(1, 'incr'));
    chmodSync(scratch, 0o755);
    chmodSync(data, 0o755);
    chmodSync(folderOf(data), 0o755);
    chmodSync(join(folderOf(data), of(1, 'base')), 0o600);
    chmodSync(manifestOf(data), 0o644);
    const module = new URL('../../src/engines/valkey/append-only-files.ts', import.meta.url);
    const files = new URL('../../src/platform/local-files.ts', import.meta.url);
    const script = `const { readAppendOnlyFolder } = await import(${JSON.stringify(module.href)});
      const { localFiles } = await import(${JSON.stringify(files.href)});
      process.setuid(65534);
      console.log(JSON.stringify(await readAppendOnlyFolder(localFiles, ${JSON.stringify(data)})));`;
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
    });
    assert.deepEqual(JSON.parse(stdout || stderr), {
      kind: 'unreadable',
      problem: `${of(1, 'base')}: it must not be read`,
      isForbidden: true,
    });
  });
});

describe('the content of an increment', async () => {
  const installed = (await createEngineStore().installed()).filter(({ engine }) => engine !== 'memcached');
  const command = (...words: string[]) =>
    `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;
  const head = command('SELECT', '0') + command('SET', 'a', '1');
  const cases: readonly (readonly [what: string, text: string, isDamaged: boolean])[] = [
    ['whole', head, false],
    ['cut in a value', head + command('SET', 'b', 'x'.repeat(50)).slice(0, -20), false],
    ['cut in a transaction', head + command('MULTI') + command('SET', 'b', '2'), false],
    ['damaged in the middle', head.replace('$6', '$7') + head, true],
    ['followed by zeros', `${head}\0\0\0\0`, true],
  ];
  for (const engine of installed)
    for (const folder of ['plain', 'truncated at EOF, unexpected end of file, ok_up_to=7, '])
      it(`of ${engine.engine} ${engine.version} is judged by what is in it, not by the folder's name (${folder})`, async () => {
        const data = mkdtempSync(join(scratch, folder));
        const programs = { checkAof: engine.program('check-aof'), checkRdb: engine.program('check-rdb') };
        for (const [what, text, isDamaged] of cases) {
          const path = join(data, of(1, 'incr'));
          writeFileSync(path, text);
          const damage = await findDamage(
            localFiles,
            [{ name: of(1, 'incr'), path, isBase: false }],
            programs,
          );
          assert.equal(damage !== null, isDamaged, `${what}: ${damage?.problem}`);
        }
      });
});
