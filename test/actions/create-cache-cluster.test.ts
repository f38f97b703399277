import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CreateCacheClusterMessage } from '@aws-sdk/client-elasticache';
import type { ActionDeps } from '../../src/actions/action.ts';
import { createCacheCluster } from '../../src/actions/cache-clusters/create-cache-cluster.ts';
import { describeCacheClusters } from '../../src/actions/cache-clusters/describe-cache-clusters.ts';
import { modifyCacheCluster } from '../../src/actions/cache-clusters/modify-cache-cluster.ts';
import { account, type Fixture, openFixture, refused, region } from './group-fixture.ts';

async function create(
  fixture: Fixture,
  input: Partial<CreateCacheClusterMessage> = {},
  settings: Partial<ActionDeps> = {},
) {
  const defaults = { CacheClusterId: 'single', Engine: 'redis', CacheNodeType: 'cache.t4g.small' };
  const action = (deps: ActionDeps) => createCacheCluster({ ...deps, ...settings });
  const { CacheCluster } = await fixture.call(action, { ...defaults, ...input });
  return CacheCluster ?? {};
}

describe('CreateCacheCluster', () => {
  it('refuses Valkey as ElastiCache does, unless a setting says otherwise', async (t) => {
    const fixture = await openFixture(t);
    const text =
      "This API doesn't support Valkey engine. Please use CreateReplicationGroup API for Valkey cluster creation.";
    for (const Engine of ['valkey', 'Valkey'])
      await refused(create(fixture, { Engine }), 'InvalidParameterValue', text);
    const made = await create(fixture, { Engine: 'valkey' }, { allowValkeyCacheClusters: true });
    assert.deepEqual([made.Engine, made.CacheClusterStatus], ['valkey', 'creating']);
  });

  it('refuses the id of a cluster that there is, in the words that programs match', async (t) => {
    const fixture = await openFixture(t);
    await create(fixture);
    await refused(
      create(fixture, { CacheClusterId: 'Single' }),
      'CacheClusterAlreadyExists',
      'Cache cluster already exists',
    );
  });

  it('answers the version that Describe shows afterwards', async (t) => {
    const fixture = await openFixture(t);
    const versions = { '7.0': '7.0.15', '7.1': '7.1.0' };
    for (const [EngineVersion, shown] of Object.entries(versions)) {
      const CacheClusterId = `redis-${EngineVersion.replace('.', '-')}`;
      assert.equal((await create(fixture, { CacheClusterId, EngineVersion })).EngineVersion, shown);
      const { CacheClusters: [one] = [] } = await fixture.call(describeCacheClusters, { CacheClusterId });
      assert.equal(one?.EngineVersion, shown);
    }
  });
});

describe('cache security groups of a cache', () => {
  const old = { CacheSecurityGroupNames: ['default'] };
  const text =
    'Use of cache security groups is not permitted along with cache subnet group and/or security group Ids.';

  it('are refused together with those of EC2 or with a subnet group', async (t) => {
    const fixture = await openFixture(t);
    for (const other of [{ SecurityGroupIds: ['sg-1'] }, { CacheSubnetGroupName: 'default' }])
      await refused(create(fixture, { ...old, ...other }), 'InvalidParameterCombination', text);
    await create(fixture, { SecurityGroupIds: ['sg-1'] });
    await settle(fixture);
    await refused(
      fixture.call(modifyCacheCluster, { CacheClusterId: 'single', ...old, SecurityGroupIds: ['sg-2'] }),
      'InvalidParameterCombination',
      text,
    );
  });

  it('show `default` when it is asked for, at creation and by a change', async (t) => {
    const fixture = await openFixture(t);
    const shown = [{ CacheSecurityGroupName: 'default', Status: 'active' }];
    assert.deepEqual(
      (await create(fixture, { CacheSecurityGroupNames: ['Default'] })).CacheSecurityGroups,
      shown,
    );
    assert.deepEqual((await create(fixture, { CacheClusterId: 'other' })).CacheSecurityGroups, []);
    await settle(fixture);
    const { CacheCluster } = await fixture.call(modifyCacheCluster, { CacheClusterId: 'other', ...old });
    assert.deepEqual(CacheCluster?.CacheSecurityGroups, shown);
  });
});

/** Every cluster is available. */
async function settle({ store }: Fixture): Promise<void> {
  const scope = { account, region, kind: 'cache-cluster' } as const;
  for (const row of await store.resources(scope, { after: null, limit: 100 }))
    await store.commit([{ put: 'resource', row: { ...row, version: row.version + 1, status: 'available' } }]);
}
