import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import {
  CreateCacheClusterCommand,
  type CreateCacheClusterCommandInput,
  CreateReplicationGroupCommand,
  type CreateReplicationGroupCommandInput,
  DeleteReplicationGroupCommand,
  DescribeServerlessCachesCommand,
  DescribeSnapshotsCommand,
  DescribeUsersCommand,
  ModifyCacheClusterCommand,
  type ModifyCacheClusterCommandInput,
  ModifyReplicationGroupCommand,
  type ModifyReplicationGroupCommandInput,
} from '@aws-sdk/client-elasticache';
import { startLimber } from '../support/limber.ts';
import { createCluster, createGroup, describeGroup, small } from './caches.ts';

const limber = await startLimber();
const client = limber.client();

describe('what is not built yet is refused by name, never ignored:', () => {
  before(async () => {
    await Promise.all([
      createGroup(client, { ReplicationGroupId: 'plain', NumCacheClusters: 2 }),
      createCluster(client, { CacheClusterId: 'nodes', Engine: 'memcached', NumCacheNodes: 2 }),
    ]);
  });

  const groups: Partial<CreateReplicationGroupCommandInput>[] = [
    { TransitEncryptionEnabled: true, TransitEncryptionMode: 'preferred' },
    { UserGroupIds: ['users'] },
    { SnapshotName: 'snapshot' },
    { SnapshotArns: ['arn:aws:s3:::bucket/dump.rdb'] },
    { GlobalReplicationGroupId: 'ldgnf-global' },
    { DataTieringEnabled: true },
    { ClusterMode: 'compatible' },
    { NetworkType: 'ipv6' },
    { IpDiscovery: 'ipv6' },
    {
      NodeGroupConfiguration: [{ PrimaryOutpostArn: 'arn:aws:outposts:us-east-1:111122223333:outpost/op-1' }],
    },
  ];
  for (const input of groups)
    it(`CreateReplicationGroup with ${Object.keys(input).at(-1)}`, async () => {
      await assert.rejects(
        client.send(
          new CreateReplicationGroupCommand({
            ReplicationGroupId: 'unbuilt',
            ReplicationGroupDescription: 'e2e',
            Engine: 'valkey',
            CacheNodeType: small,
            ...input,
          }),
        ),
        isNotYet(input.NodeGroupConfiguration ? 'PrimaryOutpostArn' : (Object.keys(input).at(-1) ?? '')),
      );
    });

  const clusters: Partial<CreateCacheClusterCommandInput>[] = [
    { TransitEncryptionEnabled: true },
    { SnapshotName: 'snapshot' },
    { SnapshotArns: ['arn:aws:s3:::bucket/dump.rdb'] },
    { OutpostMode: 'single-outpost' },
    { PreferredOutpostArn: 'arn:aws:outposts:us-east-1:111122223333:outpost/op-1' },
    { NetworkType: 'dual_stack' },
  ];
  for (const input of clusters)
    it(`CreateCacheCluster with ${Object.keys(input)[0]}`, async () => {
      const asked = { CacheClusterId: 'unbuilt', Engine: 'redis', CacheNodeType: small, NumCacheNodes: 1 };
      await assert.rejects(
        client.send(new CreateCacheClusterCommand({ ...asked, ...input })),
        isNotYet(Object.keys(input)[0] ?? ''),
      );
    });

  const modifications: Partial<ModifyReplicationGroupCommandInput>[] = [
    { CacheNodeType: 'cache.m5.large' },
    { EngineVersion: '8.0' },
    { Engine: 'redis' },
    { ClusterMode: 'compatible' },
    { TransitEncryptionMode: 'preferred' },
    { UserGroupIdsToAdd: ['users'] },
    { RemoveUserGroups: true },
  ];
  for (const input of modifications)
    it(`ModifyReplicationGroup with ${Object.keys(input)[0]}`, async () => {
      const command = new ModifyReplicationGroupCommand({ ReplicationGroupId: 'plain', ...input });
      await assert.rejects(client.send(command), isNotYet(Object.keys(input)[0] ?? ''));
    });

  const nodes: Partial<ModifyCacheClusterCommandInput>[] = [
    { CacheNodeType: 'cache.m5.large' },
    { EngineVersion: '1.6.18' },
    { Engine: 'valkey' },
    { ScaleConfig: { ScalePercentage: 50, ScaleIntervalMinutes: 5 } },
  ];
  for (const input of nodes)
    it(`ModifyCacheCluster with ${Object.keys(input)[0]}`, async () => {
      const command = new ModifyCacheClusterCommand({ CacheClusterId: 'nodes', ...input });
      await assert.rejects(client.send(command), isNotYet(Object.keys(input)[0] ?? ''));
    });

  it('DeleteReplicationGroup with FinalSnapshotIdentifier, and the group lives', async () => {
    await assert.rejects(
      client.send(
        new DeleteReplicationGroupCommand({ ReplicationGroupId: 'plain', FinalSnapshotIdentifier: 'last' }),
      ),
      isNotYet('FinalSnapshotIdentifier'),
    );
    assert.equal((await describeGroup(client, 'plain')).Status, 'available');
  });
});

/** Says which parameter, and shows no secret. */
function isNotYet(parameter: string) {
  return (error: Error) => {
    assert.equal(error.name, 'InvalidParameterValueException');
    assert.match(error.message, new RegExp(`^The parameter ${parameter} .*is not supported by Limber yet`));
    assert.doesNotMatch(error.message, /secret/);
    return true;
  };
}

describe('lists of what cannot be made yet', () => {
  it('are empty for the SDK, and what is asked for by id is not found', async () => {
    const { Snapshots } = await client.send(new DescribeSnapshotsCommand({}));
    const { Users } = await client.send(new DescribeUsersCommand({}));
    const { ServerlessCaches } = await client.send(new DescribeServerlessCachesCommand({}));
    assert.deepEqual([Snapshots, Users, ServerlessCaches], [[], [], []]);
    await assert.rejects(client.send(new DescribeSnapshotsCommand({ SnapshotName: 'nightly' })), {
      name: 'SnapshotNotFoundFault',
      message: 'SnapshotName nightly not found.',
    });
  });
});
