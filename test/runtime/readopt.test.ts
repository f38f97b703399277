import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { NodeHandle } from '../../src/model/node.ts';
import { readEnvironment, readProcess } from '../../src/platform/proc.ts';
import { SpawnFailed } from '../../src/runtime/contract.ts';
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

describe('nodes of a Limber that was killed', () => {
  let bench: Bench;
  const nodes = Array.from({ length: 2 }, () => ({
    incarnation: newIncarnation(),
    address: randomAddress(),
  }));
  let handles: NodeHandle[];

  before(async () => {
    bench = await openBench();
    const limber = startLimber(bench.dataDirectory, nodes);
    const [words] = await once(limber.stdout!, 'data');
    handles = JSON.parse(String(words));
    limber.kill('SIGKILL');
    await once(limber, 'exit');
  });
  after(() => bench.end());

  it('live on, serve, and are the same processes to the next Limber', async () => {
    const { runtime } = bench;
    const found = await runtime.findProcesses();
    for (const [index, { incarnation, address }] of nodes.entries()) {
      assert.equal(runtime.inspect(handles[index]!).kind, 'running');
      assert.equal(await answersAt(address)(), true);
      assert.deepEqual(found.get(incarnation), [handles[index]], 'also when nobody had recorded them');
    }
    assert.deepEqual(
      (await runtime.findDirectories()).sort(),
      nodes.map(({ incarnation }) => incarnation).sort(),
    );
  });

  it('are adopted by a start that finds them, instead of a second process', async () => {
    const { runtime, warnings } = bench;
    const { incarnation, address } = nodes[0]!;
    const spawned: NodeHandle[] = [];
    const handle = await runtime.start(fakeEngine(incarnation, 'listen', address), {
      ...readyAtOnce,
      isReady: answersAt(address),
      onSpawned: async (early) => void spawned.push(early),
    });
    assert.deepEqual([handle, spawned], [handles[0], [handles[0]]]);
    assert.match(warnings.at(-1)?.message ?? '', /adopted/);
    const failure = await runtime
      .start(fakeEngine(incarnation, 'listen'), {
        ...readyAtOnce,
        isReady: async () => false,
        deadlineMs: 50,
      })
      .catch((error: unknown) => error);
    assert.ok(failure instanceof SpawnFailed);
    assert.deepEqual(failure.survivors, [handles[0]], 'left alone, and named');
    assert.equal(runtime.inspect(handles[0]!).kind, 'running');
  });

  it('are noticed when they die, and can then be started anew at the same address', async () => {
    const { runtime } = bench;
    const { incarnation, address } = nodes[1]!;
    const ended = new Promise<void>((resolve) => runtime.onExit(handles[1]!, resolve));
    process.kill(handles[1]!.pid, 'SIGKILL');
    await ended;
    assert.ok(['zombie', 'gone'].includes(runtime.inspect(handles[1]!).kind));
    const handle = await runtime.start(fakeEngine(incarnation, 'listen', address), {
      ...readyAtOnce,
      isReady: answersAt(address),
      deadlineMs: 10_000,
    });
    assert.notEqual(handle.pid, handles[1]!.pid);
    assert.deepEqual((await runtime.findProcesses()).get(incarnation), [handle]);
  });

  it('are adopted as well when Limber died before it could record them', async () => {
    const { runtime, dataDirectory } = bench;
    const node = { incarnation: newIncarnation(), address: randomAddress() };
    const limber = startLimber(dataDirectory, [node], { LIMBER_FAULT_POINT: 'node-spawned-not-recorded' });
    const [, signal] = await once(limber, 'exit');
    assert.equal(signal, 'SIGKILL');
    const [orphan] = (await runtime.findProcesses()).get(node.incarnation) ?? [];
    const handle = await runtime.start(fakeEngine(node.incarnation, 'listen', node.address), {
      ...readyAtOnce,
      isReady: answersAt(node.address),
      deadlineMs: 10_000,
    });
    assert.deepEqual(handle, orphan);
  });

  it('that run twice are refused, and named', async () => {
    const { runtime, dataDirectory } = bench;
    const { incarnation } = nodes[0]!;
    const second = spawn('/bin/sleep', ['600'], {
      detached: true,
      stdio: 'ignore',
      env: { LIMBER_NODE: incarnation, LIMBER_DATA: dataDirectory },
    });
    try {
      const failure = await runtime.start(program(incarnation), readyAtOnce).catch((error: unknown) => error);
      assert.ok(failure instanceof SpawnFailed);
      assert.match(failure.message, /has 2 processes/);
      assert.equal(failure.survivors.length, 2);
    } finally {
      second.kill('SIGKILL');
      await once(second, 'exit');
    }
  });
});

describe('the mark of a node', () => {
  let bench: Bench;
  let other: Bench;
  before(async () => {
    [bench, other] = await Promise.all([openBench(), openBench()]);
  });
  after(async () => {
    await Promise.all([bench.end(), other.end()]);
  });

  it('is known by the environment or by the output: one of them is enough', async () => {
    const { runtime } = bench;
    const closed = newIncarnation();
    const bare = newIncarnation();
    const specs = [
      program(closed, '/bin/sh', ['-c', 'exec sleep 600 >/dev/null 2>&1']),
      program(bare, '/usr/bin/env', ['-i', '/bin/sleep', '600']),
    ];
    for (const spec of specs) {
      await runtime.prepare(spec.incarnation);
      const handle = await runtime.start(spec, readyAtOnce);
      await eventually(
        () => readProcess(handle.pid)?.name,
        (name) => name === 'sleep',
      );
      if (spec.incarnation === bare) assert.equal(readEnvironment(handle.pid)?.size, 0);
      assert.deepEqual((await runtime.findProcesses()).get(spec.incarnation), [handle]);
    }
  });

  it('of another data directory is not ours, even with the same incarnation', async () => {
    const incarnation = newIncarnation();
    await other.runtime.prepare(incarnation);
    const theirs = await other.runtime.start(program(incarnation), readyAtOnce);
    assert.equal((await bench.runtime.findProcesses()).has(incarnation), false);
    await bench.runtime.prepare(incarnation);
    await bench.runtime.destroy(incarnation);
    assert.equal(other.runtime.inspect(theirs).kind, 'running');
  });

  it('is also borne by what a dead engine has forked, which goes before the next start and with the directory', async () => {
    const { runtime, warnings } = bench;
    const incarnation = newIncarnation();
    const address = randomAddress();
    await runtime.prepare(incarnation);
    for (const next of ['start', 'destroy'] as const) {
      const handle = await runtime.start(fakeEngine(incarnation, 'fork', address), {
        ...readyAtOnce,
        isReady: answersAt(address),
        deadlineMs: 10_000,
      });
      process.kill(handle.pid, 'SIGKILL'); // the leader alone, as a crash does
      await eventually(
        () => runtime.inspect(handle).kind,
        (kind) => kind === 'gone',
      );
      assert.equal((await runtime.findProcesses()).has(incarnation), false, 'it is not a node');
      warnings.length = 0;
      if (next === 'start') {
        const fresh = await runtime.start(program(incarnation), readyAtOnce);
        await runtime.fence(fresh, { deadlineMs: 2_000 });
      } else await runtime.destroy(incarnation);
      assert.match(warnings[0]?.message ?? '', /killing what a dead cache node has forked/);
    }
  });
});

function startLimber(
  dataDirectory: string,
  nodes: { incarnation: string; address: string }[],
  env: Record<string, string> = {},
): ChildProcess {
  const places = nodes.map(({ incarnation, address }) => `${incarnation}@${address}`);
  return spawn(process.execPath, [join(import.meta.dirname, 'start-nodes.ts'), dataDirectory, ...places], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
}
