import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import {
  CreateCacheClusterCommand,
  type CreateCacheClusterCommandInput,
  CreateReplicationGroupCommand,
  type CreateReplicationGroupCommandInput,
  DescribeCacheClustersCommand,
  DescribeReplicationGroupsCommand,
  ModifyCacheClusterCommand,
  type ModifyCacheClusterCommandInput,
} from '@aws-sdk/client-elasticache';
import { startLimber } from '../support/limber.ts';
import { createCluster, small } from './caches.ts';

const limber = await startLimber();
const client = limber.client();

const combination = 'InvalidParameterCombinationException';
const value = 'InvalidParameterValueException';

type Table<Input> = readonly (readonly [
  what: string,
  input: Partial<Input>,
  name: string,
  message: RegExp,
])[];

describe('CreateReplicationGroup refuses, and makes nothing half:', () => {
  const refusals: Table<CreateReplicationGroupCommandInput> = [
    ['an id that begins with a digit', { ReplicationGroupId: '1st' }, value, /ReplicationGroupId.*1st/],
    ['an id of 41 characters', { ReplicationGroupId: 'a'.repeat(41) }, value, /ReplicationGroupId.*40/],
    ['memcached', { Engine: 'memcached' }, combination, /memcached/],
    ['an unknown engine', { Engine: 'mongodb' }, value, /Engine.*mongodb.*valkey/],
    [
      'a version that nobody has',
      { EngineVersion: '10.7' },
      combination,
      /Cannot find version 10\.7 for valkey/,
    ],
    ['a patch version', { EngineVersion: '8.1.3' }, value, /'8\.1\.3', please use '8\.1'/],
    ['an unknown node type', { CacheNodeType: 'cache.t4g.enormous' }, value, /CacheNodeType.*enormous/],
    ['seven members', { NumCacheClusters: 7 }, value, /NumCacheClusters.*7.*1 to 6/],
    ['six replicas', { NumNodeGroups: 2, ReplicasPerNodeGroup: 6 }, value, /ReplicasPerNodeGroup.*0 to 5/],
    ['501 node groups', { NumNodeGroups: 501 }, value, /NumNodeGroups.*501.*1 to 500/],
    ['no node group', { NumNodeGroups: 0 }, value, /NumNodeGroups.*0.*1 to 500/],
    ['failover without a replica', { AutomaticFailoverEnabled: true }, combination, /at least 1 replica/],
    [
      'a cluster without failover',
      { NumNodeGroups: 2, AutomaticFailoverEnabled: false },
      value,
      /^Redis with cluster mode enabled cannot be created with auto failover turned off\.$/,
    ],
    [
      'Multi-AZ without failover',
      { NumCacheClusters: 2, MultiAZEnabled: true },
      combination,
      /MultiAZEnabled/,
    ],
    ['a low port', { Port: 80 }, value, /Port.*80.*1024 to 65535/],
    [
      'an unknown parameter group',
      { CacheParameterGroupName: 'none' },
      'CacheParameterGroupNotFoundFault',
      /none/,
    ],
    [
      'a parameter group of another family',
      { CacheParameterGroupName: 'default.redis7' },
      combination,
      /redis7/,
    ],
    ['an unknown subnet group', { CacheSubnetGroupName: 'none' }, 'CacheSubnetGroupNotFoundFault', /none/],
    [
      'an unknown security group',
      { CacheSecurityGroupNames: ['none'] },
      'CacheSecurityGroupNotFoundFault',
      /none/,
    ],
    [
      'a window that is none',
      { PreferredMaintenanceWindow: 'some day' },
      value,
      /PreferredMaintenanceWindow/,
    ],
    ['a window of half an hour', { SnapshotWindow: '05:00-05:30' }, value, /SnapshotWindow.*60/],
    [
      'windows that meet',
      { PreferredMaintenanceWindow: 'sun:05:00-sun:06:00', SnapshotWindow: '05:30-06:30' },
      combination,
      /05:30-06:30/,
    ],
    ['backups for 36 days', { SnapshotRetentionLimit: 36 }, value, /SnapshotRetentionLimit.*36.*0 to 35/],
    [
      'a zone of another region',
      { PreferredCacheClusterAZs: ['eu-west-1a'] },
      value,
      /eu-west-1a.*us-east-1a/,
    ],
    [
      'zones for other than the members',
      { NumCacheClusters: 2, PreferredCacheClusterAZs: ['us-east-1a'] },
      combination,
      /1 zones for 2 members/,
    ],
    [
      'slots that leave some out',
      {
        AutomaticFailoverEnabled: true,
        NodeGroupConfiguration: [{ Slots: '0-8000' }, { Slots: '8002-16383' }],
      },
      value,
      /8001/,
    ],
    [
      'slots that overlap',
      {
        AutomaticFailoverEnabled: true,
        NodeGroupConfiguration: [{ Slots: '0-9000' }, { Slots: '9000-16383' }],
      },
      value,
      /9000/,
    ],
    [
      'node groups that do not agree',
      {
        NumNodeGroups: 3,
        AutomaticFailoverEnabled: true,
        NodeGroupConfiguration: [{ ReplicaCount: 0 }, { ReplicaCount: 0 }],
      },
      combination,
      /NumNodeGroups is 3.*2/,
    ],
    ['a reserved tag', { Tags: [{ Key: 'aws:tag', Value: '' }] }, value, /aws:/],
  ];
  for (const [what, input, name, message] of refusals)
    it(what, async () => {
      const defaults = {
        ReplicationGroupId: 'refused',
        ReplicationGroupDescription: 'e2e',
        Engine: 'valkey',
        CacheNodeType: small,
      };
      await assert.rejects(client.send(new CreateReplicationGroupCommand({ ...defaults, ...input })), {
        name,
        message,
      });
    });

  it('so that afterwards there is no cache at all', async () => {
    assert.deepEqual((await client.send(new DescribeReplicationGroupsCommand({}))).ReplicationGroups, []);
    assert.deepEqual((await client.send(new DescribeCacheClustersCommand({}))).CacheClusters, []);
    assert.deepEqual((await limber.status()).caches, []);
  });
});

describe('CreateCacheCluster refuses:', () => {
  const refusals: Table<CreateCacheClusterCommandInput> = [
    [
      'no number of nodes for memcached',
      { NumCacheNodes: undefined },
      value,
      /NumCacheNodes must be provided/,
    ],
    ['41 nodes', { NumCacheNodes: 41 }, 'NodeQuotaForClusterExceededFault', /40/],
    ['two nodes of redis', { Engine: 'redis', NumCacheNodes: 2 }, value, /NumCacheNodes should be 1/],
    [
      'Valkey, in the words that programs match',
      { Engine: 'valkey' },
      value,
      /^This API doesn't support Valkey engine\. Please use CreateReplicationGroup API for Valkey cluster creation\.$/,
    ],
    ['one node across zones', { AZMode: 'cross-az' }, combination, /AZMode cross-az/],
    [
      'zones for other than the nodes',
      { NumCacheNodes: 2, PreferredAvailabilityZones: ['us-east-1a'] },
      combination,
      /1 zones for 2 nodes/,
    ],
    ['backups of memcached', { SnapshotRetentionLimit: 1 }, combination, /memcached, which has no snapshots/],
    [
      'a parameter group with cluster mode',
      { Engine: 'redis', EngineVersion: '7.0', CacheParameterGroupName: 'default.redis7.cluster.on' },
      combination,
      /CreateReplicationGroup/,
    ],
  ];
  for (const [what, input, name, message] of refusals)
    it(what, async () => {
      const defaults = {
        CacheClusterId: 'refused',
        Engine: 'memcached',
        CacheNodeType: small,
        NumCacheNodes: 1,
      };
      await assert.rejects(client.send(new CreateCacheClusterCommand({ ...defaults, ...input })), {
        name,
        message,
      });
    });
});

describe('ModifyCacheCluster refuses:', () => {
  before(async () => {
    await createCluster(client, { CacheClusterId: 'nodes', Engine: 'memcached', NumCacheNodes: 2 });
  });

  const refusals: Table<ModifyCacheClusterCommandInput> = [
    ['fewer nodes without their ids', { NumCacheNodes: 1 }, combination, /exactly the 1 nodes/],
    [
      'ids of nodes that it does not have',
      { NumCacheNodes: 1, CacheNodeIdsToRemove: ['0009'] },
      value,
      /0009/,
    ],
    [
      'more ids than nodes to remove',
      { NumCacheNodes: 1, CacheNodeIdsToRemove: ['0001', '0002'] },
      combination,
      /2/,
    ],
    ['41 nodes', { NumCacheNodes: 41 }, 'NodeQuotaForClusterExceededFault', /40/],
    ['no change', {}, combination, /No modifications were requested/],
    [
      'one zone for nodes in several',
      { NumCacheNodes: 3, AZMode: 'single-az', NewAvailabilityZones: ['us-east-1c'] },
      combination,
      /us-east-1a, us-east-1c/,
    ],
  ];
  for (const [what, input, name, message] of refusals)
    it(what, async () => {
      const command = new ModifyCacheClusterCommand({
        CacheClusterId: 'nodes',
        ApplyImmediately: true,
        ...input,
      });
      await assert.rejects(client.send(command), { name, message });
    });
});
