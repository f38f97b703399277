/**
 * The durable state of Limber. Implementations: `sqlite/` (embedded default). The contract is asynchronous
 * because a shared database will need it.
 *
 * Reads see the last commit. Writes are lists of changes that `commit` applies all or none; a change may state
 * what must still be true, and then the whole list is refused with `StaleWrite` when it is not. There are no
 * transactions that stay open across awaits: nobody can hold the writer.
 *
 * Ids and times are passed in, never made here.
 */
import type { AccessKey } from '../model/credential.ts';
import type { CacheEvent, EventSourceType } from '../model/event.ts';
import type { CacheNode, Endpoint, NodeGroup } from '../model/node.ts';
import type { Operation } from '../model/operation.ts';
import type { Cache, Resource, ResourceKey, ResourceKind, Scope } from '../model/resource.ts';
import type { Setting } from '../model/setting.ts';

/** One page of a list that is ordered by id. */
export interface Page {
  /** Only rows with a greater id; null from the start. */
  readonly after: string | null;
  readonly limit: number;
}

export interface EventFilter extends Scope {
  readonly sourceType?: EventSourceType;
  readonly sourceId?: string;
  /** Inclusive, milliseconds since 1970. */
  readonly from: number;
  readonly until: number;
}

/** Events have a number of their own, because many share a millisecond. */
export interface NumberedEvent extends CacheEvent {
  readonly number: number;
}

export type Change =
  /**
   * Writes the row with `version`; refused unless the stored row has `version - 1` and the same incarnation
   * (1: unless none exists).
   */
  | { readonly put: 'resource'; readonly row: Resource }
  /** Refused unless the stored row has this version, and, when an incarnation is given, that incarnation. */
  | {
      readonly remove: 'resource';
      readonly key: ResourceKey;
      readonly version: number;
      readonly incarnation?: string;
    }
  | { readonly put: 'node'; readonly row: CacheNode }
  | { readonly remove: 'node'; readonly incarnation: string }
  | { readonly put: 'node-group'; readonly row: NodeGroup }
  | { readonly remove: 'node-group'; readonly cacheIncarnation: string; readonly nodeGroupId: string }
  /** Refused, too, when the address and port belong to another cache. */
  | { readonly put: 'endpoint'; readonly row: Endpoint }
  /**
   * Gives the address back; it rests until `restUntil`. May be repeated. With `cacheIncarnation` nothing happens
   * unless that cache has it: a repeated deletion then never takes the address from its next owner.
   */
  | {
      readonly remove: 'endpoint';
      readonly address: string;
      readonly port: number;
      readonly restUntil: number;
      readonly cacheIncarnation?: string;
    }
  | { readonly put: 'operation'; readonly row: Operation }
  | { readonly add: 'event'; readonly row: CacheEvent }
  | { readonly put: 'secret'; readonly owner: string; readonly name: string; readonly value: string }
  | { readonly remove: 'secrets'; readonly owner: string }
  | { readonly put: 'access-key'; readonly row: AccessKey }
  | { readonly put: 'setting'; readonly row: Setting }
  /**
   * Writes nothing. Refused unless the resource exists (for a new cache that names a group), or unless nothing refers to it
   * (for the deletion of that group). What stands before it in the list counts as done already.
   */
  | { readonly require: 'resource' | 'no-referrers'; readonly key: ResourceKey }
  /**
   * Writes nothing. Refused unless the node's row has this version: for a commit that was decided on what that row says
   * (what the node is to do, what it is known to hold) and writes other rows.
   */
  | { readonly require: 'node'; readonly incarnation: string; readonly version: number };

/** Thrown when a stated precondition does not hold any more, and nothing was written: the caller reads again and decides anew. */
export class StaleWrite extends Error {
  readonly what: string;
  constructor(what: string) {
    super(`the stored ${what} has changed since it was read`);
    this.name = 'StaleWrite';
    this.what = what;
  }
}

/** Thrown when the store cannot be read or written (full disk, corrupt file). Nobody is promoted then, and that is said. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable';
}

/** Thrown when another Limber holds the data directory. */
export class StoreLocked extends Error {
  override readonly name = 'StoreLocked';
}

export interface Store {
  /**
   * The state is older than what was last seen in this data directory (a copy was put back, or the state was
   * deleted): what runs and is unknown to it must not be touched. Stays true, also over restarts, until
   * `acceptOlderCopy`.
   */
  readonly olderCopy: boolean;
  /** True from a write that found no room on the disk until there is room again. Some writes may succeed all the same. */
  readonly diskFull: boolean;

  commit(changes: readonly Change[]): Promise<void>;
  /** Ends `olderCopy`: to be called when everything that the older copy does not know has been reported. */
  acceptOlderCopy(): Promise<void>;

  /** Null when there is none. */
  resource<K extends ResourceKind>(key: ResourceKey<K>): Promise<Resource<K> | null>;
  resourceByIncarnation<K extends ResourceKind>(kind: K, incarnation: string): Promise<Resource<K> | null>;
  /** Ordered by id. */
  resources<K extends ResourceKind>(
    scope: Scope & { readonly kind: K; readonly outsideReplicationGroups?: boolean },
    page: Page,
  ): Promise<Resource<K>[]>;
  /** Caches of every account and region with values that wait for the maintenance window; the first 1,000. */
  cachesWithPendingValues(): Promise<Cache[]>;
  /** Caches of every account and region that ask for log delivery, or have asked for it until a moment ago; the first 1,000. */
  cachesWithLogDelivery(): Promise<Cache[]>;
  countResources(scope: Scope & { readonly kind: ResourceKind }): Promise<number>;
  /** Resources of any kind that refer to this one, ordered by kind and id; the first `limit`. */
  referrers(key: ResourceKey, limit: number): Promise<Resource[]>;

  node(incarnation: string): Promise<CacheNode | null>;
  /** All nodes of these caches, ordered by cluster id and node id. */
  nodesOf(cacheIncarnations: readonly string[], nodeGroupId?: string): Promise<CacheNode[]>;
  /** Every node of this host in order of incarnation; for re-adoption at start, page by page. */
  nodesOnHost(host: string, page: Page): Promise<CacheNode[]>;
  countNodes(scope: Scope): Promise<number>;
  nodeGroup(cacheIncarnation: string, nodeGroupId: string): Promise<NodeGroup | null>;
  /** Ordered by node group id. */
  nodeGroupsOf(cacheIncarnations: readonly string[]): Promise<NodeGroup[]>;
  endpointsOf(cacheIncarnations: readonly string[]): Promise<Endpoint[]>;
  /** Addresses in use or at rest: what an allocator must not give out. */
  takenAddresses(now: number): Promise<Set<string>>;
  /** For DNS: the endpoints with this name (several for a reader endpoint). */
  endpointsByName(dnsName: string): Promise<Endpoint[]>;

  operation(id: string): Promise<Operation | null>;
  /** Queued or running, ordered by id. */
  openOperations(): Promise<Operation[]>;
  /** The operations of a lock that ended last, newest first. */
  endedOperations(lock: string, limit: number): Promise<Operation[]>;

  /** Newest first; `before` is the number of the last event of the page before. */
  events(
    filter: EventFilter,
    page: { readonly before: number | null; readonly limit: number },
  ): Promise<NumberedEvent[]>;
  /**
   * Deletes events older than this (ms since 1970) and operations that ended before it; returns how many. Some
   * thousand at a time: call again until it returns 0.
   */
  forgetBefore(time: number): Promise<number>;

  secret(owner: string, name: string): Promise<string | null>;
  accessKey(accessKeyId: string): Promise<AccessKey | null>;
  accessKeys(): Promise<AccessKey[]>;
  setting(name: string): Promise<Setting | null>;
  close(): Promise<void>;
}
