/** Processes that live where the runtime cannot see them, as the answers of their engines have proven. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { NodeHandle } from '../../src/model/node.ts';
import { bootId } from '../../src/platform/proc.ts';
import { type Bench, newIncarnation, openBench, program, readyAtOnce } from './support.ts';

let bench: Bench;
before(async () => {
  bench = await openBench();
});
after(() => bench.end());

/** A number that no process has: the kernel gives none above 4 million. */
const unseen: NodeHandle = { bootId: bootId(), pid: 2 ** 30, startTime: 1 };

describe('a process that is assumed to live though it is not seen', () => {
  it('counts as running, and is neither ended nor started beside; nor are its files deleted', async () => {
    const { runtime } = bench;
    const incarnation = newIncarnation();
    await runtime.prepare(incarnation);
    assert.equal(runtime.inspect(unseen).kind, 'gone');
    runtime.assumeAlive(incarnation, unseen);
    assert.equal(runtime.inspect(unseen).kind, 'running');
    assert.equal(await runtime.fence(unseen, { deadlineMs: 100 }), 'unknown');
    assert.equal(runtime.suspend(unseen, true), false);
    await assert.rejects(
      runtime.stop(unseen, { graceMs: 0 }),
      /cannot be ended: it runs in another PID namespace/,
    );
    await assert.rejects(runtime.destroy(incarnation), { name: 'NodeStillAlive', survivors: [unseen] });
    const start = runtime.start(program(incarnation), readyAtOnce);
    await assert.rejects(start, { name: 'SpawnFailed', survivors: [unseen] });
    runtime.assumeAlive(incarnation, null);
    assert.equal(runtime.inspect(unseen).kind, 'gone');
    await runtime.destroy(incarnation);
  });

  it('is dead all the same when it belongs to an earlier boot', () => {
    const earlier = { ...unseen, bootId: 'earlier' };
    bench.runtime.assumeAlive(newIncarnation(), earlier);
    assert.equal(bench.runtime.inspect(earlier).kind, 'gone');
  });
});
