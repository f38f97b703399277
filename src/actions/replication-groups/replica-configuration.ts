/**
 * What IncreaseReplicaCount and DecreaseReplicaCount ask for, per node group: `NewReplicaCount` for all of them, or
 * `ReplicaConfiguration` for each alone. Rules: spec/behaviour.md §8.
 */
import type { ConfigureShard, IncreaseReplicaCountMessage } from '@aws-sdk/client-elasticache';
import { parseNodeGroupId } from '../../model/identifiers.ts';
import { checkRange, replicasPerNodeGroupMax } from '../../model/limits.ts';
import type { CacheNode, NodeGroup } from '../../model/node.ts';
import type { ReplicationGroup } from '../../model/resource.ts';
import { invalidCombination, invalidValue, ServiceError } from '../../model/service-errors.ts';
import { parseZone } from '../../model/zones.ts';
import type { Change, Store } from '../../store/contract.ts';

export interface ShardMembers {
  readonly shard: NodeGroup;
  /** Without those that are being removed. */
  readonly nodes: readonly CacheNode[];
}

export interface WantedReplicas extends ShardMembers {
  readonly from: number;
  readonly to: number;
  /** Where the shard's nodes are to be, primary and replicas together; null when it was not said. */
  readonly zones: readonly string[] | null;
}

/** Throws unless ApplyImmediately is true: ElastiCache offers no other time for these actions. */
export function requireImmediately(applyImmediately: boolean | undefined): void {
  if (applyImmediately === true) return;
  throw invalidValue(`The parameter ApplyImmediately is ${applyImmediately}; it must be true.`);
}

/** Throws unless exactly one of these was given. */
export function requireOneForm(given: Readonly<Record<string, unknown>>): void {
  const names = Object.keys(given);
  const count = Object.values(given).filter((value) => value !== undefined).length;
  if (count !== 1)
    throw invalidCombination(`Exactly one of ${names.join(', ')} must be given; the request has ${count}.`);
}

export async function readShards(store: Store, group: ReplicationGroup): Promise<ShardMembers[]> {
  const [shards, nodes] = await Promise.all([
    store.nodeGroupsOf([group.incarnation]),
    store.nodesOf([group.incarnation]),
  ]);
  return shards.map((shard) => ({
    shard,
    nodes: nodes.filter((node) => node.nodeGroupId === shard.nodeGroupId && node.intent !== 'deleted'),
  }));
}

/** A node group whose members are about to change; the operation that changes them makes it available again. */
export const modifyingShard = (shard: NodeGroup): Change => ({
  put: 'node-group',
  row: { ...shard, version: shard.version + 1, status: 'modifying' },
});

/** Every node group that the request names, with the number of replicas that it is to have. */
export function wantedReplicas(
  group: ReplicationGroup,
  shards: readonly ShardMembers[],
  input: Pick<IncreaseReplicaCountMessage, 'NewReplicaCount' | 'ReplicaConfiguration'>,
): WantedReplicas[] {
  const { NewReplicaCount: count, ReplicaConfiguration: configurations } = input;
  if (configurations === undefined)
    return shards.map((one) => ({ ...one, ...counts(one, count), zones: null }));
  if (configurations.length === 0)
    throw invalidValue('ReplicaConfiguration is empty; it must name a node group.');
  const ids = configurations.map(({ NodeGroupId }) => parseNodeGroupId(NodeGroupId ?? ''));
  const twice = ids.find((id, index) => ids.indexOf(id) !== index);
  if (twice !== undefined)
    throw invalidCombination(`ReplicaConfiguration names the node group ${twice} twice.`);
  return configurations.map((configuration, index) => {
    const one = shards.find(({ shard }) => shard.nodeGroupId === ids[index]);
    if (!one)
      throw invalidValue(
        `ReplicaConfiguration names the node group ${ids[index]}; ${group.id} has ${shards
          .map(({ shard }) => shard.nodeGroupId)
          .join(', ')}.`,
      );
    const wanted = counts(one, configuration.NewReplicaCount);
    return { ...one, ...wanted, zones: zonesOf(group, configuration, wanted.to) };
  });
}

function counts({ nodes }: ShardMembers, count: number | undefined): { from: number; to: number } {
  const to = count ?? Number.NaN;
  checkRange('NewReplicaCount', to, 0, replicasPerNodeGroupMax);
  return { from: nodes.length - 1, to };
}

function zonesOf(
  { region }: ReplicationGroup,
  {
    NodeGroupId,
    PreferredAvailabilityZones: zones = [],
    PreferredOutpostArns: outposts = [],
  }: ConfigureShard,
  replicas: number,
): readonly string[] | null {
  if (outposts.length > 0)
    throw invalidValue('PreferredOutpostArns cannot be given: there are no Outposts here.');
  if (zones.length === 0) return null;
  if (zones.length !== replicas + 1)
    throw invalidValue(
      `PreferredAvailabilityZones of node group ${NodeGroupId} has ${zones.length} zones; ` +
        `${replicas + 1} are needed: NewReplicaCount and one for the primary.`,
    );
  return zones.map((zone) => parseZone(zone, region));
}

/** What is left of `zones` when one was taken for each of `nodes`; null when a node lies in none of them. */
export function withoutZonesOf(
  zones: readonly string[],
  nodes: readonly Pick<CacheNode, 'availabilityZone'>[],
): string[] | null {
  const rest = [...zones];
  for (const { availabilityZone } of nodes) {
    const index = rest.indexOf(availabilityZone);
    if (index < 0) return null;
    rest.splice(index, 1);
  }
  return rest;
}

/** Throws `NoOperationFault` when every node group has what is wanted. */
export function requireChange(group: ReplicationGroup, changes: readonly WantedReplicas[]): void {
  if (changes.every(({ from, to }) => from === to))
    throw new ServiceError(
      'NoOperationFault',
      `The node groups of ${group.id} already have the requested number of replicas.`,
    );
}
