import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ServiceError } from '../../src/model/service-errors.ts';
import {
  checkSlotsCoverAll,
  countSlots,
  evenSlotRanges,
  formatSlots,
  parseSlots,
  slotRangesOf,
} from '../../src/model/slots.ts';

const refused = (run: () => unknown, pattern: RegExp) =>
  assert.throws(
    run,
    (error: unknown) =>
      error instanceof ServiceError && error.code === 'InvalidParameterValue' && pattern.test(error.message),
  );

describe('even slots', () => {
  const rows: [number, string[]][] = [
    [1, ['0-16383']],
    [2, ['0-8191', '8192-16383']],
    [3, ['0-5461', '5462-10922', '10923-16383']],
  ];
  for (const [groups, expected] of rows)
    it(`of ${groups} groups are ${expected.join(' ')}`, () =>
      assert.deepEqual(
        evenSlotRanges(groups).map((range) => formatSlots([range])),
        expected,
      ));
  it('cover everything once and differ by at most one, for 1 to 500 groups', () => {
    for (let groups = 1; groups <= 500; groups += 1) {
      const ranges = evenSlotRanges(groups);
      const sizes = ranges.map((range) => countSlots([range]));
      assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1);
      checkSlotsCoverAll(ranges.map((range, index) => ({ nodeGroupId: String(index), ranges: [range] })));
    }
  });
});

describe('lists of slots', () => {
  it('are sorted and joined', () =>
    assert.equal(formatSlots(parseSlots('200-299,0-99, 100-150 ,7000')), '0-150,200-299,7000'));
  it('are made from single slots', () => assert.equal(formatSlots(slotRangesOf([3, 1, 2, 9, 2])), '1-3,9'));
  it('are empty for no slots', () => assert.equal(formatSlots([]), ''));
  for (const value of ['', 'a', '5-1', '16384', '0-16384', '-1', '1,,2', '0-5;6-9'])
    it(`refuse "${value}"`, () => refused(() => parseSlots(value), /Slots.*0 to 16383/));
  it('refuse a slot named twice', () => refused(() => parseSlots('0-10,5-20'), /slot 5 more than once/));
});

describe('slots given by the user', () => {
  const groups = (...lists: string[]) =>
    lists.map((list, index) => ({ nodeGroupId: `000${index + 1}`, ranges: parseSlots(list) }));
  it('are fine when each slot is given once', () =>
    checkSlotsCoverAll(groups('0-99,8000-16383', '100-7999')));
  it('are refused when some are missing, which are named', () =>
    refused(() => checkSlotsCoverAll(groups('0-99', '200-16383')), /leaves out the slots 100-199/));
  it('are refused when two groups have the same, which are named', () =>
    refused(
      () => checkSlotsCoverAll(groups('0-9000', '9000-16383')),
      /slot 9000 to two node groups, 0001 and 0002/,
    ));
});
