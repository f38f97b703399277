import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  encodeMarker,
  pageOf,
  parsePage,
  parseTokenPage,
  snapshotPageSizes,
} from '../../src/model/paging.ts';
import { ServiceError } from '../../src/model/service-errors.ts';

const refused = (run: () => unknown, pattern: RegExp) =>
  assert.throws(
    run,
    (error: unknown) =>
      error instanceof ServiceError && error.code === 'InvalidParameterValue' && pattern.test(error.message),
  );
const itself = (item: string) => item;

describe('paging', () => {
  it('gives 100 from the start when nothing is said', () =>
    assert.deepEqual(parsePage({}), { limit: 100, fromKey: null }));
  it('allows 20 to 100 records', () => {
    assert.equal(parsePage({ MaxRecords: 20 }).limit, 20);
    refused(() => parsePage({ MaxRecords: 19 }), /MaxRecords has the value 19.*20 to 100/);
    refused(() => parsePage({ MaxRecords: 101 }), /20 to 100/);
    refused(() => parsePage({ MaxRecords: 20.5 }), /20 to 100/);
  });
  it('allows 20 to 50 snapshots, 50 by default', () => {
    assert.equal(parsePage({}, snapshotPageSizes).limit, 50);
    refused(() => parsePage({ MaxRecords: 51 }, snapshotPageSizes), /20 to 50/);
  });
  it('speaks of MaxResults and NextToken for serverless caches', () => {
    assert.deepEqual(parseTokenPage({ NextToken: encodeMarker('a') }), { limit: 50, fromKey: 'a' });
    refused(() => parseTokenPage({ MaxResults: 51 }), /MaxResults.*1 to 50/);
    refused(() => parseTokenPage({ NextToken: '!' }), /NextToken/);
  });
  it('takes an empty marker for none', () => assert.equal(parsePage({ Marker: '' }).fromKey, null));
  for (const marker of ['!', 'abc', 'YQ', 'YQ==x', ' YQ==', '/w=='])
    it(`refuses ${JSON.stringify(marker)}, which it never gave`, () =>
      refused(() => parsePage({ Marker: marker }), /Marker/));

  it('walks a list completely, without repeating and without a marker on the last page', () => {
    const all = Array.from({ length: 45 }, (_, index) => `key-${String(index).padStart(2, '0')}`);
    const walked: string[] = [];
    let marker: string | undefined;
    let pages = 0;
    do {
      const page = pageOf(all, itself, parsePage({ MaxRecords: 20, Marker: marker }));
      walked.push(...page.items);
      marker = page.marker;
      pages += 1;
    } while (marker);
    assert.deepEqual(walked, all);
    assert.equal(pages, 3);
  });
  it('ends exactly at a full page', () => {
    const all = Array.from({ length: 20 }, (_, index) => String.fromCharCode(97 + index));
    assert.equal(pageOf(all, itself, parsePage({ MaxRecords: 20 })).marker, undefined);
  });
  it('goes on at the right place when the next item has been deleted meanwhile', () => {
    const request = parsePage({ MaxRecords: 20, Marker: encodeMarker('b') });
    assert.deepEqual(pageOf(['a', 'c'], itself, request).items, ['c']);
  });
  it('keeps keys with any characters', () =>
    assert.equal(parsePage({ Marker: encodeMarker('cluster/ü') }).fromKey, 'cluster/ü'));
});
