/** A Limber of its own, and the caches that a measurement makes in it. */
import {
  CreateReplicationGroupCommand,
  type CreateReplicationGroupCommandInput,
  DeleteReplicationGroupCommand,
  DescribeReplicationGroupsCommand,
  type ElastiCacheClient,
} from '@aws-sdk/client-elasticache';
import type { LimberStatus } from '../../src/cli/admin-client.ts';
import { eventually } from '../../test/support/eventually.ts';
import { type Limber, type LimberOptions, startLimber } from '../../test/support/limber.ts';
import type { Scope } from './scope.ts';

export type CacheStatus = LimberStatus['caches'][number];
export type MemberStatus = CacheStatus['members'][number];

/** Ends with the scope. */
export const limberFor = (scope: Scope, options: LimberOptions = {}): Promise<Limber> =>
  startLimber(scope, options);

export type GroupShape = Pick<
  CreateReplicationGroupCommandInput,
  | 'ReplicationGroupId'
  | 'NumNodeGroups'
  | 'ReplicasPerNodeGroup'
  | 'CacheNodeType'
  | 'Durability'
  | 'TransitEncryptionEnabled'
> & { readonly ReplicationGroupId: string; readonly isClusterMode?: boolean };

/** Of Valkey, with automatic failover where there are replicas. Returns when the API has answered. */
export async function createGroup(client: ElastiCacheClient, shape: GroupShape): Promise<void> {
  const { isClusterMode = false, ...input } = shape;
  await client.send(
    new CreateReplicationGroupCommand({
      ReplicationGroupDescription: 'bench',
      Engine: 'valkey',
      CacheNodeType: 'cache.t4g.small',
      AutomaticFailoverEnabled: (input.ReplicasPerNodeGroup ?? 0) > 0,
      ...(isClusterMode ? { ClusterMode: 'enabled' } : {}),
      ...input,
    }),
  );
}

/** Asks again as soon as it was answered. */
export async function untilAvailable(client: ElastiCacheClient, id: string): Promise<void> {
  await eventually(
    async (see) => {
      const { ReplicationGroups } = await client.send(
        new DescribeReplicationGroupsCommand({ ReplicationGroupId: id }),
      );
      return see(ReplicationGroups?.[0]?.Status) === 'available';
    },
    { deadlineMs: 60_000, intervalMs: 1 },
  );
}

export async function deleteGroup(client: ElastiCacheClient, id: string): Promise<void> {
  await client.send(new DeleteReplicationGroupCommand({ ReplicationGroupId: id }));
  await eventually(
    async () => {
      const { ReplicationGroups } = await client.send(new DescribeReplicationGroupsCommand({}));
      return !ReplicationGroups?.some((group) => group.ReplicationGroupId === id);
    },
    { deadlineMs: 60_000 },
  );
}

/** When every shard of the cache has what it should have and knows its roles. */
export function untilSettled(limber: Limber, id: string): Promise<CacheStatus> {
  return eventually(
    async (see) => {
      const { caches, shards } = await limber.status();
      const cache = see(caches.find((one) => one.id === id));
      const own = shards.filter((shard) => shard.cache === id);
      const isSettled = own.length > 0 && own.every((shard) => shard.isSettled);
      if (cache?.status !== 'available' || !isSettled) return null;
      const leaders = cache.members.filter((member) => member.role === 'primary');
      return leaders.length === own.length && cache.members.every((member) => member.pid) ? cache : null;
    },
    { deadlineMs: 120_000, intervalMs: 20 },
  );
}
