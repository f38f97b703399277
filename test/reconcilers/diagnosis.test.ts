import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  answered,
  diagnose,
  forgive,
  type Limits,
  looked,
  newTrack,
  silent,
  type Track,
} from '../../src/reconcilers/health/diagnosis.ts';
import type { ProcessState } from '../../src/runtime/contract.ts';

const limits: Limits = { pingIntervalMs: 250, hangAfterMs: 500, busyAfterMs: 5_000 };
const process = (changes: Partial<ProcessState> = {}): ProcessState => ({
  kind: 'running',
  cpuMs: 10,
  isWaitingForDisk: false,
  rssBytes: 0,
  ...changes,
});
const stopped = process({ kind: 'stopped' });

/** It answered at 0 and has been silent since `at`. */
const silentSince = (at: number): Track => silent(looked(answered(newTrack(0), 0), process(), 0), at);

const verdictOf = (track: Track, state: ProcessState, now: number) =>
  diagnose(looked(track, state, now), state, now, limits);

describe('a process that is gone or a zombie', () => {
  it('is dead, whatever was heard of it', () => {
    for (const kind of ['gone', 'zombie'] as const)
      for (const track of [newTrack(0), answered(newTrack(0), 0), silentSince(0)])
        assert.equal(verdictOf(track, process({ kind }), 1), 'dead');
  });
});

describe('a process that answers', () => {
  it('is answering, though it uses no processor time', () => {
    assert.equal(verdictOf(answered(newTrack(0), 900), process(), 1_000), 'answering');
  });

  it('is answering while its PING is under way', () => {
    assert.equal(verdictOf(silentSince(1_000), process(), 1_249), 'answering');
  });

  it('has forgotten every silence', () => {
    assert.equal(verdictOf(answered(silentSince(0), 60_000), stopped, 60_001), 'answering');
  });
});

describe('a process that does not answer', () => {
  it('is unresponsive after one interval: that alone leads to nothing', () => {
    assert.equal(verdictOf(silentSince(0), process(), 250), 'unresponsive');
  });

  it('hangs when its processor time stood still for the limit', () => {
    assert.equal(verdictOf(silentSince(0), process(), 499), 'unresponsive');
    assert.equal(verdictOf(silentSince(0), process(), 500), 'hung');
  });

  it('is busy as long as its processor time advances: a script, FLUSHALL, CLIENT PAUSE, loading', () => {
    let track = silentSince(0);
    for (let now = 250; now <= 60_000; now += 100) {
      track = looked(track, process({ cpuMs: 10 + now }), now);
      assert.equal(diagnose(track, process({ cpuMs: 10 + now }), now, limits), 'unresponsive');
    }
  });

  it('hangs when it was busy and then stood still', () => {
    const track = looked(silentSince(0), process({ cpuMs: 900 }), 1_000);
    assert.equal(verdictOf(track, process({ cpuMs: 900 }), 1_499), 'unresponsive');
    assert.equal(verdictOf(track, process({ cpuMs: 900 }), 1_500), 'hung');
  });

  it('was silent before it was looked at: progress before the silence does not count', () => {
    const track = silent(looked(answered(newTrack(0), 0), process({ cpuMs: 50 }), 0), 10_000);
    assert.equal(verdictOf(track, process({ cpuMs: 50 }), 10_400), 'unresponsive');
  });

  it('waiting for a disk hangs only after the longer limit', () => {
    const waiting = process({ isWaitingForDisk: true });
    assert.equal(verdictOf(silentSince(0), waiting, 4_999), 'unresponsive');
    assert.equal(verdictOf(silentSince(0), waiting, 5_000), 'hung');
  });

  it('counts its silence from the first missed PING, not from the last', () => {
    assert.equal(silent(silentSince(100), 400).silentSince, 100);
  });
});

describe('a process that a signal or a debugger holds', () => {
  it('is unresponsive at once, and hangs after the limit', () => {
    assert.equal(verdictOf(silentSince(0), stopped, 1), 'unresponsive');
    assert.equal(verdictOf(silentSince(0), stopped, 500), 'hung');
  });

  it('makes no progress, whatever its counters say', () => {
    const track = looked(silentSince(0), process({ kind: 'stopped', cpuMs: 99 }), 450);
    assert.equal(verdictOf(track, process({ kind: 'stopped', cpuMs: 99 }), 500), 'hung');
  });
});

describe('a process that has never answered', () => {
  it('is unresponsive while it comes up, and hangs when it stands still', () => {
    assert.equal(verdictOf(newTrack(0), process(), 1), 'unresponsive');
    const track = looked(newTrack(0), process(), 1);
    assert.equal(verdictOf(track, process(), 501), 'hung');
  });
});

describe('an observer that was late itself', () => {
  it('starts to count the silence anew', () => {
    const track = forgive(silentSince(0), 9_000);
    assert.equal(verdictOf(track, stopped, 9_499), 'unresponsive');
    assert.equal(verdictOf(track, stopped, 9_500), 'hung');
  });

  it('makes nobody silent who was not', () => {
    assert.equal(forgive(answered(newTrack(0), 0), 9_000).silentSince, null);
  });
});
