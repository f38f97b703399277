/** The runner over a real store, with small kinds of its own. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { act, fail, finish, go, type WaitLimit, wait } from '../../src/operations/operation-kind.ts';
import type { Runner } from '../../src/operations/runner.ts';
import type { Change } from '../../src/store/contract.ts';
import { StaleWrite } from '../../src/store/contract.ts';
import { operation as row, setting } from '../store/rows.ts';
import { eventually } from '../support/eventually.ts';
import { door, openBench, type Script, type State } from './runner-bench.ts';

const patient: WaitLimit<State> = {
  retryAfterMs: 60_000,
  limitMs: 600_000,
  otherwise: (reason) => fail(reason),
};

describe('an operation', () => {
  it('goes through its steps to its end, which tells what was done', async (t) => {
    const bench = await openBench(t);
    await bench.enqueue('1');
    bench.open({}).wake();
    const ended = await bench.ended('1');
    assert.deepEqual(bench.lines, ['1:first', '1:second']);
    assert.deepEqual([ended.status, ended.sentence, ended.state], ['finished', 'done', { step: 'second' }]);
  });

  it('commits its changes together with the step or the end that they belong to', async (t) => {
    const bench = await openBench(t);
    const note = (name: string): Change => ({ put: 'setting', row: setting(name, 'yes') });
    await bench.enqueue('1');
    const decide: Script['decide'] = (_input, state) =>
      state.step === 'first'
        ? go({ step: 'second' }, 'on', [note('went')])
        : fail('it cannot be', [note('failed')]);
    bench.open({ decide }).wake();
    assert.equal((await bench.ended('1')).status, 'failed');
    assert.deepEqual(
      [(await bench.store.setting('went'))?.value, (await bench.store.setting('failed'))?.value],
      ['yes', 'yes'],
    );
  });

  it('whose first state cannot be made is tried again with back-off, and not in a tight loop', async (t) => {
    const bench = await openBench(t);
    let calls = 0;
    await bench.enqueue('1');
    const first = () => {
      calls += 1;
      if (calls < 3) throw new Error('not yet');
      return { step: 'second' } as const;
    };
    const startedAt = performance.now();
    bench.open({ first }).wake();
    assert.equal((await bench.ended('1')).status, 'finished');
    assert.equal(calls, 3);
    assert.ok(performance.now() - startedAt >= 140, 'waits of 50 and 100 ms lie between');
  });
});

describe('operations of one lock', () => {
  it('run one at a time, in order of id', async (t) => {
    const bench = await openBench(t);
    for (const id of ['3', '1', '2']) await bench.enqueue(id);
    bench.open({}).wake();
    await bench.ended('3');
    assert.deepEqual(bench.lines, ['1:first', '1:second', '2:first', '2:second', '3:first', '3:second']);
  });

  it('go on when the one before failed', async (t) => {
    const bench = await openBench(t);
    for (const id of ['1', '2']) await bench.enqueue(id);
    bench.open({ decide: (input) => (input === 1 ? fail('no') : finish('yes')) }).wake();
    assert.equal((await bench.ended('2')).status, 'finished');
  });
});

describe('operations of different locks', () => {
  it('run side by side', async (t) => {
    const bench = await openBench(t);
    const gate = door();
    for (const id of ['1', '2', '3']) await bench.enqueue(id, { lock: `cache-${id}` });
    bench.open({ perform: () => gate.opened }).wake();
    await eventually((see) => see(bench.lines).length === 3);
    gate.open();
    await Promise.all(['1', '2', '3'].map(bench.ended));
  });

  it('run so many at a time and no more, and the others follow', async (t) => {
    const bench = await openBench(t);
    const gate = door();
    let together = 0;
    let most = 0;
    for (const id of ['1', '2', '3', '4', '5']) await bench.enqueue(id, { lock: `cache-${id}` });
    const perform = async () => {
      together += 1;
      most = Math.max(most, together);
      await gate.opened;
      together -= 1;
    };
    bench.open({ perform }, { parallelMax: 2 }).wake();
    await eventually(() => together === 2);
    gate.open();
    await Promise.all(['1', '2', '3', '4', '5'].map(bench.ended));
    assert.equal(most, 2);
  });
});

describe('a new Limber on the same store', () => {
  it('takes up an operation at the step that was recorded, and repeats the act that was under way', async (t) => {
    const bench = await openBench(t);
    const gate = door();
    await bench.enqueue('1');
    // The first Limber dies in its second act: it never hears of its end.
    const first = bench.open({ perform: (what) => (what === 'second' ? gate.opened : Promise.resolve()) });
    first.wake();
    await eventually(() => bench.lines.includes('1:second'));
    await first.stop(0);
    bench.open({}).wake();
    assert.equal((await bench.ended('1')).status, 'finished');
    assert.deepEqual(bench.lines, ['1:first', '1:second', '1:second']);
    gate.open();
  });

  it('begins with one that was queued, or that was begun and has no step yet', async (t) => {
    const bench = await openBench(t);
    await bench.enqueue('1', { status: 'running' });
    await bench.enqueue('2', { lock: 'other' });
    bench.open({}).wake();
    assert.equal((await bench.ended('1')).status, 'finished');
    assert.equal((await bench.ended('2')).status, 'finished');
  });

  it('leaves ended ones alone', async (t) => {
    const bench = await openBench(t);
    await bench.enqueue('1', { status: 'failed' });
    await bench.enqueue('2');
    bench.open({}).wake();
    await bench.ended('2');
    assert.ok(!bench.lines.some((line) => line.startsWith('1:')));
  });
});

describe('a write that somebody else was faster with', () => {
  it('is decided anew from fresh facts', async (t) => {
    const bench = await openBench(t);
    let isFirst = true;
    await bench.enqueue('1');
    const stale: Change = { put: 'operation', row: row('1', { version: 99 }) };
    const decide: Script['decide'] = () => {
      const changes = isFirst ? [stale] : [];
      isFirst = false;
      return finish('done', changes);
    };
    bench.open({ decide }).wake();
    assert.equal((await bench.ended('1')).status, 'finished');
  });

  it('and again and again does not take the whole processor', async (t) => {
    const bench = await openBench(t);
    let looks = 0;
    await bench.enqueue('1');
    const perform = async () => {
      looks += 1;
      throw new StaleWrite('resource');
    };
    const decide: Script['decide'] = () => (looks < 4 ? act('try', 'tries', 1_000) : finish('gave up'));
    const startedAt = performance.now();
    bench.open({ decide, perform }).wake();
    await bench.ended('1');
    assert.ok(
      performance.now() - startedAt >= 200,
      'the first is repeated at once, the others later each time',
    );
  });

  it('ends the work when the operation was ended by somebody else', async (t) => {
    const bench = await openBench(t);
    const gate = door();
    await bench.enqueue('1');
    bench.open({ perform: () => gate.opened }).wake();
    const running = await eventually(
      async () => bench.lines.length === 1 && (await bench.store.operation('1')),
    );
    await bench.store.commit([
      {
        put: 'operation',
        row: { ...running, version: running.version + 1, status: 'failed', sentence: 'cancelled' },
      },
    ]);
    gate.open();
    await bench.enqueue('2');
    bench.open({}).wake();
    await bench.ended('2');
    assert.equal((await bench.store.operation('1'))?.sentence, 'cancelled');
  });
});

describe('waiting', () => {
  it('ends early when something has happened', async (t) => {
    const bench = await openBench(t);
    let isReady = false;
    let waits = 0;
    await bench.enqueue('1');
    const decide: Script['decide'] = () => {
      if (isReady) return finish('ready');
      waits += 1;
      return wait('not yet', patient);
    };
    const runner = bench.open({ decide });
    runner.wake();
    await eventually(() => waits > 0);
    isReady = true;
    runner.nudge();
    assert.equal((await bench.ended('1')).sentence, 'ready');
  });

  it('does not begin when it happened while the operation was looking', async (t) => {
    const bench = await openBench(t);
    let looks = 0;
    await bench.enqueue('1');
    let runner: Runner | null = null;
    const decide: Script['decide'] = () => {
      looks += 1;
      if (looks > 1) return finish('seen');
      runner?.nudge();
      return wait('not yet', patient);
    };
    runner = bench.open({ decide });
    runner.wake();
    assert.equal((await bench.ended('1')).sentence, 'seen');
  });

  it('for work ends with the next wake', async (t) => {
    const bench = await openBench(t);
    const runner = bench.open({});
    runner.wake();
    await bench.enqueue('1');
    runner.wake();
    assert.equal((await bench.ended('1')).status, 'finished');
  });
});

describe('stopping', () => {
  it('lets the act under way end, and takes no further step', async (t) => {
    const bench = await openBench(t);
    const gate = door();
    await bench.enqueue('1');
    const runner = bench.open({ perform: () => gate.opened });
    runner.wake();
    await eventually(() => bench.lines.length === 1);
    const stopping = runner.stop(10_000);
    gate.open();
    await stopping;
    assert.deepEqual((await bench.store.operation('1'))?.state, { step: 'first' });
    assert.deepEqual(bench.lines, ['1:first']);
  });

  it('waits no longer than the grace', async (t) => {
    const bench = await openBench(t);
    const gate = door();
    t.after(gate.open);
    await bench.enqueue('1');
    const runner = bench.open({ perform: () => gate.opened });
    runner.wake();
    await eventually(() => bench.lines.length === 1);
    const startedAt = performance.now();
    await runner.stop(50);
    assert.ok(performance.now() - startedAt < 2_000);
  });

  it('ends waits and back-offs at once', async (t) => {
    const bench = await openBench(t);
    let waits = 0;
    await bench.enqueue('1');
    const decide: Script['decide'] = () => {
      waits += 1;
      return wait('not yet', patient);
    };
    const runner = bench.open({ decide });
    runner.wake();
    await eventually(() => waits > 0);
    const startedAt = performance.now();
    await runner.stop(30_000);
    assert.ok(performance.now() - startedAt < 5_000);
  });

  it('starts nothing any more', async (t) => {
    const bench = await openBench(t);
    const runner = bench.open({});
    await runner.stop(100);
    await bench.enqueue('1');
    runner.wake();
    bench.open({}).wake();
    await bench.ended('1');
    assert.deepEqual(bench.lines, ['1:first', '1:second'], 'by the second runner alone');
  });
});
