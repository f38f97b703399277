/** Finds the caches that use a group. Members of a replication group are covered by their group. */
import type { Cache, Resource } from '../../model/resource.ts';
import type { Store } from '../../store/contract.ts';

/** More than the quotas of nodes let exist: a limit for the store, not for the user. */
const referrersMax = 10_000;

/** The replication groups, and the cache clusters outside of any group, that refer to this row. */
export async function cachesUsing(store: Store, group: Resource): Promise<readonly Cache[]> {
  return (await store.referrers(group, referrersMax)).filter(isCache);
}

/** `the cache cluster orders-001`, for error texts; null when nothing refers to this row. */
export async function firstReferrer(store: Store, group: Resource): Promise<string | null> {
  const [first] = await store.referrers(group, 1);
  return first ? `the ${first.kind.replace('-', ' ')} ${first.id}` : null;
}

function isCache(row: Resource): row is Cache {
  if (row.kind === 'replication-group') return true;
  return (
    row.kind === 'cache-cluster' && (row as Resource<'cache-cluster'>).desired.replicationGroupId === null
  );
}
