/** Rows of the things that are pure bookkeeping: groups and reserved nodes. They have no process and no status. */
import type { DesiredByKind, Resource, ResourceKey, ResourceKind, Scope } from '../model/resource.ts';
import type { Tag } from '../model/tags.ts';
import type { ActionContext, ActionDeps } from './action.ts';

type GroupKind = Exclude<ResourceKind, 'replication-group' | 'cache-cluster'>;

export function groupKey<K extends ResourceKind>(
  { account, region }: Scope,
  kind: K,
  id: string,
): ResourceKey<K> {
  return { account, region, kind, id };
}

/** The first version of a row. */
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
