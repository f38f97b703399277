/** Rows of resources: their keys, their first and their next version. */
import type { DesiredByKind, Resource, ResourceKey, ResourceKind, Scope } from '../../model/resource.ts';
import type { Tag } from '../../model/tags.ts';
import type { ActionContext, ActionDeps } from '../action.ts';

type GroupKind = Exclude<ResourceKind, 'replication-group' | 'cache-cluster'>;

export function resourceKey<K extends ResourceKind>(
  { account, region }: Scope,
  kind: K,
  id: string,
): ResourceKey<K> {
  return { account, region, kind, id };
}

/**
 * The first version of the row of a thing that is pure bookkeeping: a group or a reserved node. It has no process
 * and no status.
 */
export function newGroupRow<K extends GroupKind>(
  deps: Pick<ActionDeps, 'clock' | 'ids'>,
  context: Pick<ActionContext, 'account' | 'region'>,
  of: {
    readonly kind: K;
    readonly id: string;
    readonly desired: DesiredByKind[K];
    readonly tags: readonly Tag[];
  },
): Resource<K> {
  const now = deps.clock.now();
  return {
    ...of,
    account: context.account,
    region: context.region,
    incarnation: deps.ids.incarnation(),
    version: 1,
    status: 'available',
    observed: {} as Resource<K>['observed'],
    createdAt: now,
    updatedAt: now,
  };
}

/** The row's next version. */
export function nextVersion<K extends ResourceKind>(
  row: Resource<K>,
  now: number,
  changed: Partial<Pick<Resource<K>, 'desired' | 'observed' | 'tags' | 'status'>>,
): Resource<K> {
  return { ...row, ...changed, version: row.version + 1, updatedAt: now };
}

/** Rows of several caches, by the incarnation of the cache that each belongs to. */
export function rowsByCache<T extends { readonly cacheIncarnation: string }>(
  rows: readonly T[],
): Map<string, T[]> {
  return Map.groupBy(rows, (row) => row.cacheIncarnation);
}
