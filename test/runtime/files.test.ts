import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { readJson, writeFileAtomic } from '../../src/platform/files.ts';
import { localFiles } from '../../src/platform/local-files.ts';
import { eventually } from '../support/eventually.ts';

describe('files that are whole or absent', () => {
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'limber-files-'));
  });
  after(() => rm(directory, { recursive: true }));

  it('are replaced as a whole, by default for the owner only, also by many writers at once', async () => {
    const path = join(directory, 'state.json');
    const contents = Array.from({ length: 10 }, (_, index) =>
      JSON.stringify({ index, text: 'x'.repeat(5_000) }),
    );
    await Promise.all(contents.map((content) => writeFileAtomic(path, content)));
    assert.ok(contents.includes(await readFile(path, 'utf8')));
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    await writeFileAtomic(path, '{}', { mode: 0o644, durable: false });
    assert.equal((await stat(path)).mode & 0o777, 0o644);
    assert.deepEqual(await readdir(directory), ['state.json']);
  });

  it('are watched over every replacement, also when they are missing for a while', async () => {
    const path = join(directory, 'nodes.conf');
    let changes = 0;
    await writeFileAtomic(path, '0');
    const stop = localFiles.watch(path, () => {
      changes += 1;
    });
    for (let round = 1; round <= 3; round += 1) {
      const before = changes;
      await writeFileAtomic(path, String(round));
      await eventually(() => changes > before);
    }
    await rm(path);
    const before = changes;
    await writeFileAtomic(path, 'back');
    await eventually(() => changes > before);
    stop();
    const after = changes;
    await writeFileAtomic(path, 'unseen');
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(changes, after);
    await rm(path);
  });

  it('leave nothing behind when they cannot be written', async () => {
    const path = join(directory, 'folder');
    await mkdir(path);
    await assert.rejects(writeFileAtomic(path, 'x'));
    assert.deepEqual(
      (await readdir(directory)).filter((name) => name.endsWith('.tmp')),
      [],
    );
  });

  it('are read as JSON, as null when there is none, and not quoted when they are broken', async () => {
    const path = join(directory, 'read.json');
    assert.equal(await readJson(path), null);
    await writeFileAtomic(path, '{"a":1}');
    assert.deepEqual(await readJson(path), { a: 1 });
    await writeFile(path, '{"secret": hunter2');
    await assert.rejects(readJson(path), (error: Error) => {
      assert.match(error.message, /read\.json is not valid JSON/);
      assert.doesNotMatch(error.message, /hunter2/);
      return true;
    });
  });
});
