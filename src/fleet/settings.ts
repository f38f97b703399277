/** What an operator may change, with its defaults. Milliseconds unless the name says otherwise. */
export interface Settings {
  /**
   * Between two looks at a node that leads: at its processor time, once a second and in doubt with a PING. The time
   * until a hang counts starts with the next one.
   */
  readonly pingIntervalMs: number;
  /** A node that is stopped, or makes no progress, for this long counts as hung. */
  readonly hangAfterMs: number;
  /** The same limit for a process that waits for a disk (state D), which is slow more often than dead. */
  readonly busyAfterMs: number;
  /** A replica that is promoted with more of its primary's writes missing: the primary's files are kept, and an event says so. */
  readonly maxLagMs: number;
  /** How long a start may take until the engine answers; loading a large data set is not part of it. */
  readonly startDeadlineMs: number;
  /** A shard whose replicas are all dead or unconfirmed for this long is told of. */
  readonly unprotectedAfterMs: number;
  /** A factor over every limit of what an operation waits for: more for a slow machine. */
  readonly patience: number;
  /** A released address is not given out again before this. */
  readonly addressRestMs: number;
  /** How long a Describe of one resource that is changing is held; 0 = never. */
  readonly describeHoldMs: number;
  /** Between two looks at the logs of nodes whose caches have log delivery. */
  readonly logDeliveryMs: number;
  /** Node groups that TestFailover may be called for in any 24 hours, per account. */
  readonly testFailoversPerDay: number;
  /** Whether CreateCacheCluster makes single Valkey nodes, which ElastiCache's refuses to. */
  readonly allowValkeyCacheClusters: boolean;
  /** Whether a new cache of a version that is not to be had runs the nearest newer one (`limber up --stand-ins`). */
  readonly allowStandIns: boolean;
  /** A cache that has been creating or changing for this long can be deleted all the same. */
  readonly deleteAnywayAfterMs: number;
}

export const defaultSettings: Settings = {
  pingIntervalMs: 150,
  hangAfterMs: 500,
  busyAfterMs: 5_000,
  maxLagMs: 10_000, // the engine's own min-replicas-max-lag
  startDeadlineMs: 15_000,
  unprotectedAfterMs: 60_000,
  patience: 1,
  addressRestMs: 10 * 60_000,
  describeHoldMs: 5_000,
  logDeliveryMs: 1_000,
  testFailoversPerDay: 15, // AWS's
  allowValkeyCacheClusters: false,
  allowStandIns: false,
  deleteAnywayAfterMs: 60_000,
};
