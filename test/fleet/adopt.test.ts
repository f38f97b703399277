/** Re-adoption over a real store and real processes: what is known is found again, what is not is left alone. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { describe, it, type TestContext } from 'node:test';
import type { CacheNode, NodeHandle } from '../../src/model/node.ts';
import { adoptNodes } from '../../src/reconcilers/adopt.ts';
import { newIncarnation, openBench, program, readyAtOnce } from '../runtime/support.ts';
import { cacheNode } from '../store/rows.ts';
import { openStore, temporaryDirectory } from '../store/stores.ts';

async function openFleet(t: TestContext) {
  const [bench, store] = [await openBench(), await openStore(t, temporaryDirectory(t))];
  t.after(() => bench.end());
  const { runtime } = bench;
  const fleet = { store, runtime, host: 'here' };
  const start = async (incarnation = newIncarnation()) => {
    await runtime.prepare(incarnation);
    return { incarnation, handle: await runtime.start(program(incarnation), readyAtOnce) };
  };
  const record = (changes: Partial<CacheNode>) => store.commit([{ put: 'node', row: cacheNode(changes) }]);
  const isAlive = (handle: NodeHandle) => runtime.inspect(handle).kind === 'running';
  return { ...bench, fleet, store, runtime, start, record, isAlive };
}

describe('a Limber that comes back', () => {
  it('finds a recorded process again and changes nothing', async (t) => {
    const { fleet, store, start, record, isAlive } = await openFleet(t);
    const { incarnation, handle } = await start();
    await record({ incarnation, handle });
    const { adopted, keys, findings } = await adoptNodes(fleet);
    assert.deepEqual([adopted, findings], [1, []]);
    assert.deepEqual(keys, [
      { cacheKind: 'replication-group', cacheIncarnation: 'cache-1', nodeGroupId: '0001' },
    ]);
    const node = await store.node(incarnation);
    assert.deepEqual([node?.handle, node?.synced, node?.version], [handle, true, 1]);
    assert.ok(isAlive(handle));
  });

  it('records a process that was spawned and never recorded; what its node held is not confirmed of it', async (t) => {
    const { fleet, store, start, record } = await openFleet(t);
    const { incarnation, handle } = await start();
    await record({ incarnation, handle: null });
    assert.equal((await adoptNodes(fleet)).adopted, 1);
    const node = await store.node(incarnation);
    assert.deepEqual([node?.handle, node?.synced], [handle, false]);
  });

  it('records the new process in place of one that is gone', async (t) => {
    const { fleet, store, start, record } = await openFleet(t);
    const { incarnation, handle } = await start();
    await record({ incarnation, handle: { ...handle, startTime: handle.startTime - 1 } });
    await adoptNodes(fleet);
    assert.deepEqual((await store.node(incarnation))?.handle, handle);
  });

  it('lets a node serve again that was being started when all caches were stopped, and whose process nobody recorded', async (t) => {
    const { fleet, store, start, record } = await openFleet(t);
    const { incarnation, handle } = await start();
    await record({ incarnation, handle: null, intent: 'stopped' });
    await adoptNodes(fleet);
    const node = await store.node(incarnation);
    assert.deepEqual([node?.handle, node?.intent], [handle, 'running']);
  });

  it('takes a process of an earlier boot, or another one with the same number, for dead', async (t) => {
    const { fleet, record } = await openFleet(t);
    await record({ handle: { bootId: 'earlier', pid: process.pid, startTime: 1 } });
    assert.deepEqual((await adoptNodes(fleet)).adopted, 0);
  });

  it('reports a process and a directory that no record names, and leaves both alone', async (t) => {
    const { fleet, start, runtime, isAlive } = await openFleet(t);
    const { incarnation, handle } = await start();
    const { adopted, keys, findings } = await adoptNodes(fleet);
    assert.deepEqual([adopted, keys], [0, []]);
    assert.equal(findings.length, 2);
    assert.match(
      findings[0]!,
      new RegExp(`process ${handle.pid} runs for node ${incarnation}, which no record names`),
    );
    assert.match(
      findings[1]!,
      new RegExp(`directory .*${incarnation} belongs to no recorded node; it was left alone`),
    );
    assert.ok(isAlive(handle));
    assert.deepEqual(await runtime.findDirectories(), [incarnation]);
  });

  it('does not adopt what a tombstone names, and does not end it either: its deletion does', async (t) => {
    const { fleet, store, start, record, isAlive } = await openFleet(t);
    const { incarnation, handle } = await start();
    await record({ incarnation, handle: null, intent: 'deleted' });
    assert.deepEqual((await adoptNodes(fleet)).findings, []);
    assert.equal((await store.node(incarnation))?.handle, null);
    assert.ok(isAlive(handle));
  });

  it('lets a node serve again that was stopped together with Limber, but none that could not be made', async (t) => {
    const { fleet, store, record } = await openFleet(t);
    const [stopped, failed] = [newIncarnation(), newIncarnation()];
    await record({ incarnation: stopped, handle: null, intent: 'stopped' });
    await record({ incarnation: failed, handle: null, intent: 'stopped', status: 'create-failed' });
    await adoptNodes(fleet);
    assert.equal((await store.node(stopped))?.intent, 'running');
    assert.equal((await store.node(failed))?.intent, 'stopped');
  });

  it('reports two processes of one node, and keeps to the recorded one', async (t) => {
    const { fleet, store, start, record, runtime, isAlive } = await openFleet(t);
    const { incarnation, handle } = await start();
    await record({ incarnation, handle });
    // As a runtime would never do: a second one with the same marks.
    const environment = await readFile(`/proc/${handle.pid}/environ`, 'utf8');
    const env = Object.fromEntries(
      environment
        .split('\0')
        .filter(Boolean)
        .map((line) => line.split(/=(.*)/s).slice(0, 2)),
    );
    const second = spawn('/bin/sleep', ['600'], {
      env,
      detached: true,
      stdio: 'ignore',
      cwd: runtime.directoryOf(incarnation),
    });
    t.after(() => second.kill('SIGKILL'));
    const found = await runtime.findProcesses();
    if (found.get(incarnation)?.length !== 2)
      return t.skip('the runtime knows its processes by more than their marks');
    const { findings } = await adoptNodes(fleet);
    assert.match(findings[0]!, new RegExp(`has 2 processes: .*${second.pid}.*end all but the right one`));
    assert.deepEqual((await store.node(incarnation))?.handle, handle);
    assert.ok(isAlive(handle));
  });

  it('finds Memcached nodes, and the nodes of other hosts are none of its own', async (t) => {
    const { fleet, record } = await openFleet(t);
    await record({ engine: 'memcached', replicationGroupId: null, nodeGroupId: null, handle: null });
    await record({ host: 'elsewhere', cacheIncarnation: 'cache-2' });
    const { keys } = await adoptNodes(fleet);
    assert.deepEqual(keys, [{ cacheKind: 'cache-cluster', cacheIncarnation: 'cache-1', nodeGroupId: null }]);
  });
});
