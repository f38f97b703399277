/** What automatic failover and Multi-AZ ask of a group that is to be made. */
import type { CreateReplicationGroupMessage } from '@aws-sdk/client-elasticache';
import { nodeType, supportsAutomaticFailover } from '../catalog/node-types.ts';
import { ServiceError } from '../model/service-errors.ts';
import type { NodeGroupPlan } from './node-group-plan.ts';

const combination = (message: string) => new ServiceError('InvalidParameterCombination', message);

/** The rules between replicas, automatic failover and Multi-AZ (§5, §8). */
export function checkFailover(
  typeName: string,
  plan: NodeGroupPlan,
  input: Pick<CreateReplicationGroupMessage, 'AutomaticFailoverEnabled' | 'MultiAZEnabled'>,
): void {
  const replicas = plan.nodeGroups.map((group) => group.members.length - 1);
  if (plan.clusterMode === 'enabled' && !input.AutomaticFailoverEnabled)
    throw combination('Cluster mode enabled needs AutomaticFailoverEnabled to be true.');
  if (input.AutomaticFailoverEnabled && plan.clusterMode === 'disabled' && replicas.includes(0))
    throw combination(
      'Must have at least 1 replica when cluster mode is disabled with auto failover enabled.',
    );
  if (input.AutomaticFailoverEnabled && !supportsAutomaticFailover(nodeType(typeName)))
    throw combination(`Automatic failover is not offered with the node type ${typeName}.`);
  if (!input.MultiAZEnabled) return;
  if (!input.AutomaticFailoverEnabled)
    throw combination('MultiAZEnabled needs AutomaticFailoverEnabled to be true.');
  for (const group of plan.nodeGroups) {
    if (new Set(group.members.map((member) => member.availabilityZone)).size < 2)
      throw combination(
        `MultiAZEnabled needs members in at least 2 availability zones; node group ${group.nodeGroupId} has them in 1.`,
      );
  }
}
