import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decideMemcached } from '../../src/reconcilers/shard/decide/memcached.ts';
import { onTarget } from '../store/rows.ts';
import { incarnationOf, memberAt, silentAt } from './shard-views.ts';

const running = memberAt(1, { verdict: 'answering' });

describe('the nodes of a Memcached cluster', () => {
  it('are settled when every node answers', () => {
    const { acts, isSettled, sentence } = decideMemcached([running, memberAt(2, { verdict: 'answering' })]);
    assert.deepEqual([acts, isSettled, sentence], [[], true, 'every node answers']);
  });

  it('are settled when there are none', () => {
    assert.equal(decideMemcached([]).isSettled, true);
  });

  it('are started when they are down, each by itself, and follow nobody', () => {
    const { acts, isSettled } = decideMemcached([running, silentAt(2, 'dead'), silentAt(3, 'absent')]);
    assert.deepEqual(acts, [
      { kind: 'start', node: incarnationOf(2), follow: null },
      { kind: 'start', node: incarnationOf(3), follow: null },
    ]);
    assert.equal(isSettled, false);
  });

  it('that hang are killed: they serve nobody, and come back empty', () => {
    assert.deepEqual(decideMemcached([silentAt(1, 'hung')]).acts, [
      { kind: 'fence', node: incarnationOf(1) },
    ]);
  });

  it('that are to restart are ended, and started when they are down', () => {
    const restarting = { intent: 'restarting' } as const;
    assert.deepEqual(decideMemcached([memberAt(1, { verdict: 'answering' }, restarting)]).acts, [
      { kind: 'end', node: incarnationOf(1) },
    ]);
    assert.deepEqual(decideMemcached([silentAt(1, 'dead', restarting)]).acts, [
      { kind: 'start', node: incarnationOf(1), follow: null },
    ]);
  });

  it('that have got another target are brought to it when they answer, and those that start have it anyway', () => {
    const target = { ...onTarget.target, configVersion: 2 };
    const members = [
      memberAt(1, { verdict: 'answering' }, { target }),
      silentAt(2, 'unresponsive', { target }),
    ];
    assert.deepEqual(decideMemcached(members).acts, [{ kind: 'apply-config', node: incarnationOf(1) }]);
    assert.deepEqual(decideMemcached([silentAt(1, 'dead', { target })]).acts, [
      { kind: 'start', node: incarnationOf(1), follow: null },
    ]);
  });

  it('are waited for while they do not answer, or their start backs off', () => {
    for (const member of [silentAt(2, 'unresponsive'), silentAt(2, 'dead', {}, { isBackingOff: true })]) {
      const { acts, isSettled, sentence } = decideMemcached([running, member]);
      assert.deepEqual([acts, isSettled, sentence], [[], false, '1 nodes do not answer at present']);
    }
  });
});
