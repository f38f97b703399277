/** An engine that is only asked what it can do lives no longer than whoever asks. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createEngineStore } from '../../src/engine-store/engine-store.ts';
import { createFingerprints } from '../../src/fleet/fingerprints.ts';
import { listPids, readCommandLine } from '../../src/platform/proc.ts';
import { eventually } from '../support/eventually.ts';

const sources = fileURLToPath(new URL('../../src', import.meta.url));

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'fp-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

const processesIn = (path: string) =>
  listPids().filter((pid) => readCommandLine(pid)?.some((word) => word.includes(path)));

describe('what an engine can do', () => {
  it('is asked once, and nothing is left of that', async (t) => {
    const engine = (await createEngineStore().installed()).find((one) => one.engine !== 'memcached');
    if (!engine) return t.skip('no Valkey or Redis is installed');
    const path = await folder(t);
    const first = await createFingerprints(path)(engine);
    assert.ok(first.directives.includes('maxmemory'));
    assert.deepEqual(await createFingerprints(path)(engine), first);
  });

  it('leaves no process and no directory when whoever asks is killed meanwhile', async (t) => {
    const path = await folder(t);
    // Dies as soon as the engine's socket is there.
    const script = `
      import { readdirSync } from 'node:fs';
      import { createEngineStore } from '${sources}/engine-store/engine-store.ts';
      import { createFingerprints } from '${sources}/fleet/fingerprints.ts';
      const engine = (await createEngineStore().installed()).find((one) => one.engine !== 'memcached');
      setInterval(() => {
        const made = readdirSync(process.env.TMPDIR, { recursive: true });
        if (made.some((name) => name.endsWith('/s'))) process.kill(process.pid, 'SIGKILL');
      }, 1);
      createFingerprints('${path}/kept')(engine);`;
    const asking = spawn(process.execPath, ['--input-type=module', '-e', script], {
      env: { ...process.env, TMPDIR: path },
      stdio: 'ignore',
    });
    const [code, signal] = await once(asking, 'exit');
    assert.deepEqual([code, signal], [null, 'SIGKILL']);
    await eventually(async (see) => see(processesIn(path)).length === 0);
    await eventually(async (see) => see(await readdir(path)).every((name) => !name.startsWith('limber-')));
  });
});
