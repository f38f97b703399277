import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { DirectoryUnusable } from '../../src/runtime/contract.ts';
import { createOutputPipes, pipeName } from '../../src/runtime/process/output-pipes.ts';

async function scratch(t: TestContext): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'limber-pipes-'));
  t.after(() => rm(root, { recursive: true }));
  return root;
}

describe('the pipe for the output of a node', () => {
  it('is its own, also when many nodes want theirs at once', async (t) => {
    const root = await scratch(t);
    const pipes = createOutputPipes(root);
    const directories = Array.from({ length: 40 }, (_, number) => join(root, String(number)));
    await Promise.all(
      directories.map(async (directory) => {
        await mkdir(directory);
        await pipes.ensure(directory);
      }),
    );
    const found = await Promise.all(directories.map((directory) => stat(join(directory, pipeName))));
    assert.ok(found.every((one) => one.isFIFO()));
    assert.equal(new Set(found.map(({ ino }) => ino)).size, 40);
  });

  it('is refused to a node whose directory was removed meanwhile, and others get theirs', {
    timeout: 10_000,
  }, async (t) => {
    const root = await scratch(t);
    const pipes = createOutputPipes(root);
    await assert.rejects(pipes.ensure(join(root, 'gone')), DirectoryUnusable);
    await mkdir(join(root, 'here'));
    await pipes.ensure(join(root, 'here'));
    assert.ok((await stat(join(root, 'here', pipeName))).isFIFO());
  });
});
