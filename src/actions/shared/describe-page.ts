/** Pages of Describe actions over resource rows, and the rows that exist without being stored. */
import { encodeMarker, type Page, parsePage } from '../../model/paging.ts';
import type { Resource, ResourceKind, Scope } from '../../model/resource.ts';
import type { Store } from '../../store/contract.ts';

interface PageInput {
  readonly Marker?: string | undefined;
  readonly MaxRecords?: number | undefined;
}

/**
 * One page of a kind, ordered by id, with `virtual` rows (sorted by id) merged in. The marker holds the last id
 * of the page, because the store reads on *after* an id: a row that comes or goes meanwhile moves no other.
 * Throws `InvalidParameterValue` for a bad Marker or MaxRecords.
 */
export async function describePage<K extends ResourceKind>(
  store: Store,
  scope: Scope & { readonly kind: K },
  input: PageInput,
  virtual: readonly Resource<K>[] = [],
): Promise<Page<Resource<K>>> {
  const { limit, fromKey: after } = parsePage(input);
  const stored = await store.resources(scope, { after, limit: limit + 1 });
  const later = virtual.filter((row) => after === null || row.id > after);
  return cut(later.length === 0 ? stored : [...stored, ...later].sort(byId), limit);
}

/** One page of the rows of a kind that `keep` accepts; reads on through the store until the page is full. */
export async function describeMatching<K extends ResourceKind>(
  store: Store,
  scope: Scope & { readonly kind: K },
  input: PageInput,
  keep: (row: Resource<K>) => boolean,
): Promise<Page<Resource<K>>> {
  const { limit, fromKey } = parsePage(input);
  const found: Resource<K>[] = [];
  for (let after = fromKey; found.length <= limit; ) {
    const rows = await store.resources(scope, { after, limit: 500 });
    found.push(...rows.filter(keep));
    after = rows.at(-1)?.id ?? null;
    if (rows.length < 500) break;
  }
  return cut(found, limit);
}

function cut<K extends ResourceKind>(rows: readonly Resource<K>[], limit: number): Page<Resource<K>> {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return { items, marker: last && rows.length > limit ? encodeMarker(last.id) : undefined };
}

function byId(a: Resource, b: Resource): number {
  return a.id < b.id ? -1 : 1;
}
