import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  describeReservedCacheNodes,
  describeReservedCacheNodesOfferings,
  purchaseReservedCacheNodesOffering,
} from '../../src/actions/reserved-nodes/reserved-nodes.ts';
import { listTagsForResource } from '../../src/actions/tags/tags.ts';
import { type ReservedOffering, reservedOfferings } from '../../src/catalog/reserved-offerings.ts';
import { type Fixture, openFixture, refused } from './group-fixture.ts';

const yearMs = 31_536_000_000;
const offering = reservedOfferings().find(
  (one) =>
    one.cacheNodeType === 'cache.m7g.large' &&
    one.productDescription === 'valkey' &&
    one.durationSeconds === 31_536_000 &&
    one.offeringType === 'Partial Upfront',
)!;
const offerings = (fixture: Fixture, input = {}) => fixture.call(describeReservedCacheNodesOfferings, input);
const purchase = (fixture: Fixture, ReservedCacheNodeId?: string, more = {}) =>
  fixture.call(purchaseReservedCacheNodesOffering, {
    ReservedCacheNodesOfferingId: offering.id,
    ReservedCacheNodeId,
    ...more,
  });
const reserved = (fixture: Fixture, input = {}) => fixture.call(describeReservedCacheNodes, input);

describe('reserved node offerings', () => {
  it('have ids and prices that never change', () => {
    // Written down once: whoever changes the prices or ids changes what somebody's scripts rely on.
    assert.equal(offering.id, 'f8bfcc0f-b9d1-702d-e627-249aec2815c4');
    assert.equal(offering.fixedPrice, 359);
    assert.equal(offering.hourlyCharge, 0.0409);
    assert.equal(new Set(reservedOfferings().map((one) => one.id)).size, reservedOfferings().length);
  });

  it('cost less an hour the more is paid at once and the longer the term', () => {
    const perHour = (one: ReservedOffering) =>
      one.hourlyCharge + one.fixedPrice / (one.durationSeconds / 3600);
    const prices = reservedOfferings()
      .filter((one) => one.cacheNodeType === 'cache.m7g.large' && one.productDescription === 'redis')
      .toSorted((a, b) => perHour(b) - perHour(a))
      .map((one) => `${one.durationSeconds / 31_536_000} ${one.offeringType}`);
    const types = ['No Upfront', 'Partial Upfront', 'All Upfront'];
    assert.deepEqual(prices, [...types.map((type) => `1 ${type}`), ...types.map((type) => `3 ${type}`)]);
  });

  it('are found by type, engine, payment and term, in years or seconds', async (t) => {
    const fixture = await openFixture(t);
    const filter = {
      CacheNodeType: 'cache.m7g.large',
      ProductDescription: 'valkey',
      OfferingType: 'Partial Upfront',
    };
    for (const Duration of ['1', '31536000']) {
      const { ReservedCacheNodesOfferings: found } = await offerings(fixture, { ...filter, Duration });
      assert.deepEqual(
        found?.map((one) => one.ReservedCacheNodesOfferingId),
        [offering.id],
      );
      assert.equal(found?.[0]?.Duration, 31_536_000);
      assert.equal(found?.[0]?.RecurringCharges?.[0]?.RecurringChargeFrequency, 'Hourly');
    }
    assert.equal((await offerings(fixture, filter)).ReservedCacheNodesOfferings?.length, 2);
  });

  it('page through all of them', async (t) => {
    const fixture = await openFixture(t);
    let count = 0;
    for (let Marker: string | undefined; ; ) {
      const page = await offerings(fixture, { Marker });
      count += page.ReservedCacheNodesOfferings?.length ?? 0;
      Marker = page.Marker;
      if (!Marker) break;
    }
    assert.equal(count, reservedOfferings().length);
    assert.ok(count > 100);
  });

  it('refuse a term, type, engine or payment that does not exist', async (t) => {
    const fixture = await openFixture(t);
    for (const bad of [
      { Duration: '2' },
      { CacheNodeType: 'cache.z9.large' },
      { ProductDescription: 'mysql' },
      { OfferingType: 'Free' },
    ]) {
      const [[name, value]] = Object.entries(bad) as [[string, string]];
      await refused(offerings(fixture, bad), 'InvalidParameterValue', name, value);
    }
    const unknown = { ReservedCacheNodesOfferingId: 'nope' };
    await refused(offerings(fixture, unknown), 'ReservedCacheNodesOfferingNotFound', 'nope');
  });
});

describe('reserved nodes', () => {
  it('are active once bought, with the terms of the offering and tags', async (t) => {
    const fixture = await openFixture(t);
    const Tags = [{ Key: 'team', Value: 'shop' }];
    const { ReservedCacheNode: node } = await purchase(fixture, 'Mine', { CacheNodeCount: 3, Tags });
    assert.equal(node?.ReservedCacheNodeId, 'mine');
    assert.equal(node?.State, 'active');
    assert.equal(node?.CacheNodeCount, 3);
    assert.equal(node?.FixedPrice, offering.fixedPrice);
    assert.equal(node?.StartTime?.getTime(), fixture.deps.clock.now());
    const tags = await fixture.call(listTagsForResource, { ResourceName: node?.ReservationARN });
    assert.deepEqual(tags.TagList, Tags);
  });

  it('get an id from the time when none is given', async (t) => {
    const fixture = await openFixture(t);
    const { ReservedCacheNode: node } = await purchase(fixture);
    assert.equal(node?.ReservedCacheNodeId, 'ri-2026-11-20-12-00-00-000');
  });

  it('retire when their term is over, and then leave room for others', async (t) => {
    const fixture = await openFixture(t);
    await purchase(fixture, 'first', { CacheNodeCount: 300 });
    await refused(purchase(fixture, 'second'), 'ReservedCacheNodeQuotaExceeded', '300');
    fixture.advance(yearMs);
    assert.equal((await reserved(fixture)).ReservedCacheNodes?.[0]?.State, 'retired');
    await purchase(fixture, 'second');
  });

  it('refuse an id that is taken, an unknown offering, and a count below 1', async (t) => {
    const fixture = await openFixture(t);
    await purchase(fixture, 'mine');
    await refused(purchase(fixture, 'MINE'), 'ReservedCacheNodeAlreadyExists', 'mine');
    const unknown = { ReservedCacheNodesOfferingId: 'nope' };
    await refused(purchase(fixture, 'other', unknown), 'ReservedCacheNodesOfferingNotFound', 'nope');
    await refused(
      purchase(fixture, 'other', { CacheNodeCount: 0 }),
      'InvalidParameterValue',
      'CacheNodeCount',
    );
  });

  it('let one of two purchases of the same id win', async (t) => {
    const fixture = await openFixture(t);
    const results = await Promise.allSettled([purchase(fixture, 'race'), purchase(fixture, 'race')]);
    assert.equal(results.filter((one) => one.status === 'fulfilled').length, 1);
    assert.equal((await reserved(fixture)).ReservedCacheNodes?.length, 1);
  });

  it('are filtered like offerings, by offering, and by their own id', async (t) => {
    const fixture = await openFixture(t);
    for (let index = 100; index < 230; index += 1) await purchase(fixture, `n${index}`);
    const other = reservedOfferings().find((one) => one.cacheNodeType === 'cache.t4g.small')!;
    await purchase(fixture, 'small', { ReservedCacheNodesOfferingId: other.id });
    const ids = async (input: object) => {
      const { ReservedCacheNodes: found = [] } = await reserved(fixture, input);
      return found.map((one) => one.ReservedCacheNodeId);
    };
    assert.deepEqual(await ids({ CacheNodeType: 'cache.t4g.small' }), ['small']);
    assert.deepEqual(await ids({ ReservedCacheNodesOfferingId: other.id }), ['small']);
    assert.deepEqual(await ids({ ReservedCacheNodeId: 'SMALL' }), ['small']);
    const first = await reserved(fixture, { CacheNodeType: 'cache.m7g.large' });
    assert.equal(first.ReservedCacheNodes?.length, 100);
    const rest = await ids({ CacheNodeType: 'cache.m7g.large', Marker: first.Marker });
    assert.equal(rest.length, 30);
    await refused(reserved(fixture, { ReservedCacheNodeId: 'nope' }), 'ReservedCacheNodeNotFound', 'nope');
  });
});
