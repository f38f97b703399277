import assert from 'node:assert/strict';
import { chmod, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { systemIds } from '../../src/platform/ids.ts';
import {
  loadOrCreateRootCredentials,
  readRootCredentials,
  rootCredentialsPath,
} from '../../src/security/root-credentials.ts';

async function directoryFor(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'limber-credentials-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

describe('root credentials', () => {
  it('are made once, shaped as those of AWS, for their owner only', async (t) => {
    const directory = join(await directoryFor(t), 'not', 'yet', 'there');
    const made = await loadOrCreateRootCredentials(directory, systemIds);
    assert.match(made.accessKeyId, /^LKIA[A-Z2-7]{16}$/);
    assert.match(made.secretAccessKey, /^[A-Za-z0-9]{40}$/);
    assert.match(made.account, /^\d{12}$/);
    assert.equal((await stat(rootCredentialsPath(directory))).mode & 0o777, 0o600);
    assert.deepEqual(await loadOrCreateRootCredentials(directory, systemIds), made);
    assert.deepEqual(await readRootCredentials(directory), made);
    assert.deepEqual(await readdir(directory), ['credentials.json']);
  });

  it('are the same for all who start at once', async (t) => {
    const directory = await directoryFor(t);
    const all = await Promise.all(
      Array.from({ length: 20 }, () => loadOrCreateRootCredentials(directory, systemIds)),
    );
    assert.equal(new Set(all.map(({ secretAccessKey }) => secretAccessKey)).size, 1);
    assert.deepEqual(await readdir(directory), ['credentials.json']);
  });

  it('are absent until then', async (t) => {
    assert.equal(await readRootCredentials(await directoryFor(t)), null);
  });

  it('are closed again to others when somebody opened them', async (t) => {
    const directory = await directoryFor(t);
    await loadOrCreateRootCredentials(directory, systemIds);
    await chmod(rootCredentialsPath(directory), 0o644);
    await loadOrCreateRootCredentials(directory, systemIds);
    assert.equal((await stat(rootCredentialsPath(directory))).mode & 0o777, 0o600);
  });

  for (const damaged of ['', '{"accessKeyId":', '[]', '{"accessKeyId":"LKIA","secretAccessKey":"s3cret"}']) {
    it(`that are damaged (${damaged || 'an empty file'}) are neither used nor replaced, and not quoted`, async (t) => {
      const directory = await directoryFor(t);
      await writeFile(rootCredentialsPath(directory), damaged);
      await assert.rejects(loadOrCreateRootCredentials(directory, systemIds), (error: Error) => {
        assert.match(error.message, /credentials\.json/);
        assert.match(error.message, /restore it/);
        return !error.message.includes('s3cret');
      });
    });
  }
});
