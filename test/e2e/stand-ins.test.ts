/** Versions that nobody packages any more: refused, or served by a newer engine of the same kind where that is allowed. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import {
  CreateCacheParameterGroupCommand,
  CreateReplicationGroupCommand,
  DescribeCacheEngineVersionsCommand,
  type ElastiCacheClient,
  IncreaseReplicaCountCommand,
  ModifyCacheParameterGroupCommand,
} from '@aws-sdk/client-elasticache';
import { runLimber } from '../support/command.ts';
import { eventually } from '../support/eventually.ts';
import { type Limber, startLimber } from '../support/limber.ts';
import {
  createCluster,
  createGroup,
  describeCluster,
  describeGroup,
  endpointsOf,
  eventsOf,
  groupAvailable,
  small,
} from './caches.ts';
import { valkey } from './engine-clients.ts';

describe('a version that nobody packages any more', () => {
  let limber: Limber;
  let client: ElastiCacheClient;
  before(async () => {
    limber = await startLimber({ env: { LIMBER_STAND_INS: '1' } });
    client = limber.client();
  });

  const messages = async (id: string) => (await eventsOf(client, id)).map(({ Message }) => Message ?? '');
  const run = async (words: readonly string[]) =>
    (await runLimber([...words, '--data', limber.dataDirectory])).stdout;

  it('runs as the nearest newer one, and the API answers what was asked for', async (t) => {
    const group = await createGroup(client, {
      ...{ ReplicationGroupId: 'old', Engine: 'redis', EngineVersion: '6.2', NumCacheClusters: 1 },
    });
    const member = await describeCluster(client, 'old-001');
    assert.equal(member.EngineVersion, '6.2.6');
    assert.equal(member.CacheNodeType, small);
    assert.equal(member.CacheParameterGroup?.CacheParameterGroupName, 'default.redis6.x');
    assert.match(String(await valkey(t, endpointsOf(group).primary).info('server')), /redis_version:7\.0\./);
    assert.ok((await messages('old')).some((text) => /redis 7\.0\.\d+ stands in for it/.test(text)));
    assert.match(await run(['status']), /old +redis 7\.0\.\d+ for 6\.2 /);
    assert.match(await run(['doctor']), /old: redis 7\.0\.\d+ stands in for 6\.2/);
    const { CacheEngineVersions = [] } = await client.send(
      new DescribeCacheEngineVersionsCommand({ Engine: 'redis', EngineVersion: '6.2' }),
    );
    assert.match(CacheEngineVersions[0]?.CacheEngineVersionDescription ?? '', /7\.0\.\d+ stands in for it/);
  });

  it('keeps the parameters of its own family: mapped where the engine names them otherwise, told of where it lacks them', async (t) => {
    await client.send(
      new CreateCacheParameterGroupCommand({
        ...{ CacheParameterGroupName: 'fifth', CacheParameterGroupFamily: 'redis5.0', Description: 'old' },
      }),
    );
    const values = { 'hash-max-ziplist-entries': '77', 'lua-replicate-commands': 'no' };
    await client.send(
      new ModifyCacheParameterGroupCommand({
        CacheParameterGroupName: 'fifth',
        ParameterNameValues: Object.entries(values).map(([ParameterName, ParameterValue]) => ({
          ...{ ParameterName, ParameterValue },
        })),
      }),
    );
    const group = await createGroup(client, {
      ...{ ReplicationGroupId: 'tuned', Engine: 'redis', EngineVersion: '5.0.6' },
      CacheParameterGroupName: 'fifth',
    });
    assert.equal((await describeCluster(client, 'tuned-001')).EngineVersion, '5.0.6');
    assert.ok(
      (await messages('tuned')).some((text) =>
        text.startsWith('The parameter lua-replicate-commands is kept but not applied'),
      ),
    );
    const engine = valkey(t, endpointsOf(group).primary);
    const pairs = Array.from({ length: 77 }, (_, index) => [`field${index}`, '1']).flat();
    await engine.hset('small', ...pairs);
    await engine.hset('large', ...pairs, 'one', 'more');
    assert.equal(await engine.object('ENCODING', 'small'), 'listpack');
    assert.equal(await engine.object('ENCODING', 'large'), 'hashtable');
  });

  it('is a Memcached too', async () => {
    const cluster = await createCluster(client, {
      ...{ CacheClusterId: 'older', Engine: 'memcached', EngineVersion: '1.4.24' },
      CacheNodeType: 'cache.m3.medium', // newer types have never run it
    });
    assert.equal(cluster.EngineVersion, '1.4.24');
    assert.equal(cluster.CacheParameterGroup?.CacheParameterGroupName, 'default.memcached1.4');
    assert.match(await run(['status']), /older +memcached 1\.6\.\d+ for 1\.4\.24 /);
  });

  it('stays as it is when Limber starts without that permission; only new ones are refused', async () => {
    await limber.restart({ env: { LIMBER_STAND_INS: '' } });
    const refused = client.send(
      new CreateReplicationGroupCommand({
        ...{ ReplicationGroupId: 'new', ReplicationGroupDescription: 'refused', CacheNodeType: small },
        ...{ Engine: 'redis', EngineVersion: '6.2' },
      }),
    );
    await assert.rejects(refused, {
      name: 'InvalidParameterCombinationException',
      message: /^Cannot find version 6\.2 for redis\..*--stand-ins.*LIMBER_STAND_INS=1/,
    });
    await client.send(
      new IncreaseReplicaCountCommand({
        ...{ ReplicationGroupId: 'old', NewReplicaCount: 1, ApplyImmediately: true },
      }),
    );
    await groupAvailable(client, 'old');
    assert.equal((await describeGroup(client, 'old')).MemberClusters?.length, 2);
    assert.equal((await describeCluster(client, 'old-002')).EngineVersion, '6.2.6');
    await eventually(async () => /old +redis 7\.0\.\d+ for 6\.2 /.test(await run(['status'])));
  });
});
