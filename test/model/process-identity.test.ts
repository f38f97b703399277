/** By what a process is told from a later one, and an engine from somebody else's at the same address. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isEngineOf, isSameProcess } from '../../src/model/node.ts';

const handle = { bootId: 'boot', pid: 17, startTime: 1 };
const noted = { ...handle, runId: 'a' };

describe('a process', () => {
  it('is the same by boot, number and start time, whether its run id is noted yet or not', () => {
    assert.equal(isSameProcess(handle, noted), true);
    assert.equal(isSameProcess(handle, { ...handle, startTime: 2 }), false, 'the number was reused');
    assert.equal(isSameProcess(handle, { ...handle, bootId: 'later' }), false);
    assert.equal(isSameProcess(handle, null), false);
    assert.equal(isSameProcess(null, null), false);
  });
});

describe('an engine that answers', () => {
  it('is the recorded process by its process id until its run id is noted', () => {
    assert.equal(isEngineOf(handle, { pid: 17, runId: 'a' }), true);
    assert.equal(isEngineOf(handle, { pid: 1, runId: 'a' }), false);
    assert.equal(isEngineOf(null, { pid: 17, runId: 'a' }), false);
  });

  it('is it by its run id from then on, whatever number it sees itself by', () => {
    assert.equal(isEngineOf(noted, { pid: 1, runId: 'a' }), true);
    assert.equal(isEngineOf(noted, { pid: 17, runId: 'b' }), false, 'another life of it, or another engine');
  });
});
