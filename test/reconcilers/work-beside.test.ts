/** Work beside a shard's worker: one piece per node at a time, and never again and again without a pause. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { systemClock } from '../../src/platform/clock.ts';
import { createWorkBeside } from '../../src/reconcilers/shard/work-beside.ts';

function bench() {
  let [now, woken] = [0, 0];
  const clock = { ...systemClock, monotonic: () => now };
  const beside = createWorkBeside<'confirm' | 'follow'>(clock, () => {
    woken += 1;
  });
  /** A piece that ends at once; true when it has begun. */
  const piece = async (node = 'a', kind: 'confirm' | 'follow' = 'confirm') => {
    const hasBegun = beside.begin({ node, kind }, async () => {});
    await beside.settled();
    return hasBegun;
  };
  return {
    beside,
    piece,
    woken: () => woken,
    advance: (ms: number) => {
      now += ms;
    },
  };
}

describe('work beside a worker', () => {
  it('is one piece per node, and its end wakes the worker', async () => {
    const { beside, woken } = bench();
    let end = () => {};
    const work = () =>
      new Promise<void>((resolve) => {
        end = resolve;
      });
    assert.equal(beside.begin({ node: 'a', kind: 'confirm' }, work), true);
    assert.equal(beside.begin({ node: 'a', kind: 'follow' }, work), false);
    assert.deepEqual([beside.kindOf('a'), beside.isIdle(), beside.ended()], ['confirm', false, 0]);
    end();
    await beside.settled();
    assert.deepEqual([beside.kindOf('a'), beside.isIdle(), beside.ended(), woken()], [undefined, true, 1, 1]);
  });

  it('begins at once as often as an ordinary failover needs it', async () => {
    const { piece } = bench();
    for (let time = 0; time < 8; time += 1) assert.equal(await piece(), true);
  });

  it('is put off when it is asked for again and again, longer each time, whatever it is', async () => {
    const { beside, piece, advance } = bench();
    for (let time = 0; time < 8; time += 1) await piece('a', time % 2 === 0 ? 'confirm' : 'follow');
    const pauses: number[] = [];
    for (let time = 0; time < 8; time += 1) {
      assert.equal(await piece(), false);
      pauses.push(beside.putOffMs('a'));
      advance(beside.putOffMs('a'));
      assert.equal(await piece(), true);
    }
    assert.deepEqual(pauses, [10, 20, 40, 80, 160, 320, 500, 500]);
  });

  it('of another node is not put off for that', async () => {
    const { piece } = bench();
    for (let time = 0; time < 9; time += 1) await piece('a');
    assert.deepEqual([await piece('a'), await piece('b')], [false, true]);
  });

  it('begins at once again after some seconds of peace', async () => {
    const { beside, piece, advance } = bench();
    for (let time = 0; time < 8; time += 1) await piece();
    advance(5_000);
    assert.deepEqual([beside.putOffMs('a'), await piece()], [0, true]);
  });

  it('settles at a few pieces a second, however long it goes on', async () => {
    const { beside, piece, advance } = bench();
    let pieces = 0;
    for (let ms = 0; ms < 60_000; ms += 5) {
      if (await piece()) pieces += 1;
      advance(5);
    }
    assert.ok(pieces < 200 && beside.ended() === pieces, `${pieces} in a minute`);
  });
});
