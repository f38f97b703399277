/** Cache nodes and the node groups (shards) that they form. */
import type { Engine, Scope } from './resource.ts';

/**
 * How a Limber finds a process that an earlier Limber started. A pid alone lies: it is reused. Boot id, pid and start
 * time together name one process of one boot of one machine. Only the runtime that made a handle looks into it: others
 * keep it, compare it (`isSameProcess`) and show it (`processName`).
 */
export interface NodeHandle {
  readonly bootId: string;
  readonly pid: number;
  /** Field 22 of /proc/PID/stat: clock ticks since boot. */
  readonly startTime: number;
  /** The engine's own name for this process (INFO's `run_id`), noted when it first answered. Memcached has none. */
  readonly runId?: string;
}

export const isSameProcess = (a: NodeHandle | null, b: NodeHandle | null): boolean =>
  a !== null && b !== null && a.pid === b.pid && a.startTime === b.startTime && a.bootId === b.bootId;

/**
 * True when an engine that answers is the process that the handle names, and not somebody else's at the same address. Run
 * ids are compared once the handle has one: an engine in a container sees another process id than its runtime does.
 */
export const isEngineOf = (
  handle: NodeHandle | null,
  engine: { readonly runId: string; readonly pid: number },
): boolean =>
  handle !== null && (handle.runId === undefined ? handle.pid === engine.pid : handle.runId === engine.runId);

/** The name of a process in logs and messages. */
export const processName = ({ pid }: NodeHandle): string => `process ${pid}`;

export type NodeRole = 'primary' | 'replica';

/**
 * What the node should be doing.
 * `running`: a process serves. `restarting`: the present process is to end in good order, a new one to follow.
 * `stopped`: none may run (`limber down --caches`), the data stay.
 * `deleted`: the tombstone: its process, addresses and directory are to be destroyed, and nothing else is.
 */
type NodeIntent = 'running' | 'restarting' | 'stopped' | 'deleted';

/** The part of a node's target that its running process can be brought to without a restart, as far as the engine allows. */
export interface NodeSettings {
  readonly cacheNodeType: string;
  /** Number of one of the cache's configurations (configuration.ts); 0 when nobody recorded which. */
  readonly configVersion: number;
}

/** What a node is to run. */
export interface NodeTarget extends NodeSettings {
  /** In full, e.g. `8.1.1`. */
  readonly engineVersion: string;
}

/** One engine process, or the place where one will run. */
export interface CacheNode extends Scope {
  /** 16 hex digits; names the node's directory, process and addresses. Primary key. */
  readonly incarnation: string;
  /** Starts at 1, +1 with each write. */
  readonly version: number;
  /** Incarnation of the replication group, or of the cache cluster outside of any group. */
  readonly cacheIncarnation: string;
  readonly cacheClusterId: string;
  /** `0001` for Valkey/Redis; `0001`… within a Memcached cluster. */
  readonly cacheNodeId: string;
  readonly replicationGroupId: string | null;
  readonly nodeGroupId: string | null;
  readonly engine: Engine;
  /**
   * What the node is to run. Its next start takes it from here and from nowhere else: a node that dies in the middle of a
   * change from node to node comes back as it was meant. The cache's `desired` is what new targets are made from.
   */
  readonly target: NodeTarget;
  /** What the node's present or last process was started with; null before the first start. */
  readonly started: NodeTarget | null;
  /**
   * What the present process runs with: `started`, and what was changed in it since. Until a new process has answered once,
   * what the one before ran with. Null when that is not known.
   */
  readonly applied: NodeSettings | null;
  readonly availabilityZone: string;
  /** The machine that runs the node. */
  readonly host: string;
  readonly address: string;
  readonly port: number;
  /** The port speaks TLS and nothing else. */
  readonly tls: boolean;
  /** The API's status word of the member or node. */
  readonly status: string;
  readonly intent: NodeIntent;
  /** The role as the engine last confirmed it; null before the first confirmation and for Memcached. */
  readonly role: NodeRole | null;
  readonly handle: NodeHandle | null;
  /**
   * True once this very process has been confirmed to hold its primary's data (WAIT or equal offsets: `link up`
   * is not enough). False again with each start and each full resynchronisation. A replica that is not synced
   * is never promoted.
   */
  readonly synced: boolean;
  readonly createdAt: number;
}

/** True when the node's process runs with everything of the target that it can be brought to without a restart. */
export const isConfigured = ({ target, applied }: Pick<CacheNode, 'target' | 'applied'>): boolean =>
  applied?.configVersion === target.configVersion && applied.cacheNodeType === target.cacheNodeType;

/**
 * The state of a node group, in the API's words. A node group is `modifying` while its own members change, and stays
 * `available` while only members of other node groups do.
 */
type NodeGroupStatus = 'creating' | 'available' | 'modifying' | 'deleting';

/**
 * One shard of a replication group (cluster mode disabled: the only one, `0001`).
 * `targetPrimary` is written before a promotion, `currentPrimary` after the engine confirmed it: while they
 * differ, a promotion is under way, and whoever resumes it knows which.
 */
export interface NodeGroup {
  readonly cacheIncarnation: string;
  readonly nodeGroupId: string;
  readonly version: number;
  readonly status: NodeGroupStatus;
  /** Cluster mode: the node group has its slots, and all members of the cluster know each other. True without cluster mode. */
  readonly isFormed: boolean;
  /** Slot ranges, `0-5461,6000-6010`; empty with cluster mode disabled. */
  readonly slots: string;
  /** Node incarnations. */
  readonly currentPrimary: string | null;
  readonly targetPrimary: string | null;
}

/** What an address is bound for. A node endpoint is the node's own address and is bound as long as it runs. */
export type EndpointPurpose = 'node' | 'primary' | 'reader' | 'configuration';

/** An address by which clients reach a cache. Host **and** port are stored: nothing derives a port. */
export interface Endpoint {
  /** Primary key with the port: one owner at a time. */
  readonly address: string;
  readonly port: number;
  /** Starts at 1, +1 with each write. */
  readonly version: number;
  readonly cacheIncarnation: string;
  readonly purpose: EndpointPurpose;
  readonly nodeGroupId: string | null;
  /** For purpose `node`: whose address this is. */
  readonly nodeIncarnation: string | null;
  /** The name that DNS answers for, without the zone's suffix: `orders.ab12cd.clustercfg.use1`. */
  readonly dnsName: string;
  /** Incarnation of the node that was last made to bind the address; null when no node does. */
  readonly holder: string | null;
}

/** The next version of an endpoint's row, with the node that is to bind it. */
export const heldBy = (endpoint: Endpoint, holder: string | null): Endpoint => ({
  ...endpoint,
  holder,
  version: endpoint.version + 1,
});
