/** What the runner does with acts that fail or do not end, and with facts that nobody can judge. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { act, fail, finish } from '../../src/operations/operation-kind.ts';
import { type Log, type LogFields, silentLog } from '../../src/platform/log.ts';
import { type Change, StoreUnavailable } from '../../src/store/contract.ts';
import { setting } from '../store/rows.ts';
import { eventually } from '../support/eventually.ts';
import { door, openBench, type Script, twoSteps } from './runner-bench.ts';

describe('a failing act', () => {
  it('is made again with back-off, and decide is told how often and why', async (t) => {
    const bench = await openBench(t);
    const told: string[] = [];
    await bench.enqueue('1');
    const decide: Script['decide'] = (...[, , , { attempts, lastError, successes }]) => {
      told.push(`${attempts} ${lastError?.message ?? '-'}`);
      return successes > 0 ? finish('at last') : act('try', 'tries', 5_000);
    };
    const startedAt = performance.now();
    const perform = async () => {
      if (told.length < 3) throw new Error(`no ${told.length}`);
    };
    bench.open({ decide, perform }).wake();
    await bench.ended('1');
    assert.deepEqual(told, ['0 -', '1 no 1', '2 no 2', '2 no 2']);
    assert.ok(performance.now() - startedAt >= 140, 'waits of 50 and 100 ms lie between');
  });

  it('starts with a clean slate in the next step', async (t) => {
    const bench = await openBench(t);
    const seen: number[] = [];
    await bench.enqueue('1');
    let failures = 0;
    const decide: Script['decide'] = (_input, state, _seen, tries) => {
      if (state.step === 'second') seen.push(tries.attempts, tries.successes);
      return state.step === 'second' ? finish('done') : twoSteps(1, state, 0, tries);
    };
    const perform = async () => {
      if (failures++ === 0) throw new Error('once');
    };
    bench.open({ decide, perform }).wake();
    await bench.ended('1');
    assert.deepEqual(seen, [0, 0]);
  });

  it('is told its deadline by a signal', async (t) => {
    const bench = await openBench(t);
    await bench.enqueue('1');
    const decide: Script['decide'] = (...[, , , tries]) =>
      tries.lastError ? finish(tries.lastError.message) : act('wait', 'waits', 20);
    const perform = (_what: string, _input: number, signal: AbortSignal) =>
      new Promise<void>((_resolve, reject) =>
        signal.addEventListener('abort', () => reject(new Error('too late'))),
      );
    // AbortSignal.timeout does not keep a process alive by itself.
    const alive = setInterval(() => {}, 1_000);
    t.after(() => clearInterval(alive));
    bench.open({ decide, perform }).wake();
    assert.equal((await bench.ended('1')).sentence, 'too late');
  });
});

describe('an act that ignores its deadline', () => {
  it('keeps its lock: two acts of one cache never run together', async (t) => {
    const bench = await openBench(t);
    const gate = door();
    for (const id of ['1', '2']) await bench.enqueue(id);
    await bench.enqueue('3', { lock: 'other' });
    const decide: Script['decide'] = (input, state, seen, tries) =>
      input === 1 && tries.successes === 0 ? act('hang', 'hangs', 20) : twoSteps(input, state, seen, tries);
    const runner = bench.open({
      decide,
      perform: (what) => (what === 'hang' ? gate.opened : Promise.resolve()),
    });
    runner.wake();
    await bench.ended('3');
    await eventually(() => runner.progress().some((one) => one.isOverdue));
    assert.ok(!bench.lines.some((line) => line.startsWith('2:')), bench.lines.join());
    gate.open();
    assert.equal((await bench.ended('2')).status, 'finished');
  });

  it('is told of by the log and by the progress: which step, what it does, since when', async (t) => {
    const bench = await openBench(t);
    const gate = door();
    const told: LogFields[] = [];
    const log: Log = { ...silentLog, error: (_message, fields = {}) => told.push(fields) };
    await bench.enqueue('1');
    const decide: Script['decide'] = (...[, , , tries]) =>
      tries.successes > 0 ? finish('done') : act('hang', 'the nodes get their addresses', 20);
    const runner = bench.open({ decide, perform: () => gate.opened }, { log });
    runner.wake();
    await eventually(() => told.length > 0);
    const { kind, step, sentence, lock, deadlineMs, forMs } = told[0] ?? {};
    assert.deepEqual(
      [kind, step, sentence, lock, deadlineMs],
      ['kind', 'first', 'the nodes get their addresses', 'cache-1', 20],
    );
    assert.ok(Number(forMs) >= 1_000, String(forMs));
    const [progress] = runner.progress();
    assert.deepEqual(
      [progress?.id, progress?.activity, progress?.isOverdue, progress?.sentence],
      ['1', 'acting', true, 'the nodes get their addresses'],
    );
    gate.open();
    await bench.ended('1');
    await eventually(() => runner.progress().length === 0);
  });
});

describe('failed attempts', () => {
  const failing: Script = {
    decide: (...[, , , tries]) =>
      tries.attempts >= 4 && tries.lastError ? fail(tries.lastError.message) : act('try', 'tries', 5_000),
    perform: async () => {
      throw new Error('no room');
    },
  };

  it('are counted on by the next Limber, with the reason, so that it gives up where this one would have', async (t) => {
    const bench = await openBench(t);
    await bench.enqueue('1');
    const first = bench.open(failing);
    first.wake();
    await eventually(async () => (await bench.store.operation('1'))?.attempts === 3);
    await first.stop(1_000);
    const lived = bench.lines.length;
    bench.open(failing).wake();
    const { status, sentence } = await bench.ended('1');
    assert.deepEqual([status, sentence], ['failed', 'no room']);
    assert.equal(bench.lines.length - lived, 1, 'the fourth attempt alone');
  });

  it('are waited out by the next Limber as by this one', async (t) => {
    const bench = await openBench(t);
    const row = { attempts: 5, lastError: 'no room', status: 'running', state: { step: 'first' } } as const;
    await bench.enqueue('1', { ...row, updatedAt: Date.now() });
    const startedAt = performance.now();
    bench.open({}).wake();
    await bench.ended('1');
    assert.ok(performance.now() - startedAt >= 700, 'the fifth back-off is of 800 ms');
  });

  it('leave their place among those under way to others', async (t) => {
    const bench = await openBench(t);
    await bench.enqueue('1', { lock: 'a' });
    await bench.enqueue('2', { lock: 'b' });
    const order: number[] = [];
    const decide: Script['decide'] = (input, _state, _seen, tries) => {
      if (input === 2) order.push(2);
      if (input === 2 || tries.attempts >= 4) return finish('done');
      return act('try', 'tries', 5_000);
    };
    const perform = async () => {
      order.push(1);
      throw new Error('no room');
    };
    bench.open({ decide, perform }, { parallelMax: 1 }).wake();
    await bench.ended('1');
    assert.deepEqual(order, [1, 2, 1, 1, 1]);
  });

  it('are not written before the second one, and forgotten with the next step', async (t) => {
    const bench = await openBench(t);
    const versions: number[] = [];
    await bench.enqueue('1');
    let failures = 0;
    const perform = async () => {
      versions.push((await bench.store.operation('1'))?.version ?? 0);
      failures += 1;
      if (failures < 3) throw new Error('not yet');
    };
    bench.open({ perform }).wake();
    const ended = await bench.ended('1');
    assert.deepEqual(versions, [2, 2, 3, 4], 'begun; again; counted; the second step');
    assert.deepEqual([ended.attempts, ended.lastError], [0, null]);
  });

  it('are waited out whatever happens elsewhere', async (t) => {
    const bench = await openBench(t);
    await bench.enqueue('1');
    const runner = bench.open(failing);
    const nudging = setInterval(runner.nudge, 2);
    t.after(() => clearInterval(nudging));
    const startedAt = performance.now();
    runner.wake();
    await bench.ended('1');
    assert.ok(performance.now() - startedAt >= 340, 'waits of 50, 100 and 200 ms');
  });

  it("of a store that cannot be written are no act's fault: decide is not told of them", async (t) => {
    const bench = await openBench(t);
    const told: number[] = [];
    await bench.enqueue('1');
    const decide: Script['decide'] = (...[, , , { attempts, successes }]) => {
      told.push(attempts);
      return successes > 0 ? finish('done') : act('try', 'tries', 5_000);
    };
    const perform = async () => {
      if (told.length < 4) throw new StoreUnavailable('the disk is full');
    };
    bench.open({ decide, perform }).wake();
    await bench.ended('1');
    assert.deepEqual(told, [0, 0, 0, 0, 0]);
  });
});

describe('an operation that cannot be judged', () => {
  const throws = () => {
    throw new TypeError('facts nobody thought of');
  };
  const note: Change = { put: 'setting', row: setting('given-up', 'yes') };
  const failuresMax = { decision: 3, look: 5 };

  it('ends as failed after some attempts, as its kind says, and its lock is free again', async (t) => {
    const bench = await openBench(t);
    for (const id of ['1', '2']) await bench.enqueue(id);
    const reasons: string[] = [];
    const giveUp = async (_input: number, reason: string) => {
      reasons.push(reason);
      return { ends: true, changes: [note] };
    };
    const decide: Script['decide'] = (input) => (input === 1 ? throws() : finish('done'));
    bench.open({ decide, giveUp }, { failuresMax }).wake();
    const ended = await bench.ended('1');
    assert.equal(ended.status, 'failed');
    assert.match(ended.sentence, /facts nobody thought of/);
    assert.deepEqual(
      [reasons, (await bench.store.setting('given-up'))?.value],
      [['facts nobody thought of'], 'yes'],
    );
    assert.equal((await bench.ended('2')).status, 'finished');
  });

  it('or is tried on, rarely, where ending would lose something, and that is told once', async (t) => {
    const bench = await openBench(t);
    await bench.enqueue('1');
    let asked = 0;
    const giveUp = async () => {
      asked += 1;
      return { ends: false, changes: [note] };
    };
    const runner = bench.open({ decide: throws, giveUp }, { failuresMax });
    runner.wake();
    await eventually(async () => (await bench.store.setting('given-up'))?.value === 'yes');
    const kept = await bench.store.operation('1');
    assert.deepEqual([kept?.status, kept?.lastError], ['running', 'facts nobody thought of']);
    await eventually(() => runner.progress()[0]?.activity === 'backing-off');
    assert.match(runner.progress()[0]?.sentence ?? '', /facts nobody thought of/);
    assert.equal(asked, 1);
  });
});
