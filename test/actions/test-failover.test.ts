import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ActionDeps } from '../../src/actions/action.ts';
import { testFailover } from '../../src/actions/replication-groups/test-failover.ts';
import { type Fixture, openFixture, refused, storePair } from './group-fixture.ts';

const hourMs = 3_600_000;

/** Calls TestFailover and takes what it has queued for done. */
async function testOnce(fixture: Fixture, limits: Partial<ActionDeps> = {}): Promise<void> {
  const input = { ReplicationGroupId: 'orders', NodeGroupId: '0001' };
  await fixture.call((deps) => testFailover({ ...deps, ...limits }), input);
  for (const row of await fixture.store.openOperations())
    await fixture.store.commit([{ put: 'operation', row: { ...row, version: 2, status: 'finished' } }]);
}

const code = 'APICallRateForCustomerExceeded';

describe('the limit of TestFailover', () => {
  it('says when the next call is possible, and what has no limit', async (t) => {
    const fixture = await openFixture(t);
    await storePair(fixture, { automaticFailover: true });
    const first = fixture.deps.clock.now();
    for (let call = 1; call <= 15; call += 1) {
      await testOnce(fixture);
      fixture.advance(hourMs);
    }
    const next = new Date(first + 24 * hourMs).toISOString();
    const text = `TestFailover was called for 15 node groups within 24 hours; 15 are allowed, the next one from ${next} on.`;
    await refused(testOnce(fixture), code, text, 'testFailoversPerDay', '`limber fault kill`');
    fixture.advance(9 * hourMs);
    await testOnce(fixture);
    const later = new Date(first + 25 * hourMs).toISOString();
    await refused(testOnce(fixture), code, `the next one from ${later} on`);
  });

  it('is a setting', async (t) => {
    const fixture = await openFixture(t);
    await storePair(fixture, { automaticFailover: true });
    for (let call = 1; call <= 40; call += 1) await testOnce(fixture, { testFailoversPerDay: 40 });
    await refused(testOnce(fixture, { testFailoversPerDay: 40 }), code, '40 are allowed, the next one');
    await refused(testOnce(fixture, { testFailoversPerDay: 0 }), code, '0 are allowed. The setting');
    assert.equal((await fixture.store.openOperations()).length, 0);
  });
});
