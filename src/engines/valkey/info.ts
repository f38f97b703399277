/** INFO, as far as Limber decides by it. */
import type { EngineConnection } from './client.ts';

export interface EngineInfo {
  readonly version: string;
  readonly pid: number;
  /** New with every start of the process. */
  readonly runId: string;
  readonly uptimeSeconds: number;
  readonly role: 'primary' | 'replica';
  readonly isClusterEnabled: boolean;
  readonly isLoading: boolean;
  /** An RDB is being received from the primary and loaded, or a full sync is under way. */
  readonly isSyncing: boolean;
  /** The engine has a child: a snapshot, a rewrite of the AOF, a full sync. Writes may cost memory and time. */
  readonly isForking: boolean;
  /** Lineage of the data. Comparable only between processes that have not restarted since. */
  readonly replicationId: string;
  /** The lineage before the last promotion, valid up to `secondOffset`; null when there was none. */
  readonly secondReplicationId: string | null;
  readonly secondOffset: number;
  /**
   * Bytes of the replication stream: written by a primary, applied by a replica. `confirmSynced` compares these.
   */
  readonly offset: number;
  /** Of a replica; null on a primary. */
  readonly upstream: UpstreamLink | null;
  /** Of a primary, also of a replica that has replicas itself. */
  readonly replicas: readonly DownstreamReplica[];
  readonly memory: { readonly usedBytes: number; readonly maxBytes: number; readonly rssBytes: number };
  readonly persistence: {
    readonly isAofEnabled: boolean;
    readonly lastAofWriteOk: boolean;
    readonly lastSnapshotOk: boolean;
  };
  readonly clients: { readonly connected: number; readonly blocked: number; readonly max: number };
  /** Keys over all databases. */
  readonly keys: number;
  /** Every field by its engine name, for metrics. */
  readonly fields: ReadonlyMap<string, string>;
}

interface UpstreamLink {
  readonly address: string;
  readonly port: number;
  /** True up to 1 s before a diskless sync has delivered anything: never enough to promote a replica. */
  readonly isUp: boolean;
  /** Since when the link is down, seconds; -1 when it never was up; null while it is up. */
  readonly downSeconds: number | null;
  /** Since the primary was last heard, seconds; -1 while not connected. */
  readonly lastHeardSeconds: number;
}

export interface DownstreamReplica {
  readonly address: string;
  readonly port: number;
  /** `online` says that the primary has sent the data, not that the replica has them. */
  readonly state: string;
  /** As last acknowledged; replicas acknowledge once a second unless asked (WAIT asks). */
  readonly offset: number;
  readonly lagSeconds: number;
}

/** Throws what `call` throws. Works while the engine is loading. */
export async function readInfo(connection: EngineConnection): Promise<EngineInfo> {
  return parseInfo(String(await connection.call('INFO')));
}

export function parseInfo(text: string): EngineInfo {
  const fields = parseFields(text);
  const word = (name: string) => fields.get(name) ?? '';
  const number = (name: string) => Number(fields.get(name) ?? 0);
  const flag = (name: string) => number(name) !== 0;
  const role = word('role') === 'master' ? 'primary' : 'replica';
  const secondId = word('master_replid2');
  return {
    version: fields.get('valkey_version') ?? word('redis_version'),
    pid: number('process_id'),
    runId: word('run_id'),
    uptimeSeconds: number('uptime_in_seconds'),
    role,
    isClusterEnabled: flag('cluster_enabled'),
    isLoading: flag('loading') || flag('async_loading'),
    isSyncing: flag('master_sync_in_progress'),
    isForking:
      flag('rdb_bgsave_in_progress') || flag('aof_rewrite_in_progress') || number('current_fork_perc') > 0,
    replicationId: word('master_replid'),
    secondReplicationId: /^0*$/.test(secondId) ? null : secondId,
    secondOffset: number('second_repl_offset'),
    offset: Math.max(0, role === 'replica' ? number('slave_repl_offset') : number('master_repl_offset')),
    upstream: role === 'replica' ? upstreamOf(word, number) : null,
    replicas: replicasOf(fields),
    memory: {
      usedBytes: number('used_memory'),
      maxBytes: number('maxmemory'),
      rssBytes: number('used_memory_rss'),
    },
    persistence: {
      isAofEnabled: flag('aof_enabled'),
      lastAofWriteOk: word('aof_last_write_status') !== 'err',
      lastSnapshotOk: word('rdb_last_bgsave_status') !== 'err',
    },
    clients: {
      connected: number('connected_clients'),
      blocked: number('blocked_clients'),
      max: number('maxclients'),
    },
    keys: keysOf(fields),
    fields,
  };
}

function parseFields(text: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const line of text.split('\r\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1));
  }
  return fields;
}

function upstreamOf(word: (name: string) => string, number: (name: string) => number): UpstreamLink {
  const isUp = word('master_link_status') === 'up';
  return {
    address: word('master_host'),
    port: number('master_port'),
    isUp,
    downSeconds: isUp ? null : number('master_link_down_since_seconds'),
    lastHeardSeconds: number('master_last_io_seconds_ago'),
  };
}

/** `slave0:ip=127.0.0.1,port=6379,state=online,offset=14,lag=1` */
function replicasOf(fields: ReadonlyMap<string, string>): DownstreamReplica[] {
  return [...fields]
    .filter(([name]) => /^(slave|replica)\d+$/.test(name))
    .map(([, value]) => {
      const parts = new Map(value.split(',').map((part) => [part.split('=')[0], part.split('=')[1] ?? '']));
      return {
        address: parts.get('ip') ?? '',
        port: Number(parts.get('port')),
        state: parts.get('state') ?? '',
        offset: Number(parts.get('offset')),
        lagSeconds: Number(parts.get('lag')),
      };
    });
}

function keysOf(fields: ReadonlyMap<string, string>): number {
  let keys = 0;
  for (const [name, value] of fields)
    if (/^db\d+$/.test(name)) keys += Number(/keys=(\d+)/.exec(value)?.[1] ?? 0);
  return keys;
}
