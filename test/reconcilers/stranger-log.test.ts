/** What is remembered, and told, of servers on the cluster buses that no record names. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createStrangerLog, describeStranger } from '../../src/reconcilers/cluster-bus/stranger-log.ts';
import { nodeAt } from './shard-views.ts';

const cache = 'cache-1';
const minute = 60_000;

function makeLog() {
  const time = { ms: 0 };
  const log = createStrangerLog({
    now: () => time.ms,
    monotonic: () => time.ms,
    after: () => ({ stop() {} }),
    delay: async () => {},
  });
  return { time, log };
}
const knocking = (where: string) => ({ where, isInside: false, isOurs: false });
const inside = (where: string) => ({ where, isInside: true, isOurs: false });

describe('a stranger on a cluster bus', () => {
  it('is told once, also when several members meet it, and again after an hour', () => {
    const { log, time } = makeLog();
    assert.deepEqual(log.note(nodeAt(1), [knocking('127.0.0.1:7000')]), ['127.0.0.1:7000']);
    assert.deepEqual(log.note(nodeAt(2), [inside('127.0.0.1:7000')]), []);
    assert.deepEqual(log.note(nodeAt(1), [knocking('127.0.0.1:7000'), knocking('127.0.0.1:7001')]), [
      '127.0.0.1:7001',
    ]);
    time.ms = 61 * minute;
    assert.deepEqual(log.note(nodeAt(1), [knocking('127.0.0.1:7000')]), ['127.0.0.1:7000']);
  });

  it('is told no more when there were many within the hour', () => {
    const { log } = makeLog();
    const told = Array.from({ length: 100 }, (_, port) =>
      log.note(nodeAt(1), [knocking(`h:${port}`)]),
    ).flat();
    assert.equal(told.length, 20);
  });

  it('is inside while a member knows it', () => {
    const { log } = makeLog();
    log.note(nodeAt(1), [inside('s:1')]);
    log.note(nodeAt(2), [inside('s:1')]);
    log.note(nodeAt(1), []);
    assert.deepEqual(log.of(cache), [inside('s:1')]);
    assert.equal(log.isInside(nodeAt(1)), false);
    assert.equal(log.isInside(nodeAt(2)), true);
    log.forgetNode(nodeAt(2));
    assert.deepEqual(log.of(cache), [knocking('s:1')]);
  });

  it('that was kept out is spoken of for a minute after its last attempt', () => {
    const { log, time } = makeLog();
    log.note(nodeAt(1), [knocking('s:1')]);
    time.ms = minute;
    log.note(nodeAt(1), [knocking('s:1')]);
    time.ms = 2 * minute;
    assert.deepEqual(log.findings(), [`orders: ${describeStranger(knocking('s:1'))}`]);
    time.ms += 1;
    assert.deepEqual(log.of(cache), []);
    assert.deepEqual(log.findings(), []);
  });

  it('that is a node of this data directory is no event: it was left alone', () => {
    const { log } = makeLog();
    const ours = { where: 's:1', isInside: true, isOurs: true };
    assert.deepEqual(log.note(nodeAt(1), [ours]), []);
    assert.match(describeStranger(log.of(cache)[0]!), /a node of this data directory .* was left alone/);
  });
});
