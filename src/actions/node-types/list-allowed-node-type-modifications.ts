/** ListAllowedNodeTypeModifications. Rules: spec/behaviour.md §9. */
import type {
  AllowedNodeTypeModificationsMessage,
  ListAllowedNodeTypeModificationsMessage,
} from '@aws-sdk/client-elasticache';
import { allowedModifications, nodeType } from '../../catalog/node-types.ts';
import { parseReference } from '../../model/identifiers.ts';
import type { Cache } from '../../model/resource.ts';
import { invalidCombination, ServiceError } from '../../model/service-errors.ts';
import type { Store } from '../../store/contract.ts';
import type { Action, ActionContext, ActionDeps } from '../action.ts';
import { resourceKey } from '../shared/rows.ts';

export const listAllowedNodeTypeModifications =
  (deps: ActionDeps): Action<ListAllowedNodeTypeModificationsMessage, AllowedNodeTypeModificationsMessage> =>
  async (input, context) => {
    const { desired } = await findCache(deps.store, input, context);
    const { scaleUp, scaleDown } = allowedModifications(
      nodeType(desired.cacheNodeType),
      desired.engine,
      desired.engineVersion,
    );
    return { ScaleUpModifications: [...scaleUp], ScaleDownModifications: [...scaleDown] };
  };

async function findCache(
  store: Store,
  { CacheClusterId: clusterId, ReplicationGroupId: groupId }: ListAllowedNodeTypeModificationsMessage,
  context: ActionContext,
): Promise<Cache> {
  if ((clusterId === undefined) === (groupId === undefined))
    throw invalidCombination(
      'Exactly one of the parameters CacheClusterId and ReplicationGroupId must be given.',
    );
  if (clusterId !== undefined) {
    const id = parseReference(clusterId, 'CacheClusterId');
    const cluster = await store.resource(resourceKey(context, 'cache-cluster', id));
    if (cluster) return cluster;
    throw new ServiceError('CacheClusterNotFound', `CacheCluster not found: ${id}`);
  }
  const id = parseReference(groupId ?? '', 'ReplicationGroupId');
  const group = await store.resource(resourceKey(context, 'replication-group', id));
  if (group) return group;
  throw new ServiceError('ReplicationGroupNotFoundFault', `ReplicationGroup ${id} not found.`);
}
