/** No operation waits for ever: what the limit of a wait counts, and what follows it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { act, type Decision, fail, finish, go, wait } from '../../src/operations/operation-kind.ts';
import { eventually } from '../support/eventually.ts';
import { openBench, type Script, type State } from './runner-bench.ts';

const waiting = (limitMs: number): Decision<State, string> =>
  wait('the node does not answer', { retryAfterMs: 10, limitMs, otherwise: (reason) => fail(reason) });

describe('a wait', () => {
  it('that has come to its limit ends as the decision said, with what was waited for as the reason', async (t) => {
    const bench = await openBench(t);
    await bench.enqueue('1');
    bench.open({ decide: () => waiting(2_000) }, { patience: 0.5 }).wake();
    const { status, sentence } = await bench.ended('1');
    assert.deepEqual([status, sentence], ['failed', 'not within 1 second: the node does not answer']);
  });

  it('goes on with another step where the decision said so, and that step has its whole time', async (t) => {
    const bench = await openBench(t);
    await bench.enqueue('1');
    const decide: Script['decide'] = (_input, { step }) =>
      step === 'second'
        ? finish('undone')
        : wait('not yet', {
            retryAfterMs: 10,
            limitMs: 50,
            otherwise: (reason) => go({ step: 'second' }, reason),
          });
    bench.open({ decide }).wake();
    const ended = await bench.ended('1');
    assert.deepEqual([ended.sentence, ended.workedMs], ['undone', 0]);
  });

  it('ends at its limit however often it is ended early', async (t) => {
    const bench = await openBench(t);
    await bench.enqueue('1');
    const runner = bench.open({ decide: () => waiting(300) });
    const nudging = setInterval(runner.nudge, 1);
    t.after(() => clearInterval(nudging));
    runner.wake();
    assert.equal((await bench.ended('1')).status, 'failed');
  });

  it('counts acts of the same step too', async (t) => {
    const bench = await openBench(t);
    await bench.enqueue('1');
    let looks = 0;
    const decide: Script['decide'] = () =>
      looks++ % 2 === 0 ? act(`${looks}`, `act ${looks}`, 5_000) : waiting(200);
    const perform = () => new Promise<void>((resolve) => setTimeout(resolve, 50));
    bench.open({ decide, perform }).wake();
    await bench.ended('1');
    assert.ok(bench.lines.length <= 4, bench.lines.join());
  });

  it('says in the progress how long it may be, and how much of that is over', async (t) => {
    const bench = await openBench(t);
    await bench.enqueue('1', { workedMs: 1_000, status: 'running', state: { step: 'first' } });
    const runner = bench.open({ decide: () => waiting(60_000) });
    runner.wake();
    const progress = await eventually(() => runner.progress().find(({ limitMs }) => limitMs !== null));
    assert.equal(progress.limitMs, 60_000);
    assert.ok(progress.stepMs >= 1_000 && progress.stepMs < 30_000, `${progress.stepMs}`);
  });
});

describe('the time of a wait', () => {
  it('in which no Limber ran does not count', async (t) => {
    const bench = await openBench(t);
    const longAgo = Date.now() - 3_600_000;
    await bench.enqueue('1', {
      ...{ status: 'running', state: { step: 'first' }, createdAt: longAgo, updatedAt: longAgo },
    });
    let looks = 0;
    const decide: Script['decide'] = () => (looks++ < 5 ? waiting(60_000) : finish('it has come'));
    bench.open({ decide }).wake();
    assert.equal((await bench.ended('1')).sentence, 'it has come');
  });

  it('is counted on by the next Limber, and recorded when this one stops', async (t) => {
    const bench = await openBench(t);
    await bench.enqueue('1');
    let looks = 0;
    const decide: Script['decide'] = () => {
      looks += 1;
      return waiting(60_000);
    };
    const first = bench.open({ decide });
    first.wake();
    await eventually(() => looks > 10);
    await first.stop(1_000);
    const counted = (await bench.store.operation('1'))?.workedMs ?? 0;
    assert.ok(counted >= 80, `${counted}`);
    const second = bench.open({ decide });
    second.wake();
    const progress = await eventually(() => second.progress().find(({ limitMs }) => limitMs !== null));
    assert.ok(progress.stepMs >= counted, `${progress.stepMs} after ${counted}`);
  });
});

describe('an act that changed nothing', () => {
  it('is done again later each time', async (t) => {
    const bench = await openBench(t);
    await bench.enqueue('1');
    const decide: Script['decide'] = (...[, , , { successes }]) =>
      successes > 3 ? finish('done') : act('ask', 'the node is asked', 5_000);
    const startedAt = performance.now();
    bench.open({ decide }).wake();
    await bench.ended('1');
    assert.ok(performance.now() - startedAt >= 340, 'waits of 50, 100 and 200 ms lie between');
  });
});
