/** Cache nodes and the node groups (shards) that they form. */
import type { Engine, Scope } from './resource.ts';

/**
 * How to find a process again after Limber was gone. A pid alone lies: it is reused. Boot id, pid and start
 * time together name one process of one boot of one machine. Only the runtime that made a handle looks into it: others
 * keep it, compare it (`isSameProcess`) and show it (`processName`).
 */
export interface NodeHandle {
  readonly bootId: string;
  readonly pid: number;
  /** Field 22 of /proc/PID/stat: clock ticks since boot. */
  readonly startTime: number;
  /** What the engine calls this life of itself (INFO's `run_id`), noted when it first answered. Memcached has none. */
  readonly runId?: string;
}

export const isSameProcess = (a: NodeHandle | null, b: NodeHandle | null): boolean =>
  a !== null && b !== null && a.pid === b.pid && a.startTime === b.startTime && a.bootId === b.bootId;

/**
 * The engine that says this of itself is the one that the handle names, and not somebody else's at the same address. By
 * its run id, once that is noted: the process ids that an engine and its runtime see need not be the same (a container).
 */
export const isEngineOf = (
  handle: NodeHandle | null,
  engine: { readonly runId: string; readonly pid: number },
): boolean =>
  handle !== null && (handle.runId === undefined ? handle.pid === engine.pid : handle.runId === engine.runId);

/** For people. */
export const processName = ({ pid }: NodeHandle): string => `process ${pid}`;

export type NodeRole = 'primary' | 'replica';

/**
 * What the node should be doing.
 * `running`: a process serves. `restarting`: the present process is to end in good order, a new one to follow.
 * `stopped`: none may run (`limber down --caches`), the data stay.
 * `deleted`: the tombstone: its process, addresses and directory are to be destroyed, and nothing else is.
 */
type NodeIntent = 'running' | 'restarting' | 'stopped' | 'deleted';

/** What of its target a running node can be brought to without a restart, as far as the engine allows. */
export interface NodeSettings {
  readonly cacheNodeType: string;
  /** One of the cache's configurations (configuration.ts); 0: not known which. */
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
   * What it is to run. The next start takes it from here and from nowhere else: in the middle of a change that goes from
   * node to node, one that dies comes back as it was meant. The cache's `desired` is what new targets are made from.
   */
  readonly target: NodeTarget;
  /** What its present or last process was started with; null before the first start. */
  readonly started: NodeTarget | null;
  /** `started`, with what the same process was brought to since. Null when that is not known. */
  readonly applied: NodeSettings | null;
  readonly availabilityZone: string;
  /** The machine that runs it. */
  readonly host: string;
  readonly address: string;
  readonly port: number;
  /** The API's status word of the member or node. */
  readonly status: string;
  readonly intent: NodeIntent;
  /** Last confirmed by the engine; null before the first confirmation and for Memcached. */
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

/** It runs with everything of its target that it can be brought to without a restart. */
export const isConfigured = ({ target, applied }: Pick<CacheNode, 'target' | 'applied'>): boolean =>
  applied?.configVersion === target.configVersion && applied.cacheNodeType === target.cacheNodeType;

/**
 * What a node group is in, as the API says it. It is `modifying` while its own members change, and `available` when the
 * others of its group are what changes.
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
  /** Cluster mode: its slots are assigned, and its members and those of the other node groups know each other. True without cluster mode. */
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
  readonly cacheIncarnation: string;
  readonly purpose: EndpointPurpose;
  readonly nodeGroupId: string | null;
  /** For purpose `node`: whose address this is. */
  readonly nodeIncarnation: string | null;
  /** The label that DNS answers, without the zone's suffix: `orders.ab12cd.clustercfg.use1`. */
  readonly dnsName: string;
  /** Which node binds it at present (node incarnation), as last applied; null when none. */
  readonly holder: string | null;
}
