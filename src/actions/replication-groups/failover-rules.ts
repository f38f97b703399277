/** What automatic failover and Multi-AZ ask of a group that is to be made, and of one that loses members. */
import type { CreateReplicationGroupMessage } from '@aws-sdk/client-elasticache';
import { nodeType, supportsAutomaticFailover } from '../../catalog/node-types.ts';
import type { CacheNode } from '../../model/node.ts';
import { invalidCombination } from '../../model/service-errors.ts';
import type { NodeGroupPlan } from './node-group-plan.ts';

/**
 * The zone that all of `staying` would share, where Multi-AZ had them in more; null when nothing is wrong. ElastiCache does
 * not say what it does then; to leave Multi-AZ enabled and not so would deceive who relies on it. A node alone (a
 * shard without replicas, which cluster mode allows) is in one zone by its nature.
 */
export function zoneLeftAlone(
  multiAz: boolean,
  before: readonly CacheNode[],
  staying: readonly CacheNode[],
): string | null {
  const zonesOf = (nodes: readonly CacheNode[]) => new Set(nodes.map((node) => node.availabilityZone));
  const [zone, ...others] = zonesOf(staying);
  const isLoss = multiAz && staying.length > 1 && zonesOf(before).size > 1 && others.length === 0;
  return isLoss && zone !== undefined ? zone : null;
}

/** The rules between replicas, automatic failover and Multi-AZ (§5, §8). */
export function checkFailover(
  typeName: string,
  plan: NodeGroupPlan,
  input: Pick<CreateReplicationGroupMessage, 'AutomaticFailoverEnabled' | 'MultiAZEnabled'>,
): void {
  const replicas = plan.nodeGroups.map((group) => group.members.length - 1);
  if (plan.clusterMode === 'enabled' && !input.AutomaticFailoverEnabled)
    throw invalidCombination('Cluster mode enabled needs AutomaticFailoverEnabled to be true.');
  if (input.AutomaticFailoverEnabled && plan.clusterMode === 'disabled' && replicas.includes(0))
    throw invalidCombination(
      'Must have at least 1 replica when cluster mode is disabled with auto failover enabled.',
    );
  if (input.AutomaticFailoverEnabled && !supportsAutomaticFailover(nodeType(typeName)))
    throw invalidCombination(`Automatic failover is not offered with the node type ${typeName}.`);
  if (!input.MultiAZEnabled) return;
  if (!input.AutomaticFailoverEnabled)
    throw invalidCombination('MultiAZEnabled needs AutomaticFailoverEnabled to be true.');
  for (const group of plan.nodeGroups) {
    if (new Set(group.members.map((member) => member.availabilityZone)).size < 2)
      throw invalidCombination(
        `MultiAZEnabled needs members in at least 2 availability zones; node group ${group.nodeGroupId} has them in 1.`,
      );
  }
}
