/** What a node says of itself by `stats`, typed. Counters start at zero with the process. */
export interface MemcachedInfo {
  readonly pid: number;
  readonly version: string;
  /** Seconds since the process started. */
  readonly uptimeSeconds: number;
  /** The discovery key, which Limber keeps on every node, is among the items. */
  readonly itemsCurrent: number;
  readonly itemsTotal: number;
  /** Bytes that items take now. */
  readonly bytesUsed: number;
  /** Bytes that items may take (`-m`). */
  readonly bytesMax: number;
  readonly threads: number;
  readonly connectionsCurrent: number;
  readonly connectionsMax: number;
  readonly connectionsTotal: number;
  /** Connections that had to wait because all were taken. */
  readonly connectionsRejected: number;
  readonly evictions: number;
  readonly reclaimed: number;
  readonly getHits: number;
  readonly getMisses: number;
  readonly getCommands: number;
  readonly setCommands: number;
  readonly flushCommands: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** CPU time of the process, seconds. */
  readonly cpuUserSeconds: number;
  readonly cpuSystemSeconds: number;
  /** Everything, by the engine's own names: the source of the CloudWatch metrics (`metrics.json`). */
  readonly all: ReadonlyMap<string, string>;
}

/** Fields that a version lacks are 0. */
export function parseInfo(all: ReadonlyMap<string, string>): MemcachedInfo {
  const number = (name: string) => {
    const value = Number(all.get(name) ?? 0);
    return Number.isFinite(value) ? value : 0;
  };
  return {
    pid: number('pid'),
    version: all.get('version') ?? '',
    uptimeSeconds: number('uptime'),
    itemsCurrent: number('curr_items'),
    itemsTotal: number('total_items'),
    bytesUsed: number('bytes'),
    bytesMax: number('limit_maxbytes'),
    threads: number('threads'),
    connectionsCurrent: number('curr_connections'),
    connectionsMax: number('max_connections'),
    connectionsTotal: number('total_connections'),
    connectionsRejected: number('rejected_connections'),
    evictions: number('evictions'),
    reclaimed: number('reclaimed'),
    getHits: number('get_hits'),
    getMisses: number('get_misses'),
    getCommands: number('cmd_get'),
    setCommands: number('cmd_set'),
    flushCommands: number('cmd_flush'),
    bytesRead: number('bytes_read'),
    bytesWritten: number('bytes_written'),
    cpuUserSeconds: number('rusage_user'),
    cpuSystemSeconds: number('rusage_system'),
    all,
  };
}
