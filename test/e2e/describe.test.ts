import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import {
  AddTagsToResourceCommand,
  type CacheCluster,
  CreateReplicationGroupCommand,
  DescribeCacheClustersCommand,
  DescribeEventsCommand,
  DescribeReplicationGroupsCommand,
  ListTagsForResourceCommand,
  ModifyReplicationGroupCommand,
  paginateDescribeCacheClusters,
  paginateDescribeReplicationGroups,
  RemoveTagsFromResourceCommand,
  type ReplicationGroup,
} from '@aws-sdk/client-elasticache';
import { startLimber } from '../support/limber.ts';
import {
  createCluster,
  createGroup,
  describeCluster,
  describeGroup,
  groupAvailable,
  small,
} from './caches.ts';

const limber = await startLimber();
const client = limber.client();

const arn = (type: string, id: string) =>
  `arn:aws:elasticache:us-east-1:${limber.credentials.account}:${type}:${id}`;

describe('the answer to a creation', () => {
  it('says creating, with the ids of the members and without endpoints', async () => {
    const { ReplicationGroup: answer } = await client.send(
      new CreateReplicationGroupCommand({
        ReplicationGroupId: 'New-Group',
        ReplicationGroupDescription: 'a description',
        Engine: 'valkey',
        CacheNodeType: small,
        NumCacheClusters: 2,
        AutomaticFailoverEnabled: true,
      }),
    );
    assert.equal(answer?.ReplicationGroupId, 'new-group');
    assert.equal(answer?.Status, 'creating');
    assert.deepEqual(answer?.MemberClusters, ['new-group-001', 'new-group-002']);
    assert.equal(answer?.NodeGroups, undefined);
    assert.equal(answer?.AutomaticFailover, 'enabled');
    assert.equal(answer?.ARN, arn('replicationgroup', 'new-group'));
    await groupAvailable(client, 'new-group');
  });
});

describe('a replication group as it is described', () => {
  let group: ReplicationGroup;
  let member: CacheCluster;

  before(async () => {
    group = await createGroup(client, {
      ReplicationGroupId: 'shown',
      ReplicationGroupDescription: 'what is shown',
      NumCacheClusters: 2,
      AutomaticFailoverEnabled: true,
      MultiAZEnabled: true,
      PreferredMaintenanceWindow: 'SUN:23:00-MON:01:30',
      SnapshotWindow: '05:00-06:00',
      NotificationTopicArn: 'arn:aws:sns:us-east-1:111122223333:topic',
      SecurityGroupIds: ['sg-0123456789abcdef0'],
      AutoMinorVersionUpgrade: false,
      EngineVersion: '8.1',
    });
    member = await describeCluster(client, 'shown-002');
  });

  it('has the settings that were asked for and the documented defaults', () => {
    const { NodeGroups, MemberClusters, ReplicationGroupCreateTime, ...settings } = group;
    assert.deepEqual(settings, {
      ReplicationGroupId: 'shown',
      Description: 'what is shown',
      Status: 'available',
      PendingModifiedValues: {},
      AutomaticFailover: 'enabled',
      MultiAZ: 'enabled',
      SnapshotRetentionLimit: 0,
      SnapshotWindow: '05:00-06:00',
      ClusterEnabled: false,
      CacheNodeType: small,
      AuthTokenEnabled: false,
      TransitEncryptionEnabled: false,
      AtRestEncryptionEnabled: true,
      ARN: arn('replicationgroup', 'shown'),
      DataTiering: 'disabled',
      AutoMinorVersionUpgrade: false,
      NetworkType: 'ipv4',
      IpDiscovery: 'ipv4',
      ClusterMode: 'disabled',
      Engine: 'valkey',
      LogDeliveryConfigurations: [],
      UserGroupIds: [],
      Durability: 'default',
      EffectiveDurability: 'disabled',
    });
  });

  it('shows each member as a cache cluster with the settings of the group', () => {
    assert.equal(member.ReplicationGroupId, 'shown');
    assert.equal(member.CacheClusterStatus, 'available');
    assert.equal(member.PreferredMaintenanceWindow, 'sun:23:00-mon:01:30');
    assert.deepEqual(member.NotificationConfiguration, {
      TopicArn: 'arn:aws:sns:us-east-1:111122223333:topic',
      TopicStatus: 'active',
    });
    assert.deepEqual(member.SecurityGroups, [{ SecurityGroupId: 'sg-0123456789abcdef0', Status: 'active' }]);
    assert.equal(member.CacheSubnetGroupName, 'default');
    assert.equal(member.CacheParameterGroup?.CacheParameterGroupName, 'default.valkey8');
    assert.equal(member.AutoMinorVersionUpgrade, false);
    assert.equal(member.PreferredAvailabilityZone, 'us-east-1b');
    assert.equal(member.ARN, arn('cluster', 'shown-002'));
  });

  it('dates group, members and nodes', () => {
    const created = group.ReplicationGroupCreateTime?.getTime() ?? 0;
    assert.ok(Math.abs(created - Date.now()) < 60_000);
    assert.equal(member.CacheClusterCreateTime?.getTime(), created);
    assert.ok((member.CacheNodes?.[0]?.CacheNodeCreateTime?.getTime() ?? 0) >= created);
  });

  it('shows at once what is modified without touching a node, on the members too', async () => {
    await client.send(
      new ModifyReplicationGroupCommand({
        ReplicationGroupId: 'shown',
        ReplicationGroupDescription: 'another',
        PreferredMaintenanceWindow: 'tue:02:00-tue:03:00',
        SnapshotRetentionLimit: 3,
        SnapshottingClusterId: 'shown-002',
        NotificationTopicStatus: 'inactive',
        AutoMinorVersionUpgrade: true,
        MultiAZEnabled: false,
        AutomaticFailoverEnabled: false,
      }),
    );
    const changed = await describeGroup(client, 'shown');
    assert.equal(changed.Status, 'available');
    assert.equal(changed.Description, 'another');
    assert.equal(changed.SnapshotRetentionLimit, 3);
    assert.equal(changed.AutomaticFailover, 'disabled');
    assert.equal(changed.MultiAZ, 'disabled');
    const changedMember = await describeCluster(client, 'shown-001');
    assert.equal(changedMember.PreferredMaintenanceWindow, 'tue:02:00-tue:03:00');
    assert.equal(changedMember.NotificationConfiguration?.TopicStatus, 'inactive');
    assert.equal(changedMember.AutoMinorVersionUpgrade, true);
  });

  it('is not changed by a request that names no change', async () => {
    await assert.rejects(
      client.send(new ModifyReplicationGroupCommand({ ReplicationGroupId: 'shown', ApplyImmediately: true })),
      { name: 'InvalidParameterCombinationException', message: 'No modifications were requested' },
    );
  });
});

describe('tags', () => {
  const tagsOf = async (type: string, id: string) =>
    (await client.send(new ListTagsForResourceCommand({ ResourceName: arn(type, id) }))).TagList;

  before(async () => {
    await createGroup(client, {
      ReplicationGroupId: 'tagged',
      NumCacheClusters: 2,
      Tags: [{ Key: 'team', Value: 'web' }],
    });
  });

  it('of a group are on its members too', async () => {
    for (const [type, id] of [
      ['replicationgroup', 'tagged'],
      ['cluster', 'tagged-001'],
      ['cluster', 'tagged-002'],
    ] as const)
      assert.deepEqual(await tagsOf(type, id), [{ Key: 'team', Value: 'web' }]);
  });

  it('that are added to a group or removed from it follow on its members', async () => {
    const ResourceName = arn('replicationgroup', 'tagged');
    await client.send(
      new AddTagsToResourceCommand({ ResourceName, Tags: [{ Key: 'stage', Value: 'test' }] }),
    );
    await client.send(new RemoveTagsFromResourceCommand({ ResourceName, TagKeys: ['team'] }));
    assert.deepEqual(await tagsOf('cluster', 'tagged-002'), [{ Key: 'stage', Value: 'test' }]);
  });
});

describe('lists', () => {
  before(async () => {
    await Promise.all([
      ...Array.from({ length: 23 }, (_, index) =>
        createCluster(client, {
          CacheClusterId: `page-${String(index).padStart(2, '0')}`,
          Engine: 'memcached',
        }),
      ),
    ]);
  });

  it('come in pages, whose markers lead through all of them once', async () => {
    const pages: string[][] = [];
    for await (const page of paginateDescribeCacheClusters(
      { client, pageSize: 20 },
      { ShowCacheClustersNotInReplicationGroups: true },
    ))
      pages.push((page.CacheClusters ?? []).map((cluster) => cluster.CacheClusterId ?? ''));
    assert.deepEqual(
      pages.map((page) => page.length),
      [20, 3],
    );
    const ids = pages.flat();
    assert.deepEqual(ids, ids.toSorted());
    assert.equal(new Set(ids).size, 23);
  });

  it('of clusters hold the members of groups unless they are not wanted', async () => {
    const { CacheClusters = [] } = await client.send(new DescribeCacheClustersCommand({}));
    assert.ok(CacheClusters.some((cluster) => cluster.CacheClusterId === 'tagged-001'));
  });

  it('of clusters show nodes only when asked', async () => {
    const { CacheClusters: without = [] } = await client.send(new DescribeCacheClustersCommand({}));
    assert.ok(without.every((cluster) => cluster.CacheNodes === undefined));
    const { CacheClusters: shown = [] } = await client.send(
      new DescribeCacheClustersCommand({ ShowCacheNodeInfo: true }),
    );
    assert.ok(shown.every((cluster) => cluster.CacheNodes?.length === 1));
  });

  it('of groups come in pages as well', async () => {
    const ids: (string | undefined)[] = [];
    for await (const page of paginateDescribeReplicationGroups({ client, pageSize: 20 }, {}))
      ids.push(...(page.ReplicationGroups ?? []).map((group) => group.ReplicationGroupId));
    assert.deepEqual(ids, ['new-group', 'shown', 'tagged']);
  });

  for (const MaxRecords of [19, 101])
    it(`refuse a page of ${MaxRecords}`, async () => {
      await assert.rejects(client.send(new DescribeReplicationGroupsCommand({ MaxRecords })), {
        name: 'InvalidParameterValueException',
        message: new RegExp(`MaxRecords.*${MaxRecords}`),
      });
    });

  it('refuse a marker that was not handed out', async () => {
    await assert.rejects(client.send(new DescribeReplicationGroupsCommand({ Marker: '*' })), {
      name: 'InvalidParameterValueException',
      message: /Marker/,
    });
  });
});

describe('events', () => {
  it('are found by what they are about', async () => {
    const { Events = [] } = await client.send(
      new DescribeEventsCommand({ SourceType: 'replication-group', SourceIdentifier: 'tagged' }),
    );
    assert.deepEqual(
      Events.map((event) => [event.SourceIdentifier, event.SourceType, event.Message]),
      [['tagged', 'replication-group', 'Replication group tagged created']],
    );
  });
});

describe('regions', () => {
  it('stand side by side: the same id in two of them is two caches', async () => {
    const europe = limber.client({ region: 'eu-west-1' });
    const there = await createGroup(europe, { ReplicationGroupId: 'tagged' });
    const here = await describeGroup(client, 'tagged');
    assert.equal(there.ARN, arn('replicationgroup', 'tagged').replace('us-east-1', 'eu-west-1'));
    assert.equal(here.ARN, arn('replicationgroup', 'tagged'));
    assert.equal(there.MemberClusters?.length, 1);
    assert.equal(here.MemberClusters?.length, 2);
    const { ReplicationGroups = [] } = await europe.send(new DescribeReplicationGroupsCommand({}));
    assert.equal(ReplicationGroups.length, 1);
    assert.equal(there.NodeGroups?.[0]?.NodeGroupMembers?.[0]?.PreferredAvailabilityZone, 'eu-west-1a');
  });
});
