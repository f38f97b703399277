/** What Limber has committed, for rules that are checked between two of its steps. */
import type { CacheNode, Endpoint, NodeGroup } from '../../src/model/node.ts';
import type { Operation } from '../../src/model/operation.ts';
import type { ReplicationGroup } from '../../src/model/resource.ts';
import type { Change } from '../../src/store/contract.ts';
import type { Engine } from './engine/engine.ts';

export interface Rows {
  readonly nodes: Map<string, CacheNode>;
  readonly shards: Map<string, NodeGroup>;
  readonly endpoints: Map<string, Endpoint>;
  readonly operations: Map<string, Operation>;
  group: ReplicationGroup | null;
}

export const newRows = (): Rows => ({
  ...{ nodes: new Map(), shards: new Map(), endpoints: new Map(), operations: new Map(), group: null },
});

export function note(rows: Rows, changes: readonly Change[]): void {
  for (const change of changes)
    if ('put' in change)
      switch (change.put) {
        case 'node':
          rows.nodes.set(change.row.incarnation, change.row);
          break;
        case 'node-group':
          rows.shards.set(change.row.nodeGroupId, change.row);
          break;
        case 'endpoint':
          rows.endpoints.set(change.row.address, change.row);
          break;
        case 'operation':
          rows.operations.set(change.row.id, change.row);
          break;
        case 'resource':
          if (change.row.kind === 'replication-group') rows.group = change.row as ReplicationGroup;
          break;
        default:
      }
    else if ('remove' in change && change.remove === 'node') rows.nodes.delete(change.incarnation);
    else if ('remove' in change && change.remove === 'endpoint') rows.endpoints.delete(change.address);
}

/** In order of position; without tombstones. */
export const membersOf = (rows: Rows, nodeGroupId: string): CacheNode[] =>
  [...rows.nodes.values()]
    .filter((node) => node.nodeGroupId === nodeGroupId && node.intent !== 'deleted')
    .sort((a, b) => (a.cacheClusterId < b.cacheClusterId ? -1 : 1));

export const isOpen = ({ status }: Operation): boolean => status === 'queued' || status === 'running';

/** Its row says that this very process holds its primary's data. */
export const isConfirmed = (rows: Rows, { incarnation, pid }: Engine): boolean => {
  const node = rows.nodes.get(incarnation);
  return node?.synced === true && node.handle?.pid === pid;
};
