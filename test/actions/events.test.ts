import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { describeEvents } from '../../src/actions/events/describe-events.ts';
import type { CacheEvent } from '../../src/model/event.ts';
import { account, type Fixture, openFixture, refused, region } from './group-fixture.ts';

const minute = 60_000;
const day = 24 * 60 * minute;

async function happen(fixture: Fixture, message: string, more: Partial<CacheEvent> = {}) {
  const row: CacheEvent = {
    account,
    region,
    sourceType: 'cache-cluster',
    sourceId: 'orders-001',
    message,
    eventId: 'Limber:Test',
    date: fixture.deps.clock.now(),
    ...more,
  };
  await fixture.store.commit([{ add: 'event', row }]);
}
const messages = async (fixture: Fixture, input = {}, as = {}) =>
  (await fixture.call(describeEvents, input, as)).Events?.map((event) => event.Message);
const ago = (fixture: Fixture, ms: number) => new Date(fixture.deps.clock.now() - ms);

describe('DescribeEvents', () => {
  it('shows the last 60 minutes, newest first, also within one millisecond', async (t) => {
    const fixture = await openFixture(t);
    await happen(fixture, 'too old');
    fixture.advance(61 * minute);
    await happen(fixture, 'first');
    await happen(fixture, 'second');
    assert.deepEqual(await messages(fixture), ['second', 'first']);
  });

  it('shows source, type, message and date', async (t) => {
    const fixture = await openFixture(t);
    await happen(fixture, 'Cache cluster created');
    const { Events: events } = await fixture.call(describeEvents, {});
    assert.deepEqual(events, [
      {
        SourceIdentifier: 'orders-001',
        SourceType: 'cache-cluster',
        Message: 'Cache cluster created',
        Date: new Date(fixture.deps.clock.now()),
      },
    ]);
  });

  it('goes back by Duration in minutes, or from StartTime to EndTime', async (t) => {
    const fixture = await openFixture(t);
    for (const name of ['a', 'b', 'c']) {
      await happen(fixture, name);
      fixture.advance(100 * minute);
    }
    assert.deepEqual(await messages(fixture, { Duration: 150 }), ['c']);
    assert.deepEqual(await messages(fixture, { Duration: 201 }), ['c', 'b']);
    const StartTime = ago(fixture, 310 * minute);
    assert.deepEqual(await messages(fixture, { StartTime }), ['c', 'b', 'a']);
    assert.deepEqual(await messages(fixture, { StartTime, EndTime: ago(fixture, 150 * minute) }), ['b', 'a']);
    assert.deepEqual(await messages(fixture, { StartTime, Duration: 15 }), ['a']);
    assert.deepEqual(await messages(fixture, { EndTime: ago(fixture, 190 * minute) }), ['b']);
  });

  it('shows nothing older than 14 days', async (t) => {
    const fixture = await openFixture(t);
    await happen(fixture, 'long ago');
    fixture.advance(14 * day + 1);
    await happen(fixture, 'now');
    assert.deepEqual(await messages(fixture, { StartTime: ago(fixture, 20 * day) }), ['now']);
  });

  it('filters by type, and by id within a type', async (t) => {
    const fixture = await openFixture(t);
    await happen(fixture, 'cluster');
    await happen(fixture, 'group', { sourceType: 'replication-group', sourceId: 'orders' });
    await happen(fixture, 'other', { sourceType: 'replication-group', sourceId: 'other' });
    assert.deepEqual(await messages(fixture, { SourceType: 'replication-group' }), ['other', 'group']);
    const named = { SourceType: 'replication-group', SourceIdentifier: 'Orders' };
    assert.deepEqual(await messages(fixture, named), ['group']);
  });

  it('filters by an id alone, whatever its type', async (t) => {
    const fixture = await openFixture(t);
    await happen(fixture, 'a group', { sourceType: 'replication-group', sourceId: 'orders' });
    await happen(fixture, 'a subnet group', { sourceType: 'cache-subnet-group', sourceId: 'orders' });
    await happen(fixture, 'another', { sourceType: 'replication-group', sourceId: 'other' });
    assert.deepEqual(await messages(fixture, { SourceIdentifier: 'Orders' }), ['a subnet group', 'a group']);
  });

  it('belongs to one account and region', async (t) => {
    const fixture = await openFixture(t);
    await happen(fixture, 'here');
    assert.deepEqual(await messages(fixture, {}, { region: 'us-east-1' }), []);
    assert.deepEqual(await messages(fixture, {}, { account: '999999999999' }), []);
  });

  it('pages through more than 100, unmoved by what happens meanwhile', async (t) => {
    const fixture = await openFixture(t);
    for (let number = 1; number <= 130; number += 1) await happen(fixture, `${number}`);
    const first = await fixture.call(describeEvents, {});
    await happen(fixture, 'meanwhile');
    const second = await fixture.call(describeEvents, { Marker: first.Marker });
    assert.equal(second.Marker, undefined);
    const seen = [...first.Events!, ...second.Events!].map((event) => event.Message);
    assert.deepEqual(
      seen,
      Array.from({ length: 130 }, (_, index) => `${130 - index}`),
    );
  });

  it('refuses an unknown type, and times that make no span', async (t) => {
    const fixture = await openFixture(t);
    const now = ago(fixture, 0);
    const combination = 'InvalidParameterCombination';
    await refused(
      messages(fixture, { SourceType: 'toaster' }),
      'InvalidParameterValue',
      'SourceType',
      'toaster',
    );
    await refused(
      messages(fixture, { StartTime: now, EndTime: ago(fixture, 1) }),
      combination,
      'EndTime',
      'StartTime',
    );
    const all = { StartTime: ago(fixture, 1), EndTime: now, Duration: 5 };
    await refused(messages(fixture, all), combination, 'Duration');
    for (const Duration of [0, 20161])
      await refused(messages(fixture, { Duration }), 'InvalidParameterValue', 'Duration', '20160');
    await refused(messages(fixture, { Marker: 'YWJj' }), 'InvalidParameterValue', 'Marker');
  });
});
