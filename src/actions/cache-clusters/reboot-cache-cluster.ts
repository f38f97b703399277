/** RebootCacheCluster. Rules: behaviour.md §10. */
import type { RebootCacheClusterMessage, RebootCacheClusterResult } from '@aws-sdk/client-elasticache';
import { parseCacheNodeId, parseReference } from '../../model/identifiers.ts';
import { invalidValue, ServiceError } from '../../model/service-errors.ts';
import { enqueue } from '../../store/enqueue.ts';
import { type Action, type ActionDeps, commitPlanned } from '../action.ts';
import { requireAvailableCluster } from '../shared/cache-state.ts';
import { requireCacheCluster, requireReplicationGroup } from '../shared/look-ups.ts';
import { nextVersion } from '../shared/rows.ts';
import { answerCluster } from './describe-cache-clusters.ts';

export const rebootCacheCluster =
  (deps: ActionDeps): Action<RebootCacheClusterMessage, RebootCacheClusterResult> =>
  async (input, context) => {
    const id = parseReference(input.CacheClusterId ?? '', 'CacheClusterId');
    const cacheNodeIds = (input.CacheNodeIdsToReboot ?? []).map((one) =>
      parseCacheNodeId(one, 'CacheNodeIdsToReboot'),
    );
    const cluster = await commitPlanned(deps.store, async () => {
      const cluster = await requireCacheCluster(deps.store, context, id);
      requireAvailableCluster(cluster, 'reboot');
      const groupId = cluster.desired.replicationGroupId;
      const group = groupId ? await requireReplicationGroup(deps.store, context, groupId) : null;
      if (group?.desired.clusterMode === 'enabled')
        throw new ServiceError(
          'InvalidCacheClusterState',
          `${id} is a member of a cluster mode enabled group, whose nodes cannot be rebooted.`,
        );
      const cache = group ?? cluster;
      const nodes = await deps.store.nodesOf([cache.incarnation]);
      const known = nodes.filter((node) => node.cacheClusterId === id).map((node) => node.cacheNodeId);
      const unknown = cacheNodeIds.find((one) => !known.includes(one));
      if (cacheNodeIds.length === 0 || unknown !== undefined)
        throw invalidValue(
          `CacheNodeIdsToReboot names ${unknown ?? 'no node'}; the nodes of ${id} are ${known.join(', ')}.`,
        );
      const row = nextVersion(cluster, deps.clock.now(), { status: 'rebooting cluster nodes' });
      return {
        changes: [
          { put: 'resource', row },
          enqueue(deps, 'reboot-nodes', cache, { clusterId: id, cacheNodeIds }),
        ],
        result: row,
      };
    });
    deps.queue.wake();
    return { CacheCluster: await answerCluster(deps, cluster) };
  };
