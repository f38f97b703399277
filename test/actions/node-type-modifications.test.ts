import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { listAllowedNodeTypeModifications } from '../../src/actions/node-types/list-allowed-node-type-modifications.ts';
import { openFixture, refused, storeGroup } from './group-fixture.ts';

describe('ListAllowedNodeTypeModifications', () => {
  it('lists larger and smaller types for a group and for each of its members', async (t) => {
    const fixture = await openFixture(t);
    await storeGroup(fixture, 'orders');
    const answer = await fixture.call(listAllowedNodeTypeModifications, { ReplicationGroupId: 'Orders' });
    assert.ok(answer.ScaleUpModifications?.includes('cache.r7g.large'));
    assert.ok(answer.ScaleDownModifications?.includes('cache.t4g.micro'));
    assert.ok(!answer.ScaleUpModifications?.some((type) => type.includes('r6gd')));
    const member = await fixture.call(listAllowedNodeTypeModifications, { CacheClusterId: 'orders-002' });
    assert.deepEqual(member, answer);
  });

  it('wants a cache cluster or a replication group, not both and not neither', async (t) => {
    const fixture = await openFixture(t);
    const code = 'InvalidParameterCombination';
    const both = { ReplicationGroupId: 'a', CacheClusterId: 'a' };
    await refused(fixture.call(listAllowedNodeTypeModifications, {}), code, 'CacheClusterId');
    await refused(fixture.call(listAllowedNodeTypeModifications, both), code, 'ReplicationGroupId');
  });

  it('answers the kind’s own code for what does not exist', async (t) => {
    const fixture = await openFixture(t);
    const list = (input: object) => fixture.call(listAllowedNodeTypeModifications, input);
    await refused(list({ CacheClusterId: 'nope' }), 'CacheClusterNotFound', 'nope');
    await refused(list({ ReplicationGroupId: 'nope' }), 'ReplicationGroupNotFoundFault', 'nope');
  });
});
