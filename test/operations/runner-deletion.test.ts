/** What a deletion does to the operations before it, and what is done with operations of a newer version. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { act, type Decision, fail, finish, go, wait } from '../../src/operations/operation-kind.ts';
import { type Log, type LogFields, silentLog } from '../../src/platform/log.ts';
import { eventually } from '../support/eventually.ts';
import { door, openBench, type Script, type State, twoSteps } from './runner-bench.ts';

const forEver: Script['decide'] = () =>
  wait('not yet', { retryAfterMs: 60_000, limitMs: 3_600_000, otherwise: (reason) => fail(reason) });
const untilAborted = (_what: string, _input: number, signal: AbortSignal) =>
  new Promise<void>((_resolve, reject) =>
    signal.addEventListener('abort', () => reject(new Error('aborted'))),
  );

describe('a deletion', () => {
  it('ends what waits on its cache, and follows at once', async (t) => {
    const bench = await openBench(t);
    await bench.enqueue('1');
    const runner = bench.open({ decide: forEver });
    runner.wake();
    await eventually(() => runner.progress()[0]?.activity === 'waiting');
    await bench.enqueue('2', { kind: 'delete' });
    runner.wake();
    assert.equal((await bench.ended('2')).sentence, 'deleted');
    const { status, sentence } = await bench.ended('1');
    assert.deepEqual([status, sentence], ['failed', 'cancelled: delete takes its place']);
  });

  it('tells an act under way to end, and begins when it has', async (t) => {
    const bench = await openBench(t);
    await bench.enqueue('1');
    const decide: Script['decide'] = () => act('fetch', 'the engine is fetched', 600_000);
    const runner = bench.open({ decide, perform: untilAborted });
    runner.wake();
    await eventually(() => bench.lines.includes('1:fetch'));
    await bench.enqueue('2', { kind: 'delete' });
    runner.wake();
    await bench.ended('2');
    assert.deepEqual(bench.lines, ['1:fetch', '2:delete']);
    assert.equal((await bench.ended('1')).attempts, 0, 'nothing failed');
  });

  it('waits for an act that does not end: two never work on one cache', async (t) => {
    const bench = await openBench(t);
    const gate = door();
    await bench.enqueue('1');
    const runner = bench.open({ perform: () => gate.opened });
    runner.wake();
    await eventually(() => bench.lines.length === 1);
    await bench.enqueue('2', { kind: 'delete' });
    await bench.enqueue('3', { lock: 'other' });
    runner.wake();
    await eventually(() => bench.lines.includes('3:first'));
    assert.ok(!bench.lines.includes('2:delete'));
    gate.open();
    await bench.ended('2');
    assert.ok(!bench.lines.includes('1:second'), 'no further step');
  });

  it('ends what is queued before it, and what backs off', async (t) => {
    const bench = await openBench(t);
    for (const id of ['1', '2']) await bench.enqueue(id);
    const runner = bench.open({ perform: async () => Promise.reject(new Error('no room')) });
    runner.wake();
    await eventually(() => (runner.progress()[0]?.attempts ?? 0) >= 5);
    const startedAt = performance.now();
    await bench.enqueue('3', { kind: 'delete' });
    runner.wake();
    await bench.ended('3');
    assert.ok(performance.now() - startedAt < 700, 'the back-off of 800 ms is not slept out');
    assert.deepEqual(
      [(await bench.ended('1')).status, (await bench.ended('2')).status],
      ['failed', 'failed'],
    );
    assert.ok(!bench.lines.some((line) => line.startsWith('2:')));
  });

  it('leaves other caches alone, and what comes after it', async (t) => {
    const bench = await openBench(t);
    await bench.enqueue('1', { lock: 'other' });
    await bench.enqueue('2', { kind: 'delete' });
    await bench.enqueue('3');
    bench.open({}).wake();
    for (const id of ['1', '2', '3']) assert.equal((await bench.ended(id)).status, 'finished');
  });

  it('lets one that has something to put back do it first, whoever dies in between', async (t) => {
    const bench = await openBench(t);
    const gate = door();
    const script: Script = {
      decide: (input, state, ...rest): Decision<State, string> =>
        state.step === 'first' ? forEver(input, state, ...rest) : twoSteps(input, state, ...rest),
      cancelled: () => ({ step: 'second' }),
      perform: () => gate.opened,
    };
    await bench.enqueue('1');
    const first = bench.open(script);
    first.wake();
    await eventually(() => first.progress()[0]?.activity === 'waiting');
    await bench.enqueue('2', { kind: 'delete' });
    first.wake();
    await eventually(() => bench.lines.includes('1:second'));
    await first.stop(0);
    bench.open({ ...script, perform: async () => {} }).wake();
    assert.deepEqual(
      [(await bench.ended('2')).sentence, (await bench.ended('1')).sentence],
      ['deleted', 'done'],
    );
    gate.open();
  });

  it('waits for that some minutes at most, also when it cannot be judged', async (t) => {
    for (const fails of [false, true]) {
      const bench = await openBench(t);
      const decide: NonNullable<Script['decide']> = (_input, { step }) => {
        if (fails && step === 'second') throw new TypeError('facts nobody thought of');
        return wait('not yet', { retryAfterMs: 10, limitMs: 1e9, otherwise: (reason) => fail(reason) });
      };
      await bench.enqueue('1');
      // Of five minutes.
      const runner = bench.open({ decide, cancelled: () => ({ step: 'second' }) }, { patience: 0.001 });
      runner.wake();
      await eventually(() => runner.progress()[0]?.activity === 'waiting');
      await bench.enqueue('2', { kind: 'delete' });
      runner.wake();
      assert.equal((await bench.ended('2')).sentence, 'deleted');
      assert.match((await bench.ended('1')).sentence, fails ? /nobody thought of/ : /took too long/);
    }
  });

  it('cancels what a Limber before this one had begun', async (t) => {
    const bench = await openBench(t);
    await bench.enqueue('1', { status: 'running', state: { step: 'first' }, attempts: 9, lastError: 'no' });
    await bench.enqueue('2', { kind: 'delete' });
    bench.open({ decide: forEver }).wake();
    assert.equal((await bench.ended('2')).status, 'finished');
    assert.equal((await bench.ended('1')).status, 'failed');
  });
});

describe('a shard', () => {
  it('is worked on beside another one of its cache, and never beside an operation of the whole cache', async (t) => {
    const bench = await openBench(t);
    const gate = door();
    await bench.enqueue('1', { lock: 'cache/0001' });
    await bench.enqueue('2', { lock: 'cache/0002' });
    await bench.enqueue('3', { lock: 'cache' });
    await bench.enqueue('4', { lock: 'cache/0003' });
    bench.open({ perform: () => gate.opened }).wake();
    await eventually(() => bench.lines.length === 2);
    assert.deepEqual(bench.lines.toSorted(), ['1:first', '2:first']);
    gate.open();
    await bench.ended('4');
    assert.deepEqual(bench.lines.slice(-4), ['3:first', '3:second', '4:first', '4:second']);
  });
});

describe('an operation of a newer version', () => {
  const told: LogFields[] = [];
  const log: Log = { ...silentLog, error: (_message, fields = {}) => told.push(fields) };

  it('whose kind is not known is left as it is, and told: in the log once, in the progress for good', async (t) => {
    const bench = await openBench(t);
    await bench.enqueue('1', { kind: 'reshard', state: { step: 'moving' }, status: 'running' });
    await bench.enqueue('2');
    await bench.enqueue('3', { lock: 'other' });
    const before = await bench.store.operation('1');
    const runner = bench.open({}, { log });
    runner.wake();
    await bench.ended('3');
    for (let round = 0; round < 3; round += 1) runner.wake();
    const [progress] = await eventually(() => runner.progress().length === 1 && runner.progress());
    assert.deepEqual([progress?.activity, progress?.kind, progress?.step], ['unknown', 'reshard', 'moving']);
    assert.match(progress?.sentence ?? '', /does not know operations of this kind: a newer one/);
    assert.deepEqual(await bench.store.operation('1'), before);
    assert.equal(told.filter(({ operation }) => operation === '1').length, 1);
    assert.ok(!bench.lines.some((line) => line.startsWith('2:')), 'its cache is left alone too');
  });

  it('is finished by a Limber that knows it, and what waited behind it follows', async (t) => {
    const bench = await openBench(t);
    await bench.enqueue('1', { kind: 'reshard' });
    await bench.enqueue('2');
    const older = bench.open({});
    older.wake();
    await eventually(() => older.progress().length === 1);
    await older.stop(100);
    const reshard = {
      ...{ name: 'reshard', decodeInput: Number, first: () => ({ step: 'only' }) },
      observe: async () => null,
      ...{ decide: () => finish('resharded'), perform: async () => {} },
    };
    bench.open({}, { kinds: [reshard] }).wake();
    assert.equal((await bench.ended('1')).sentence, 'resharded');
  });

  it('whose input is not understood is left as well, and it is said what is wrong with it', async (t) => {
    const bench = await openBench(t);
    await bench.enqueue('1', { input: { members: 'orders-002' } });
    const decodeInput = (input: unknown) => {
      assert.fail(`members is ${(input as { members: string }).members}`);
    };
    const runner = bench.open({ decodeInput });
    runner.wake();
    const progress = await eventually(() => runner.progress()[0]);
    assert.match(progress.sentence, /does not understand its input \(members is orders-002\): a newer one/);
    assert.deepEqual([(await bench.store.operation('1'))?.status, bench.lines], ['queued', []]);
  });

  it('whose step is not known is left as well, and not looked at again and again', async (t) => {
    const bench = await openBench(t);
    await bench.enqueue('1', { status: 'running', state: { step: 'dividing' } });
    let looks = 0;
    const decide: Script['decide'] = (_input, state) => {
      looks += 1;
      switch (state.step) {
        case 'first':
        case 'second':
          return finish('done');
        default:
          return state.step satisfies never;
      }
    };
    const runner = bench.open({ decide });
    runner.wake();
    await eventually(() => runner.progress()[0]?.activity === 'unknown');
    runner.wake();
    await bench.enqueue('2', { lock: 'other', kind: 'delete' });
    runner.wake();
    await bench.ended('2');
    assert.equal(looks, 1);
    assert.deepEqual((await bench.store.operation('1'))?.status, 'running');
  });

  it('does not stand in the way of a deletion', async (t) => {
    const bench = await openBench(t);
    await bench.enqueue('1', { kind: 'reshard', state: { step: 'moving' }, status: 'running' });
    const runner = bench.open({});
    runner.wake();
    await eventually(() => runner.progress().length === 1);
    await bench.enqueue('2', { kind: 'delete' });
    runner.wake();
    assert.equal((await bench.ended('2')).status, 'finished');
    assert.equal((await bench.ended('1')).sentence, 'cancelled: delete takes its place');
    await eventually(() => runner.progress().length === 0);
  });
});

describe('a runner that was stopped', () => {
  it('tells acts under way to end when it is asked to, and goes on with them afterwards', async (t) => {
    const bench = await openBench(t);
    await bench.enqueue('1');
    let isOpen = false;
    const runner = bench.open({
      decide: (_input, _state, _seen, { successes }) =>
        successes > 0 ? finish('done') : go({ step: 'second' }, 'on'),
    });
    await runner.stop(100);
    const second = bench.open({
      perform: (what, input, signal) => (isOpen ? Promise.resolve() : untilAborted(what, input, signal)),
    });
    second.wake();
    await eventually(() => bench.lines.length === 1);
    await second.stop(10_000, { interrupt: true });
    const row = await bench.store.operation('1');
    assert.deepEqual([row?.status, row?.attempts, row?.state], ['running', 0, { step: 'first' }]);
    isOpen = true;
    second.resume();
    assert.equal((await bench.ended('1')).sentence, 'done');
  });
});
