/**
 * Availability zones: each region's own, and how nodes are spread over them. On one machine a zone is a slice of the
 * address pool; what is placed here is what a fault of a zone takes down together.
 */
import { invalidValue } from './service-errors.ts';

/** Letters of the zones of regions that have others than `a` to `c` (§29). The pool has slices for `a` to `f`. */
const zoneLetters: Readonly<Record<string, string>> = {
  'ap-northeast-1': 'acd',
  'ap-northeast-2': 'abcd',
  'ca-central-1': 'abd',
  'cn-north-1': 'abd',
  'us-east-1': 'abcdef',
  'us-west-2': 'abcd',
};

/** `eu-west-1a`, `eu-west-1b`, `eu-west-1c`. */
export function zonesOf(region: string): readonly string[] {
  return [...(zoneLetters[region] ?? 'abc')].map((letter) => region + letter);
}

/** The zone, lower-case; throws `InvalidParameterValue` for one of another region or none at all. */
export function parseZone(value: string, region: string): string {
  const zone = value.toLowerCase();
  if (!zonesOf(region).includes(zone))
    throw invalidValue(
      `${value.length > 80 ? `${value.slice(0, 80)}…` : value} is not a valid availability zone. ` +
        `The zones of ${region} are ${zonesOf(region).join(', ')}.`,
    );
  return zone;
}

/**
 * Zones of one node group, primary first: neighbours in the list of zones, starting one further for each node
 * group, so that primaries are spread over the zones as well as the copies of each.
 * @param groupIndex position of the node group, from 0
 * @param nodes primary and replicas together
 */
export function spreadNodeGroup(region: string, groupIndex: number, nodes: number): readonly string[] {
  const zones = zonesOf(region);
  return Array.from({ length: nodes }, (_, index) => zones[(groupIndex + index) % zones.length] as string);
}

/** Memcached: all nodes in one zone (`single-az`), or in all zones in turn (`cross-az`). */
export function placeMemcachedNodes(
  region: string,
  mode: 'single-az' | 'cross-az',
  nodes: number,
): readonly string[] {
  return mode === 'cross-az' ? spreadNodeGroup(region, 0, nodes) : Array(nodes).fill(zonesOf(region)[0]);
}

/** Zones for nodes that join others: each goes where there are fewest, the first zone of them when several are. */
export function zonesForJoining(
  region: string,
  existing: readonly string[],
  count: number,
): readonly string[] {
  const zones = zonesOf(region);
  const placed = [...existing];
  const population = (zone: string) => placed.filter((other) => other === zone).length;
  const added = Array.from({ length: count }, () => {
    const zone = zones.reduce((best, candidate) =>
      population(candidate) < population(best) ? candidate : best,
    );
    placed.push(zone);
    return zone;
  });
  return added;
}

/** How the API shows the zone of a Memcached cluster: `Multiple` where there are several (Terraform reads `az_mode`). */
export const shownZone = (zones: readonly string[]): string =>
  new Set(zones).size > 1 ? 'Multiple' : (zones[0] ?? '');
