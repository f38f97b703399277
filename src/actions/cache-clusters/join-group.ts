/** CreateCacheCluster with ReplicationGroupId: one more read replica of a group without cluster mode (§5). */
import type { CreateCacheClusterMessage, CreateCacheClusterResult } from '@aws-sdk/client-elasticache';
import { parseCacheClusterId, parseReference } from '../../model/identifiers.ts';
import { checkQuota, quotas } from '../../model/limits.ts';
import type { CacheCluster, ReplicationGroup } from '../../model/resource.ts';
import { invalidCombination } from '../../model/service-errors.ts';
import { parseTags } from '../../model/tags.ts';
import { parseZone, zonesForJoining } from '../../model/zones.ts';
import { type Action, type ActionContext, type ActionDeps, commitPlanned } from '../action.ts';
import { joiningChanges } from '../replication-groups/increase-replica-count.ts';
import { newMember } from '../replication-groups/new-member.ts';
import { readShards } from '../replication-groups/replica-configuration.ts';
import { requireAvailableGroup } from '../shared/cache-state.ts';
import { cacheClusterExists, requireReplicationGroup } from '../shared/look-ups.ts';
import { nextVersion, resourceKey } from '../shared/rows.ts';
import { answerCluster } from './describe-cache-clusters.ts';

/**
 * The parameters that may be given for a replica; everything else it has from its group. Terraform sends AutoMinorVersionUpgrade always: it
 * is the group's too, and what is sent here is not looked at.
 */
const allowed = [
  'CacheClusterId',
  'ReplicationGroupId',
  'PreferredAvailabilityZone',
  'PreferredAvailabilityZones',
  'AutoMinorVersionUpgrade',
  'Tags',
];

export const joinGroup =
  (deps: ActionDeps): Action<CreateCacheClusterMessage, CreateCacheClusterResult> =>
  async (input, context) => {
    const id = parseCacheClusterId(input.CacheClusterId ?? '');
    const groupId = parseReference(input.ReplicationGroupId ?? '', 'ReplicationGroupId');
    requireNothingElse(input);
    const cluster = await commitPlanned(deps.store, async () => {
      const group = await requireReplicationGroup(deps.store, context, groupId);
      if (group.desired.clusterMode === 'enabled')
        throw invalidCombination(
          `${groupId} has cluster mode enabled; its replicas are added by IncreaseReplicaCount.`,
        );
      requireAvailableGroup(group, 'modify');
      if (await deps.store.resource(resourceKey(context, 'cache-cluster', id))) throw cacheClusterExists();
      return plan(deps, context, group, id, input);
    });
    deps.queue.wake();
    return { CacheCluster: await answerCluster(deps, cluster) };
  };

function requireNothingElse(input: CreateCacheClusterMessage): void {
  const more = Object.entries(input).filter(
    ([name, value]) =>
      !allowed.includes(name) &&
      value !== undefined &&
      !(Array.isArray(value) && value.length === 0) &&
      !(name === 'NumCacheNodes' && value === 1),
  );
  if (more.length === 0) return;
  throw invalidCombination(
    'Cannot specify additional cache cluster parameters when creating a replica cluster; ' +
      `leave out ${more.map(([name]) => name).join(', ')}.`,
  );
}

async function plan(
  deps: ActionDeps,
  context: ActionContext,
  group: ReplicationGroup,
  id: string,
  input: CreateCacheClusterMessage,
) {
  const [only] = await readShards(deps.store, group);
  if (!only) throw new Error(`replication group ${group.id} has no node group`);
  const { shard, nodes } = only;
  checkQuota(quotas.nodesPerShard, nodes.length, 1);
  checkQuota(quotas.nodesPerRegion, await deps.store.countNodes(context), 1);
  const existing = nodes.map((node) => node.availabilityZone);
  const zone = zoneAsked(input, context.region) ?? zonesForJoining(context.region, existing, 1)[0]!;
  const row = nextVersion(group, deps.clock.now(), { status: 'modifying' });
  const member = newMember(row, shard.nodeGroupId, id, zone);
  const tags = input.Tags === undefined ? [] : parseTags(input.Tags);
  const cluster: CacheCluster = tags.length > 0 ? { ...member, tags } : member;
  const growth = { shard, from: nodes.length - 1, to: nodes.length };
  return { changes: joiningChanges(deps, row, [cluster], [growth]), result: cluster };
}

function zoneAsked(input: CreateCacheClusterMessage, region: string): string | null {
  const { PreferredAvailabilityZone: one, PreferredAvailabilityZones: each = [] } = input;
  if (each.length > 1 || (each.length === 1 && one !== undefined))
    throw invalidCombination('A replica has one node: give PreferredAvailabilityZone alone.');
  const asked = one ?? each[0];
  return asked === undefined ? null : parseZone(asked, region);
}
