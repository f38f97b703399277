import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sliceOf } from '../../src/endpoints/addresses.ts';
import { ServiceError } from '../../src/model/service-errors.ts';
import {
  parseZone,
  placeMemcachedNodes,
  spreadNodeGroup,
  zonesForJoining,
  zonesOf,
} from '../../src/model/zones.ts';

describe('availability zones', () => {
  for (const [region, letters] of [
    ['eu-west-1', 'abc'],
    ['us-east-1', 'abcdef'],
    ['us-west-2', 'abcd'],
    ['ca-central-1', 'abd'],
    ['ap-northeast-1', 'acd'],
    ['a-region-of-tomorrow-1', 'abc'],
  ] as const)
    it(`are those that ${region} really has: ${letters}`, () => {
      const zones = [...letters].map((letter) => region + letter);
      assert.deepEqual(zonesOf(region), zones);
      for (const zone of zones) assert.equal(parseZone(zone, region), zone);
    });
  it('all have a slice of the address pool', () => {
    for (const zone of zonesOf('us-east-1')) assert.equal(sliceOf(zone), zone.at(-1));
  });
  it('are read without regard to case', () =>
    assert.equal(parseZone('US-EAST-1B', 'us-east-1'), 'us-east-1b'));
  for (const [zone, region] of [
    ['us-east-1g', 'us-east-1'],
    ['eu-west-1a', 'us-east-1'],
    ['us-east-1', 'us-east-1'],
    ['', 'us-east-1'],
    ['ca-central-1c', 'ca-central-1'],
    ['ap-northeast-1b', 'ap-northeast-1'],
  ] as const)
    it(`do not include "${zone}" in ${region}`, () =>
      assert.throws(
        () => parseZone(zone, region),
        (error: unknown) =>
          error instanceof ServiceError &&
          error.code === 'InvalidParameterValue' &&
          error.message.startsWith(`${zone} is not a valid availability zone. The zones of ${region} are`),
      ));
  it('hold the primary and the replicas of a node group apart', () =>
    assert.deepEqual(spreadNodeGroup('r', 0, 4), ['ra', 'rb', 'rc', 'ra']));
  it('share the primaries of several node groups', () =>
    assert.deepEqual(
      [0, 1, 2, 3].map((group) => spreadNodeGroup('r', group, 2)[0]),
      ['ra', 'rb', 'rc', 'ra'],
    ));
  it('hold a Memcached cluster in one, or in all in turn when asked', () => {
    assert.deepEqual(placeMemcachedNodes('r', 'single-az', 3), ['ra', 'ra', 'ra']);
    assert.deepEqual(placeMemcachedNodes('r', 'cross-az', 4), ['ra', 'rb', 'rc', 'ra']);
  });
  it('get joining nodes where there are fewest', () =>
    assert.deepEqual(zonesForJoining('r', ['ra', 'ra', 'rc'], 3), ['rb', 'rb', 'rc']));
});
