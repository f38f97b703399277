/**
 * Names that Limber gives: members of a replication group, DNS labels of endpoints, automatic snapshots.
 * Source: spec/behaviour.md §2 and §4. All are pure: the hash, the date and the used names come in.
 */

/**
 * Name of the `number`th member (from 1): `orders-001` with cluster mode disabled (`nodeGroupId` null),
 * `orders-0001-001` with it enabled. It encodes a position and never changes at failover.
 */
export function memberName(replicationGroupId: string, nodeGroupId: string | null, number: number): string {
  const suffix = String(number).padStart(3, '0');
  return nodeGroupId === null
    ? `${replicationGroupId}-${suffix}`
    : `${replicationGroupId}-${nodeGroupId}-${suffix}`;
}

/** The number that a member's name ends with, e.g. 2 of `orders-0001-002`; 0 when it ends with none. */
export function memberNumber(name: string): number {
  return Number(/-(\d{3})$/.exec(name)?.[1] ?? 0);
}

/**
 * Names for `count` new members of one node group: the lowest free numbers, so that a group shrunk and grown again
 * has its old names back (U: AWS says no more than that numbers of living members are not reused).
 */
export function nextMemberNames(
  replicationGroupId: string,
  nodeGroupId: string | null,
  existing: readonly string[],
  count: number,
): readonly string[] {
  const taken = new Set(existing);
  const names: string[] = [];
  for (let number = 1; names.length < count; number += 1) {
    const name = memberName(replicationGroupId, nodeGroupId, number);
    if (!taken.has(name)) names.push(name);
  }
  return names;
}

/** `1` → `0001`: ids of node groups and of cache nodes. */
export function fourDigits(number: number): string {
  return String(number).padStart(4, '0');
}

/** The `count` lowest free four-digit ids: new node groups of a group, new nodes of a Memcached cluster. */
export function nextFourDigitIds(existing: readonly string[], count: number): readonly string[] {
  const taken = new Set(existing);
  const ids: string[] = [];
  for (let number = 1; ids.length < count; number += 1) {
    const id = fourDigits(number);
    if (!taken.has(id)) ids.push(id);
  }
  return ids;
}

/** What every DNS name of a cache is made of. */
export interface CacheLabel {
  /** Replication group id, or cache cluster id where there is no group. */
  readonly cacheId: string;
  /** Six lower-case alphanumerics, one per cache. */
  readonly hash: string;
  readonly region: string;
  readonly tls: boolean;
}

/** Cluster mode disabled: the name that always leads to the primary. */
export function primaryHost({ cacheId, hash, region, tls }: CacheLabel): string {
  const tail = `${hash}.${regionCode(region)}`;
  return tls ? `master.${cacheId}.${tail}` : `${cacheId}.${hash}.ng.0001.${regionCode(region)}`;
}

/** Cluster mode disabled: the name that leads to the replicas in turn. */
export function readerHost({ cacheId, hash, region, tls }: CacheLabel): string {
  const tail = `${hash}.${regionCode(region)}`;
  return tls ? `replica.${cacheId}.${tail}` : `${cacheId}-ro.${hash}.ng.0001.${regionCode(region)}`;
}

/** Cluster mode enabled: the configuration endpoint. */
export function configurationHost({ cacheId, hash, region, tls }: CacheLabel): string {
  const code = regionCode(region);
  return tls ? `clustercfg.${cacheId}.${hash}.${code}` : `${cacheId}.${hash}.clustercfg.${code}`;
}

/** A member of a replication group, in either cluster mode. */
export function memberHost({ cacheId, hash, region, tls }: CacheLabel, member: string): string {
  const code = regionCode(region);
  return tls ? `${member}.${cacheId}.${hash}.${code}` : `${member}.${hash}.0001.${code}`;
}

/** A node of a cache cluster outside of any group: Memcached nodes `0001`…, or the one node of Valkey/Redis. */
export function clusterNodeHost({ cacheId, hash, region }: CacheLabel, cacheNodeId = '0001'): string {
  return `${cacheId}.${hash}.${cacheNodeId}.${regionCode(region)}`;
}

/** Memcached: the configuration endpoint that serves the node list, the same with and without TLS. */
export function memcachedConfigurationHost({ cacheId, hash, region }: CacheLabel): string {
  return `${cacheId}.${hash}.cfg.${regionCode(region)}`;
}

const compass: Readonly<Record<string, string>> = {
  north: 'n',
  south: 's',
  east: 'e',
  west: 'w',
  central: 'c',
  northeast: 'ne',
  northwest: 'nw',
  southeast: 'se',
  southwest: 'sw',
  gov: 'g',
};

/**
 * The short form of a region in DNS names: `us-east-1` → `use1`, `ap-northeast-1` → `apne1`. A region name of the
 * user's own that does not follow AWS's pattern keeps its letters (`lab-2` → `lab2`), so that two regions never meet.
 */
export function regionCode(region: string): string {
  const parts = region.split('-');
  const [area = '', number = ''] = [parts[0], parts.at(-1)];
  const words = parts.slice(1, -1).map((word) => compass[word]);
  const followsPattern =
    area.length === 2 && words.length > 0 && !words.includes(undefined) && /^\d+$/.test(number);
  return followsPattern ? area + words.join('') + number : region.toLowerCase().replace(/[^a-z0-9]/g, '');
}

/** `ri-2026-11-20-03-05-09-123`, in UTC: the id of a reserved node that was bought without one (§25). */
export function defaultReservedCacheNodeId(at: Date): string {
  return `ri-${dashed(at, 23)}`;
}

function dashed(at: Date, characters: number): string {
  return at
    .toISOString()
    .slice(0, characters)
    .replace(/[^0-9]/g, '-');
}
