import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ServiceError } from '../../src/model/service-errors.ts';
import {
  parseZone,
  placeMemcachedNodes,
  spreadNodeGroup,
  zonesForJoining,
  zonesOf,
} from '../../src/model/zones.ts';

describe('availability zones', () => {
  it('are three per region', () =>
    assert.deepEqual(zonesOf('us-east-1'), ['us-east-1a', 'us-east-1b', 'us-east-1c']));
  it('are read without regard to case', () =>
    assert.equal(parseZone('US-EAST-1B', 'us-east-1'), 'us-east-1b'));
  for (const zone of ['us-east-1d', 'eu-west-1a', 'us-east-1', ''])
    it(`do not include "${zone}" in us-east-1`, () =>
      assert.throws(
        () => parseZone(zone, 'us-east-1'),
        (error: unknown) =>
          error instanceof ServiceError &&
          error.code === 'InvalidParameterValue' &&
          error.message.startsWith(`${zone} is not a valid availability zone. The zones of us-east-1 are`),
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
