import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { listPids, readProcess } from '../../src/platform/proc.ts';
import { NodeStillAlive } from '../../src/runtime/contract.ts';
import { handleOf, hasEnded } from '../../src/runtime/process/process-state.ts';
import {
  answersAt,
  type Bench,
  eventually,
  fakeEngine,
  newIncarnation,
  openBench,
  program,
  randomAddress,
  readyAtOnce,
} from './support.ts';

describe('ending a node', () => {
  let bench: Bench;
  before(async () => {
    bench = await openBench();
  });
  after(() => bench.end());

  async function startFake(mode: string) {
    const incarnation = newIncarnation();
    const address = randomAddress();
    await bench.runtime.prepare(incarnation);
    const handle = await bench.runtime.start(fakeEngine(incarnation, mode, address), {
      ...readyAtOnce,
      isReady: answersAt(address),
      deadlineMs: 10_000,
    });
    return { incarnation, address, handle };
  }

  async function startSleeper() {
    const incarnation = newIncarnation();
    await bench.runtime.prepare(incarnation);
    return { incarnation, handle: await bench.runtime.start(program(incarnation), readyAtOnce) };
  }

  it('stops on SIGTERM, and by SIGKILL what ignores it; both may be asked twice', async () => {
    const { runtime, warnings } = bench;
    const polite = await startFake('listen');
    await runtime.stop(polite.handle, { graceMs: 10_000 });
    assert.equal(hasEnded(polite.handle), true);
    assert.equal(await answersAt(polite.address)(), false);
    assert.equal(warnings.length, 0);
    const deaf = await startFake('deaf');
    await runtime.stop(deaf.handle, { graceMs: 50 });
    await runtime.stop(deaf.handle, { graceMs: 50 });
    assert.equal(await answersAt(deaf.address)(), false);
    assert.match(warnings[0]?.message ?? '', /did not end on SIGTERM and is killed/);
  });

  it('fences a running and a stopped process within a moment', async () => {
    const { runtime } = bench;
    for (const isStopped of [false, true]) {
      const { handle } = await startSleeper();
      if (isStopped) {
        process.kill(handle.pid, 'SIGSTOP');
        await eventually(
          () => runtime.inspect(handle).kind,
          (kind) => kind === 'stopped',
        );
      }
      const from = performance.now();
      assert.equal(await runtime.fence(handle, { deadlineMs: 2_000 }), 'fenced');
      assert.ok(performance.now() - from < 500);
      assert.ok(['zombie', 'gone'].includes(runtime.inspect(handle).kind));
      assert.equal(await runtime.fence(handle, { deadlineMs: 2_000 }), 'fenced', 'and again');
    }
  });

  it('kills what an engine has forked together with it', async () => {
    const { handle } = await startFake('fork');
    assert.equal(membersOf(handle.pid), 2);
    assert.equal(await bench.runtime.fence(handle, { deadlineMs: 2_000 }), 'fenced');
    await eventually(
      () => membersOf(handle.pid),
      (count) => count === 0,
    );
  });

  it('sees a zombie as dead', async () => {
    // Its parent, a stopped shell, does not take note of its end.
    const parent = spawn('/bin/sh', ['-c', 'sleep 600 & echo $!; exec sleep 600'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    try {
      const pid = Number(await new Promise((resolve) => parent.stdout.once('data', resolve)));
      const handle = handleOf(readProcess(pid)!);
      assert.equal(bench.runtime.inspect(handle).kind, 'running');
      await eventually(
        () => readProcess(parent.pid!)?.name,
        (name) => name === 'sleep', // until then it is a shell, which does take note
      );
      const ended = new Promise<void>((resolve) => bench.runtime.onExit(handle, resolve));
      process.kill(pid, 'SIGKILL');
      await eventually(
        () => bench.runtime.inspect(handle).kind,
        (kind) => kind === 'zombie',
      );
      await ended;
      assert.equal(await bench.runtime.fence(handle, { deadlineMs: 1_000 }), 'fenced');
      assert.equal(readProcess(pid)?.state, 'Z', 'it is a zombie still');
    } finally {
      parent.kill('SIGKILL');
    }
  });

  it('takes neither a reused pid nor another boot for the node, and never signals them', async () => {
    const { runtime } = bench;
    const { handle } = await startSleeper();
    const others = [
      { ...handle, startTime: handle.startTime - 1 },
      { ...handle, bootId: '00000000-0000-0000-0000-000000000000' },
    ];
    for (const other of others) {
      assert.equal(runtime.inspect(other).kind, 'gone');
      assert.equal(await runtime.fence(other, { deadlineMs: 1_000 }), 'fenced');
      await runtime.stop(other, { graceMs: 1_000 });
      await new Promise<void>((resolve) => runtime.onExit(other, resolve));
    }
    assert.equal(runtime.inspect(handle).kind, 'running');
  });

  it('tells of an exit once, to each that listens still', async () => {
    const { runtime } = bench;
    const { handle } = await startSleeper();
    let told = 0;
    const unsubscribe = runtime.onExit(handle, () => assert.fail('it has unsubscribed'));
    runtime.onExit(handle, () => (told += 1));
    const ended = new Promise<void>((resolve) => runtime.onExit(handle, resolve));
    unsubscribe();
    process.kill(handle.pid, 'SIGKILL');
    await ended;
    await new Promise((resolve) => setTimeout(resolve, 300)); // longer than the watch's interval
    assert.equal(told, 1);
  });

  it('destroys a directory only when its process is gone, wholly, and as often as asked', async () => {
    const { runtime, dataDirectory } = bench;
    const { incarnation, handle } = await startSleeper();
    const other = newIncarnation();
    await runtime.prepare(other);
    await assert.rejects(runtime.destroy(incarnation), (error: Error) => {
      assert.ok(error instanceof NodeStillAlive);
      assert.deepEqual(error.survivors, [handle]);
      return true;
    });
    assert.ok((await runtime.findDirectories()).includes(incarnation));
    await runtime.fence(handle, { deadlineMs: 2_000 });
    const leftover = join(dataDirectory, 'nodes', '.trash-0123456789abcdef');
    await mkdir(join(leftover, 'data'), { recursive: true });
    await writeFile(join(leftover, 'data', 'dump.rdb'), 'x');
    await runtime.destroy(incarnation);
    await runtime.destroy(incarnation);
    assert.deepEqual(
      await readdir(join(dataDirectory, 'nodes')).then((names) =>
        names.filter((name) => name.startsWith('.trash') || name === incarnation),
      ),
      [],
    );
    assert.ok((await stat(runtime.directoryOf(other))).isDirectory());
    assert.ok((await runtime.findDirectories()).includes(other));
  });

  it('refuses names that are no incarnation', async () => {
    for (const name of ['', '.', '..', '../x', 'a/b', '.trash-x'])
      await assert.rejects(async () => bench.runtime.destroy(name), /not the incarnation of a node/);
  });
});

function membersOf(session: number): number {
  return listPids().filter((pid) => {
    const stat = readProcess(pid);
    return stat?.sessionId === session && stat.state !== 'Z' && !stat.isExiting;
  }).length;
}
