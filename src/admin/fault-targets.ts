/** Which nodes a fault is meant for. Pure. */
import type { CacheNode } from '../model/node.ts';
import { invalidCombination, ServiceError } from '../model/service-errors.ts';

/** How people name a node: the member of a group, a cluster of one node, or one node of a Memcached cluster. */
export function faultName(node: Pick<CacheNode, 'cacheClusterId' | 'cacheNodeId' | 'engine'>): string {
  return node.engine === 'memcached' ? `${node.cacheClusterId}/${node.cacheNodeId}` : node.cacheClusterId;
}

/** The cache that a node belongs to, as events name it. */
export const cacheIdOf = (node: Pick<CacheNode, 'replicationGroupId' | 'cacheClusterId'>): string =>
  node.replicationGroupId ?? node.cacheClusterId;

/**
 * One node by its name, or all nodes of an availability zone. `nodes`: those that the caller may hit. Throws
 * `CacheClusterNotFound` with the names that there are, `InvalidParameterCombination` for a name that means several.
 */
export function chooseNodes(nodes: readonly CacheNode[], target: string): readonly CacheNode[] {
  const wanted = target.toLowerCase();
  const named = nodes.filter(
    (node) => faultName(node) === wanted || `${node.cacheClusterId}/${node.cacheNodeId}` === wanted,
  );
  const zone = nodes.filter((node) => node.availabilityZone === wanted);
  if (named.length > 0 && zone.length > 0)
    throw invalidCombination(
      `${wanted} is a node and an availability zone. The node is ${wanted}/${named[0]!.cacheNodeId} as well; ` +
        'the nodes of the zone have to be named one by one.',
    );
  if (named.length > 1) {
    const places = named.map(({ region, account }) => `${region} (account ${account})`).sort();
    throw invalidCombination(
      `${wanted} is a node of several regions: ${places.join(', ')}. Say which region is meant.`,
    );
  }
  if (named.length === 1) return named;
  if (zone.length > 0) return zone;
  throw unknown(target, nodes);
}

/** More would not be read. */
const listedMax = 40;

function unknown(target: string, nodes: readonly CacheNode[]): ServiceError {
  const shown = target.length > 80 ? `${target.slice(0, 80)}…` : target;
  const start = `There is no node or availability zone ${shown} here.`;
  if (nodes.length === 0)
    return new ServiceError('CacheClusterNotFound', `${start} There are no nodes at all.`);
  const names = [...new Set(nodes.map(faultName))].sort();
  const zones = [...new Set(nodes.map((node) => node.availabilityZone))].sort();
  const more = names.length > listedMax ? ` and ${names.length - listedMax} more` : '';
  return new ServiceError(
    'CacheClusterNotFound',
    `${start} Nodes: ${names.slice(0, listedMax).join(', ')}${more}. Zones with nodes: ${zones.join(', ')}.`,
  );
}
