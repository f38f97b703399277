/** Which member of a group without cluster mode the daily snapshots are taken from (§11, §29). Pure. */
import type { CacheNode } from '../../model/node.ts';
import type { ReplicationGroupDesired } from '../../model/resource.ts';
import type { NodeGroupPlan } from './node-group-plan.ts';

/** The source of a new group: its first replica, or the primary of one without. Null when no snapshots are kept, and in cluster mode. */
export function snapshotSource(
  retentionLimit: number,
  { clusterMode, nodeGroups }: NodeGroupPlan,
): string | null {
  if (retentionLimit === 0 || clusterMode === 'enabled') return null;
  const [primary, replica] = nodeGroups[0]?.members ?? [];
  return (replica ?? primary)?.cacheClusterId ?? null;
}

/** The source when only `staying` are left: it stays where it was, else it is chosen as for a new group. */
export function snapshotSourceAmong(
  { snapshottingClusterId: source, snapshotRetentionLimit }: ReplicationGroupDesired,
  staying: readonly CacheNode[],
  primary: string | null,
): string | null {
  if (source === null || staying.some((node) => node.cacheClusterId === source)) return source;
  if (snapshotRetentionLimit === 0) return null;
  const replica = staying.find((node) => node.incarnation !== primary);
  return (replica ?? staying[0])?.cacheClusterId ?? null;
}
