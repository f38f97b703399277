/**
 * The shards of a new replication group: how many, which slots, how many members each and in which zones. Pure.
 * Rules: spec/behaviour.md §2, §5, §8.
 */
import type { CreateReplicationGroupMessage, NodeGroupConfiguration } from '@aws-sdk/client-elasticache';
import { parseNodeGroupId } from '../../model/identifiers.ts';
import {
  cacheClustersPerGroupMax,
  checkQuota,
  checkRange,
  nodeGroupsMax,
  quotas,
  replicasPerNodeGroupMax,
} from '../../model/limits.ts';
import { fourDigits, memberName } from '../../model/naming.ts';
import { invalidCombination } from '../../model/service-errors.ts';
import { checkSlotsCoverAll, evenSlotRanges, formatSlots, parseSlots } from '../../model/slots.ts';
import { parseZone, spreadNodeGroup } from '../../model/zones.ts';
import { refuseNotYet } from '../shared/refusals.ts';

interface PlannedMember {
  readonly cacheClusterId: string;
  readonly availabilityZone: string;
}

interface PlannedNodeGroup {
  readonly nodeGroupId: string;
  /** Empty with cluster mode disabled. */
  readonly slots: string;
  /** The first is to be the primary. */
  readonly members: readonly PlannedMember[];
}

export interface NodeGroupPlan {
  readonly clusterMode: 'enabled' | 'disabled';
  readonly nodeGroups: readonly PlannedNodeGroup[];
}

/** Whether a group is wanted in cluster mode, before its parameter group is known (`undefined`: that decides). */
export function wantedClusterMode(input: CreateReplicationGroupMessage): 'enabled' | 'disabled' | undefined {
  const groups = countNodeGroups(input);
  if (input.ClusterMode === 'disabled' && groups > 1)
    throw invalidCombination(`NumNodeGroups is ${groups}, which needs ClusterMode enabled.`);
  if (input.ClusterMode === 'enabled' || groups > 1) return 'enabled';
  return input.ClusterMode === 'disabled' ? 'disabled' : undefined;
}

function countNodeGroups(input: CreateReplicationGroupMessage): number {
  const configured = input.NodeGroupConfiguration?.length;
  const groups = input.NumNodeGroups ?? configured ?? 1;
  checkRange('NumNodeGroups', groups, 1, nodeGroupsMax);
  if (configured !== undefined && configured > 0 && configured !== groups)
    throw invalidCombination(
      `NumNodeGroups is ${groups} and NodeGroupConfiguration has ${configured} entries: they must agree.`,
    );
  return groups;
}

export function planNodeGroups(
  replicationGroupId: string,
  region: string,
  clusterMode: 'enabled' | 'disabled',
  input: CreateReplicationGroupMessage,
): NodeGroupPlan {
  const count = countNodeGroups(input);
  const configurations = input.NodeGroupConfiguration ?? [];
  const ids = nodeGroupIds(count, clusterMode, configurations);
  const slots = slotsOf(ids, clusterMode, configurations);
  for (const configuration of configurations)
    refuseNotYet(configuration, ['PrimaryOutpostArn', 'ReplicaOutpostArns']);
  const nodeGroups = ids.map((nodeGroupId, index): PlannedNodeGroup => {
    const configuration = configurations[index];
    const members = membersOf(input, configuration, clusterMode);
    const zones = zonesOfMembers(region, index, members, input, configuration);
    return {
      nodeGroupId,
      slots: slots[index] ?? '',
      members: zones.map((availabilityZone, position) => ({
        cacheClusterId: memberName(
          replicationGroupId,
          clusterMode === 'enabled' ? nodeGroupId : null,
          position + 1,
        ),
        availabilityZone,
      })),
    };
  });
  const nodes = nodeGroups.reduce((sum, group) => sum + group.members.length, 0);
  if (clusterMode === 'enabled') checkQuota(quotas.nodesPerReplicationGroup, 0, nodes);
  return { clusterMode, nodeGroups };
}

function nodeGroupIds(
  count: number,
  clusterMode: string,
  configurations: readonly NodeGroupConfiguration[],
): readonly string[] {
  if (clusterMode === 'disabled') return ['0001'];
  const ids = Array.from({ length: count }, (_, index) => {
    const given = configurations[index]?.NodeGroupId;
    return given === undefined ? fourDigits(index + 1) : parseNodeGroupId(given);
  });
  const twice = ids.find((id, index) => ids.indexOf(id) !== index);
  if (twice !== undefined)
    throw invalidCombination(`NodeGroupConfiguration names the node group ${twice} twice.`);
  return ids;
}

function slotsOf(
  ids: readonly string[],
  clusterMode: string,
  configurations: readonly NodeGroupConfiguration[],
): readonly string[] {
  if (clusterMode === 'disabled') {
    if (configurations[0]?.Slots)
      throw invalidCombination('Slots can only be given with cluster mode enabled.');
    return [''];
  }
  const given = configurations.filter((configuration) => configuration.Slots);
  if (given.length === 0) return evenSlotRanges(ids.length).map((range) => formatSlots([range]));
  if (given.length !== ids.length)
    throw invalidCombination('Slots must be given for every entry of NodeGroupConfiguration, or for none.');
  const ranges = configurations.map((configuration) => parseSlots(configuration.Slots ?? ''));
  checkSlotsCoverAll(ids.map((nodeGroupId, index) => ({ nodeGroupId, ranges: ranges[index] ?? [] })));
  return ranges.map(formatSlots);
}

/** The replicas that a request asks for in one node group; undefined when it says nothing. Two numbers that differ would lose replicas in silence (§29). */
function replicasOf(
  { ReplicasPerNodeGroup: perGroup }: CreateReplicationGroupMessage,
  configuration: NodeGroupConfiguration | undefined,
): number | undefined {
  const own = configuration?.ReplicaCount;
  if (own !== undefined && perGroup !== undefined && own !== perGroup)
    throw invalidCombination(
      `ReplicasPerNodeGroup is ${perGroup} and NodeGroupConfiguration has an entry with ReplicaCount ${own}: ` +
        'they must agree, or one of them is left out.',
    );
  return own ?? perGroup;
}

/** The number of members of a node group, primary and replicas together. */
function membersOf(
  input: CreateReplicationGroupMessage,
  configuration: NodeGroupConfiguration | undefined,
  clusterMode: 'enabled' | 'disabled',
): number {
  const perGroup = replicasOf(input, configuration);
  if (perGroup !== undefined) checkRange('ReplicasPerNodeGroup', perGroup, 0, replicasPerNodeGroupMax);
  if (input.NumCacheClusters === undefined) return (perGroup ?? 0) + 1;
  if (clusterMode === 'enabled')
    throw invalidCombination(
      'NumCacheClusters is for cluster mode disabled; use ReplicasPerNodeGroup instead.',
    );
  checkRange('NumCacheClusters', input.NumCacheClusters, 1, cacheClustersPerGroupMax);
  if (perGroup !== undefined && perGroup + 1 !== input.NumCacheClusters)
    throw invalidCombination(
      `NumCacheClusters is ${input.NumCacheClusters} and ReplicasPerNodeGroup is ${perGroup}: they must agree.`,
    );
  return input.NumCacheClusters;
}

function zonesOfMembers(
  region: string,
  index: number,
  members: number,
  input: CreateReplicationGroupMessage,
  configuration: NodeGroupConfiguration | undefined,
): readonly string[] {
  const preferred = input.PreferredCacheClusterAZs ?? [];
  if (preferred.length > 0) {
    if (preferred.length !== members)
      throw invalidCombination(
        `PreferredCacheClusterAZs has ${preferred.length} zones for ${members} members: one for each is needed.`,
      );
    return preferred.map((zone) => parseZone(zone, region));
  }
  const spread = spreadNodeGroup(region, index, members);
  const replicaZones = configuration?.ReplicaAvailabilityZones ?? [];
  if (replicaZones.length > 0 && replicaZones.length !== members - 1)
    throw invalidCombination(
      `ReplicaAvailabilityZones has ${replicaZones.length} zones for ${members - 1} replicas: one for each is needed.`,
    );
  const given = [configuration?.PrimaryAvailabilityZone, ...replicaZones];
  return spread.map((zone, position) => {
    const asked = given[position];
    return asked === undefined ? zone : parseZone(asked, region);
  });
}
