/** ModifyReplicationGroup with PrimaryClusterId: another member is to lead (cluster mode disabled). Rules: §8. */
import type { ModifyReplicationGroupMessage } from '@aws-sdk/client-elasticache';
import { parseReference } from '../../model/identifiers.ts';
import type { PendingReplicationGroupValues, ReplicationGroup } from '../../model/resource.ts';
import { invalidCombination, invalidValue, ServiceError } from '../../model/service-errors.ts';
import type { ActionDeps } from '../action.ts';
import { requireCacheCluster } from '../shared/look-ups.ts';
import { readShards } from './replica-configuration.ts';

interface Promotion {
  readonly clusterId: string;
  /** What the group waits for afterwards: the promotion, until it is done. */
  readonly pending: PendingReplicationGroupValues;
  /** False: in the maintenance window, or nothing is to be done since this member leads already. */
  readonly isNow: boolean;
}

/**
 * Null when it was not asked for. Automatic failover and Multi-AZ must be off at present: what the same request turns on
 * comes after the promotion (§29).
 */
export async function plannedPromotion(
  deps: Pick<ActionDeps, 'store'>,
  group: ReplicationGroup,
  input: ModifyReplicationGroupMessage,
): Promise<Promotion | null> {
  if (input.PrimaryClusterId === undefined) return null;
  if (group.desired.clusterMode === 'enabled')
    throw invalidCombination('PrimaryClusterId cannot be set with cluster mode enabled.');
  if (group.desired.automaticFailover || group.desired.multiAz)
    throw invalidCombination(
      `PrimaryClusterId cannot be set while automatic failover or Multi-AZ is enabled on ${group.id}; ` +
        'disable both first.',
    );
  const clusterId = parseReference(input.PrimaryClusterId, 'PrimaryClusterId');
  await requireCacheCluster(deps.store, group, clusterId);
  const [only] = await readShards(deps.store, group);
  const node = only?.nodes.find((one) => one.cacheClusterId === clusterId);
  if (!only || !node)
    throw invalidValue(`PrimaryClusterId ${clusterId} is no member of the replication group ${group.id}.`);
  const { primaryClusterId, ...others } = group.desired.pending;
  if (node.incarnation === only.shard.currentPrimary) return { clusterId, pending: others, isNow: false };
  if (!node.synced)
    throw new ServiceError(
      'InvalidCacheClusterState',
      `${clusterId} does not hold all data of its primary at present, so it cannot lead.`,
    );
  const pending = { ...others, primaryClusterId: clusterId };
  return { clusterId, pending, isNow: input.ApplyImmediately ?? false };
}
