import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ServiceError } from '../../src/model/service-errors.ts';
import {
  checkWindowsApart,
  defaultMaintenanceWindow,
  defaultSnapshotWindow,
  isInWindow,
  parseMaintenanceWindow,
  parseSnapshotWindow,
  windowsOverlap,
} from '../../src/model/windows.ts';

const refused = (run: () => unknown, code: string, pattern: RegExp) =>
  assert.throws(
    run,
    (error: unknown) => error instanceof ServiceError && error.code === code && pattern.test(error.message),
  );

describe('maintenance window', () => {
  it('is stored in lower case', () =>
    assert.equal(parseMaintenanceWindow('Sun:05:00-Sun:06:00').text, 'sun:05:00-sun:06:00'));
  it('may be 60 minutes to 24 hours long', () => {
    assert.equal(parseMaintenanceWindow('sun:05:00-sun:06:00').durationMinutes, 60);
    assert.equal(parseMaintenanceWindow('sun:05:00-mon:05:00').durationMinutes, 1440);
  });
  it('may wrap round the end of the week', () =>
    assert.equal(parseMaintenanceWindow('sat:23:30-sun:01:00').durationMinutes, 90));
  for (const value of [
    'sun:05:00-sun:05:59',
    'sun:05:00-mon:05:01',
    'sun:05:00-sun:05:00',
    'sun:05:00-sun:04:00',
    'sun:24:00-mon:01:00',
    'sun:05:60-sun:07:00',
    'xyz:05:00-sun:07:00',
    '05:00-06:00',
    'sun:5:00-sun:6:00',
    '',
  ])
    it(`refuses "${value}"`, () =>
      refused(
        () => parseMaintenanceWindow(value),
        'InvalidParameterValue',
        /PreferredMaintenanceWindow.*ddd:hh24:mi/,
      ));
});

describe('snapshot window', () => {
  it('is at least 60 minutes long', () =>
    assert.equal(parseSnapshotWindow('05:00-06:00').durationMinutes, 60));
  it('may wrap round midnight', () => assert.equal(parseSnapshotWindow('23:30-01:00').durationMinutes, 90));
  for (const value of ['05:00-05:59', '05:00-05:00', '24:00-01:00', '5:00-6:00', 'sun:05:00-sun:06:00', ''])
    it(`refuses "${value}"`, () =>
      refused(() => parseSnapshotWindow(value), 'InvalidParameterValue', /SnapshotWindow.*hh24:mi/));
});

describe('the two windows', () => {
  const rows: [string, string, boolean][] = [
    ['sun:05:00-sun:06:00', '05:00-06:00', true],
    ['sun:05:00-sun:06:00', '05:30-07:00', true],
    ['sun:05:00-sun:06:00', '04:00-05:30', true],
    ['sun:05:00-sun:06:00', '06:00-07:00', false],
    ['sun:05:00-sun:06:00', '04:00-05:00', false],
    ['sat:23:30-sun:01:00', '00:00-01:00', true],
    ['sat:23:30-sun:01:00', '22:00-00:00', true],
    ['sun:00:00-sun:01:00', '23:30-00:30', true],
    ['sun:01:00-sun:02:00', '23:30-01:00', false],
    ['sun:05:00-mon:05:00', '13:00-14:00', true],
  ];
  for (const [maintenance, snapshot, meet] of rows)
    it(`${maintenance} and ${snapshot} ${meet ? 'overlap' : 'do not overlap'}`, () =>
      assert.equal(windowsOverlap(parseMaintenanceWindow(maintenance), parseSnapshotWindow(snapshot)), meet));
  it('are refused with InvalidParameterCombination when they overlap', () =>
    refused(
      () =>
        checkWindowsApart(parseMaintenanceWindow('sun:05:00-sun:06:00'), parseSnapshotWindow('05:00-06:00')),
      'InvalidParameterCombination',
      /05:00-06:00.*sun:05:00-sun:06:00/,
    ));
});

describe('being in a window', () => {
  const rows: [string, string, boolean][] = [
    ['sun:23:00-mon:01:00', '2026-11-22T22:59:59Z', false], // a Sunday
    ['sun:23:00-mon:01:00', '2026-11-22T23:00:00Z', true],
    ['sun:23:00-mon:01:00', '2026-11-23T00:59:59Z', true],
    ['sun:23:00-mon:01:00', '2026-11-23T01:00:00Z', false],
    ['sat:23:00-sun:01:00', '2026-11-22T00:30:00Z', true],
    ['sat:23:00-sun:01:00', '2026-11-23T00:30:00Z', false],
  ];
  for (const [window, at, inside] of rows)
    it(`${at} is ${inside ? '' : 'not '}in ${window}`, () =>
      assert.equal(isInWindow(parseMaintenanceWindow(window), new Date(at)), inside));
  it('a snapshot window opens every day', () => {
    const window = parseSnapshotWindow('23:30-01:00');
    assert.ok(isInWindow(window, new Date('2026-11-20T00:59:00Z')));
    assert.ok(!isInWindow(window, new Date('2026-11-20T12:00:00Z')));
  });
});

describe('default windows', () => {
  const randoms = Array.from({ length: 500 }, (_, index) => index / 500);
  it('last an hour within the quiet hours of the region', () => {
    for (const random of randoms) {
      const { text, durationMinutes } = defaultMaintenanceWindow('us-east-1', random);
      assert.equal(durationMinutes, 60);
      assert.match(text, /^(\w{3}):(0[3-9]|10):[03]0-\1:(0[4-9]|1[01]):[03]0$/);
    }
  });
  it('reach over midnight where the quiet hours do', () => {
    const found = new Set(randoms.map((random) => defaultMaintenanceWindow('eu-west-1', random).text));
    assert.ok(found.has('sun:23:30-mon:00:30'));
    assert.ok(found.has('sat:23:30-sun:00:30'));
  });
  it('use every weekday', () => {
    const found = new Set(
      randoms.map((random) => defaultMaintenanceWindow('us-east-1', random).text.slice(0, 3)),
    );
    assert.equal(found.size, 7);
  });
  it('never overlap each other, whichever was given', () => {
    for (const random of randoms) {
      const maintenance = defaultMaintenanceWindow('sa-east-1', random);
      assert.ok(!windowsOverlap(maintenance, defaultSnapshotWindow('sa-east-1', random, maintenance)));
      const snapshot = parseSnapshotWindow('02:00-05:00');
      assert.ok(!windowsOverlap(defaultMaintenanceWindow('sa-east-1', random, snapshot), snapshot));
    }
  });
  it('leave the quiet hours when a long maintenance window takes all of them', () => {
    const maintenance = parseMaintenanceWindow('sun:00:00-sun:20:00');
    assert.ok(!windowsOverlap(maintenance, defaultSnapshotWindow('us-east-1', 0.5, maintenance)));
  });
  it('fall back to the quiet hours when maintenance takes a whole day', () => {
    const maintenance = parseMaintenanceWindow('sun:05:00-mon:05:00');
    assert.equal(defaultSnapshotWindow('us-east-1', 0, maintenance).text, '03:00-04:00');
  });
});
