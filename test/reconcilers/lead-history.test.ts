import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLeadHistory } from '../../src/reconcilers/health/lead-history.ts';

/** A primary whose stream grows by 100 bytes a second, seen once a second. */
function watched(seconds: number) {
  const history = createLeadHistory();
  for (let second = 0; second <= seconds; second += 1) history.note(second * 1_000, 100 * second);
  return history;
}

describe('the lag of a replica behind a primary that was watched', () => {
  it('is unknown when the primary was never seen', () => {
    assert.equal(createLeadHistory().lagAt(0), null);
  });

  it('is nothing for one that has come as far as the primary was seen to, or further', () => {
    assert.deepEqual(watched(10).lagAt(1_000), { ms: 0, bytes: 0 });
    assert.deepEqual(watched(10).lagAt(1_060), { ms: 0, bytes: 0 });
  });

  it('is the time since the first look that showed more than the replica has: at least so much is missing', () => {
    assert.deepEqual(watched(10).lagAt(999), { ms: 0, bytes: 1 });
    assert.deepEqual(watched(10).lagAt(250), { ms: 7_000, bytes: 750 });
  });

  it('counts from when the primary wrote again, not from when it was last in step', () => {
    const history = createLeadHistory();
    for (let second = 0; second <= 60; second += 1) history.note(second * 1_000, second < 58 ? 500 : 700);
    assert.deepEqual(history.lagAt(500), { ms: 2_000, bytes: 200 });
  });

  it('is told of the last two minutes at most, by looks that are half a second apart', () => {
    const history = createLeadHistory();
    for (let ms = 0; ms <= 600_000; ms += 100) history.note(ms, ms);
    const { ms, bytes } = history.lagAt(0)!;
    assert.ok(ms >= 119_000 && ms <= 200_000, `${ms} ms`);
    assert.equal(bytes, 600_000);
  });

  it('starts anew with another stream, which is shorter', () => {
    const history = watched(10);
    history.note(11_000, 14);
    assert.deepEqual(history.lagAt(14), { ms: 0, bytes: 0 });
  });
});
