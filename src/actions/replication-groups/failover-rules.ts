/** What automatic failover and Multi-AZ ask of a group that is to be made, and of one that loses members. */
import type { CreateReplicationGroupMessage } from '@aws-sdk/client-elasticache';
import { nodeType, supportsAutomaticFailover } from '../../catalog/node-types.ts';
import type { CacheNode } from '../../model/node.ts';
import type { ReplicationGroupDesired } from '../../model/resource.ts';
import { invalidCombination, invalidValue } from '../../model/service-errors.ts';
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

/**
 * Automatic failover and Multi-AZ of a new group, by the rules between them and replicas (§5, §8, §29). Cluster mode
 * turns automatic failover on by itself; only who says no to it is refused.
 */
export function plannedFailover(
  typeName: string,
  plan: NodeGroupPlan,
  input: Pick<CreateReplicationGroupMessage, 'AutomaticFailoverEnabled' | 'MultiAZEnabled'>,
): Pick<ReplicationGroupDesired, 'automaticFailover' | 'multiAz'> {
  const isCluster = plan.clusterMode === 'enabled';
  const automaticFailover = input.AutomaticFailoverEnabled ?? isCluster;
  const multiAz = input.MultiAZEnabled ?? false;
  if (isCluster && !automaticFailover)
    throw invalidValue(
      'Redis with cluster mode enabled cannot be created with auto failover turned off.', // AWS's words, of Valkey too
    );
  if (automaticFailover && !isCluster && plan.nodeGroups.some(({ members }) => members.length < 2))
    throw invalidCombination(
      'Must have at least 1 replica when cluster mode is disabled with auto failover enabled.',
    );
  if (automaticFailover && !supportsAutomaticFailover(nodeType(typeName)))
    throw invalidCombination(`Automatic failover is not offered with the node type ${typeName}.`);
  if (multiAz) checkMultiAz(plan, automaticFailover);
  return { automaticFailover, multiAz };
}

function checkMultiAz(plan: NodeGroupPlan, automaticFailover: boolean): void {
  if (!automaticFailover)
    throw invalidCombination('MultiAZEnabled needs AutomaticFailoverEnabled to be true.');
  for (const group of plan.nodeGroups) {
    if (new Set(group.members.map((member) => member.availabilityZone)).size < 2)
      throw invalidCombination(
        `MultiAZEnabled needs members in at least 2 availability zones; node group ${group.nodeGroupId} has them in 1.`,
      );
  }
}
