import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { OperationStatus } from '../../src/cli/admin-client.ts';
import { concernOf, describeOperation } from '../../src/cli/operation-lines.ts';

const operation = (changes: Partial<OperationStatus> = {}): OperationStatus => ({
  id: '1',
  kind: 'create-cache',
  cache: 'orders',
  step: 'forming',
  activity: 'acting',
  sentence: 'the cluster is formed',
  forMs: 400,
  stepMs: 400,
  limitMs: null,
  isOverdue: false,
  attempts: 0,
  lastError: null,
  ...changes,
});

describe('an operation in `limber status`', () => {
  it('says its cache, its step, what it does and for how long', () => {
    assert.equal(
      describeOperation(operation()),
      'orders create-cache (forming): the cluster is formed, for 400 ms',
    );
    assert.match(describeOperation(operation({ forMs: 61_400 })), /, for 61 s$/);
    assert.match(describeOperation(operation({ forMs: 600_000 })), /, for 10 min$/);
  });

  it('says how long it waits at most, and how much of that is over', () => {
    const waiting = operation({ activity: 'waiting', stepMs: 190_000, limitMs: 600_000 });
    assert.match(describeOperation(waiting), /for 400 ms \(at this step for 3 min of at most 10 min\)$/);
  });

  it('of a kind that only a newer version knows needs a look: what can be done with its cache', () => {
    const [concern] = concernOf(operation({ activity: 'unknown', sentence: 'a newer one goes on with it' }));
    assert.match(concern ?? '', /^create-cache of orders is left alone.* but deleting it: a newer one/);
  });

  it('waits for its turn behind another one of its cache', () => {
    const queued = operation({ kind: 'delete-cache', activity: 'queued', step: null, forMs: null });
    assert.equal(describeOperation(queued), 'orders delete-cache: waits for its turn');
  });

  it('needs a look when it does not end: what it blocks, since when, and what to do', () => {
    const [concern] = concernOf(operation({ isOverdue: true, forMs: 180_000 }));
    assert.match(concern ?? '', /^create-cache of orders does not end \(step forming, for 3 min\)/);
    assert.match(
      concern ?? '',
      /nothing else can be done with that cache.*stopping and starting Limber ends it/,
    );
  });

  it('needs a look when it keeps failing, with the last reason; a hiccup does not', () => {
    assert.deepEqual(concernOf(operation({ attempts: 2, lastError: 'no room' })), []);
    const failing = operation({ activity: 'backing-off', attempts: 9, lastError: 'no room' });
    assert.deepEqual(concernOf(failing), [
      'create-cache of orders has failed 9 times at step forming: no room',
    ]);
  });
});
