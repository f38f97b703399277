import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type {
  CreateReplicationGroupMessage,
  ModifyReplicationGroupMessage,
} from '@aws-sdk/client-elasticache';
import { createCacheCluster } from '../../src/actions/cache-clusters/create-cache-cluster.ts';
import { createReplicationGroup } from '../../src/actions/replication-groups/create-replication-group.ts';
import { modifyReplicationGroup } from '../../src/actions/replication-groups/modify-replication-group.ts';
import { hashAuthToken } from '../../src/model/auth-token.ts';
import { newestConfiguration } from '../../src/model/configuration.ts';
import type { ReplicationGroup } from '../../src/model/resource.ts';
import { account, type Fixture, openFixture, refused, region, storePair } from './group-fixture.ts';

const token = 'a-token-of-sixteen-and-more';
const needsEncryption = 'The AUTH token is only supported when encryption-in-transit is enabled';

const create = (fixture: Fixture, input: Partial<CreateReplicationGroupMessage>) =>
  fixture.call(createReplicationGroup, {
    ReplicationGroupId: 'secured',
    ReplicationGroupDescription: 'for a test',
    Engine: 'valkey',
    CacheNodeType: 'cache.t4g.small',
    ...input,
  });

const modify = (fixture: Fixture, input: Partial<ModifyReplicationGroupMessage>) =>
  fixture.call(modifyReplicationGroup, { ReplicationGroupId: 'orders', ApplyImmediately: true, ...input });

const stored = async (fixture: Fixture, id: string) =>
  (await fixture.store.resource({ account, region, kind: 'replication-group', id })) as ReplicationGroup;

describe('AuthToken at creation', () => {
  it('needs encryption in transit and a good form, and memcached and cache clusters have none', async (t) => {
    const fixture = await openFixture(t);
    await refused(create(fixture, { AuthToken: token }), 'InvalidParameterCombination', needsEncryption);
    const secured = { TransitEncryptionEnabled: true };
    await refused(
      create(fixture, { ...secured, AuthToken: 'short' }),
      'InvalidParameterValue',
      'Invalid AuthToken provided.',
    );
    for (const [Engine, words] of [
      ['redis', needsEncryption],
      ['memcached', 'not available with memcached'],
    ] as const)
      await refused(
        fixture.call(createCacheCluster, {
          CacheClusterId: 'nodes',
          Engine,
          CacheNodeType: 'cache.t4g.small',
          NumCacheNodes: 1,
          AuthToken: token,
        }),
        'InvalidParameterCombination',
        words,
      );
  });

  it('stands in the first configuration as a hash, and nowhere as it is', async (t) => {
    const fixture = await openFixture(t);
    const { ReplicationGroup: answer } = await create(fixture, {
      TransitEncryptionEnabled: true,
      AuthToken: token,
    });
    assert.equal(answer?.AuthTokenEnabled, true);
    const group = await stored(fixture, 'secured');
    assert.deepEqual(newestConfiguration(group.desired).auth?.hashes, [hashAuthToken(token)]);
    assert.ok(!JSON.stringify(group).includes(token));
  });
});

describe('AuthToken of a living group', () => {
  const on = { transitEncryption: 'required' } as const;

  it('is refused without encryption in transit', async (t) => {
    const fixture = await openFixture(t);
    await storePair(fixture);
    await refused(modify(fixture, { AuthToken: token }), 'InvalidParameterCombination', needsEncryption);
  });

  it('is refused without the token, later than now, with a promotion, and with DELETE', async (t) => {
    const fixture = await openFixture(t);
    await storePair(fixture, on);
    const combination = 'InvalidParameterCombination';
    for (const strategy of ['SET', 'ROTATE'] as const)
      await refused(
        modify(fixture, { AuthTokenUpdateStrategy: strategy }),
        combination,
        'needs the AuthToken',
      );
    await refused(
      modify(fixture, { AuthToken: token, ApplyImmediately: false }),
      combination,
      'needs ApplyImmediately',
    );
    await refused(
      modify(fixture, { AuthToken: token, PrimaryClusterId: 'orders-002' }),
      combination,
      'cannot be changed in one request',
    );
    await refused(
      modify(fixture, { AuthTokenUpdateStrategy: 'DELETE' }),
      'InvalidParameterValue',
      'Auth token update strategy delete is not supported currently.',
    );
    assert.equal((await fixture.store.openOperations()).length, 0);
  });

  it('makes the next configuration', async (t) => {
    const fixture = await openFixture(t);
    await storePair(fixture, on);
    const { ReplicationGroup: answer } = await modify(fixture, {
      AuthToken: token,
      AuthTokenUpdateStrategy: 'SET',
    });
    assert.equal(answer?.Status, 'modifying');
    const [operation] = await fixture.store.openOperations();
    assert.equal(operation?.kind, 'apply-parameters');
    const { desired } = await stored(fixture, 'orders');
    assert.deepEqual(
      desired.configurations.map(({ version, auth }) => [version, auth?.hashes]),
      [
        [1, undefined],
        [2, [hashAuthToken(token)]],
      ],
    );
  });
});
