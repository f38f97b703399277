/**
 * The reviewed table: what clients of a cache may do. Every command that an engine puts into `@admin` or
 * `@dangerous` stands in one of the two lists; an unknown one of these categories is denied until somebody has
 * reviewed it, and a test over the installed engines says so. A denied name without subcommand denies all of them.
 *
 * Sources: spec/behaviour.md §18 (what ElastiCache restricts) and the dangers that newer engines bring.
 */

/** Name → why clients may not use it. */
export const deniedToClients: Readonly<Record<string, string>> = {
  // Users and secrets. The last four are allowed on ElastiCache, which hides hashes; the engines here do not.
  'acl|setuser': 'changes users',
  'acl|deluser': 'changes users',
  'acl|load': 'changes users',
  'acl|save': 'writes files',
  'acl|list': 'shows password hashes',
  'acl|getuser': 'shows password hashes',
  'acl|users': "names Limber's own users",
  'acl|log': "shows refused log-ins of Limber's own users",
  // Settings, files, code, life and death of the process.
  config: 'settings belong to the parameter group',
  debug: 'crashes or stalls the engine',
  module: 'loads code',
  shutdown: 'ends the process',
  save: 'writes files and stalls the engine',
  bgsave: 'writes files and forks',
  bgrewriteaof: 'writes files and forks',
  // A synchronous debugging session stops the engine without using processor time, which is what a hang looks
  // like: a client could bring a failover about.
  'script|debug': 'stops the engine for as long as the client likes',
  // The engine would answer nobody, Limber neither: a replica that is paused cannot be made to lead. Rules cannot let
  // PAUSE WRITE pass alone.
  'client|pause': 'keeps a failover waiting for as long as the client likes',
  'client|unpause': "ends the pause of Limber's switchover",
  // Replication: who leads is decided by Limber alone.
  replicaof: 'changes who leads',
  slaveof: 'changes who leads',
  failover: 'changes who leads (measured: `default` demotes a primary with it)',
  psync: 'makes the client a replica: copies all data and holds back writes',
  sync: 'makes the client a replica: copies all data and holds back writes',
  replconf: 'poses as a replica: a false acknowledgement ends a WAIT',
  migrate: 'connects the engine to any host, and stalls it meanwhile',
  // Topology of the cluster.
  'cluster|addslots': 'changes the topology',
  'cluster|addslotsrange': 'changes the topology',
  'cluster|bumpepoch': 'changes the topology',
  'cluster|delslots': 'changes the topology',
  'cluster|delslotsrange': 'changes the topology',
  'cluster|failover': 'changes who leads',
  'cluster|flushslots': 'changes the topology',
  'cluster|forget': 'changes the topology',
  'cluster|links': 'restricted by ElastiCache',
  'cluster|meet': 'changes the topology',
  'cluster|replicate': 'changes who leads',
  'cluster|reset': 'changes the topology and empties the node',
  'cluster|saveconfig': 'writes files',
  'cluster|set-config-epoch': 'changes the topology',
  'cluster|setslot': 'changes the topology',
  // Valkey 9.
  'cluster|migrateslots': 'moves slots',
  'cluster|syncslots': 'poses as a slot migration',
  'cluster|cancelslotmigrations': "ends Limber's slot migrations",
  'cluster|flushslot': 'deletes what a slot migration is moving',
};

/** Commands of `@admin` or `@dangerous` that clients may use, because they can on ElastiCache and harm only their own data or patience. */
export const allowedToClients: readonly string[] = [
  'acl|dryrun',
  // CLIENT KILL and PAUSE can cut or delay Limber's own connection: diagnosis does not take that for death.
  'client|kill',
  'client|list',
  'client|no-evict',
  'client|unblock',
  'cluster|count-failure-reports',
  'cluster|getslotmigrations',
  'cluster|replicas',
  'cluster|slaves',
  'commandlog|get',
  'commandlog|len',
  'commandlog|reset',
  'flushall',
  'flushdb',
  'info',
  'keys',
  'lastsave',
  'latency|doctor',
  'latency|graph',
  'latency|histogram',
  'latency|history',
  'latency|latest',
  'latency|reset',
  // Shows no administrative command and no password.
  'monitor',
  'pfdebug',
  'pfselftest',
  'restore',
  // No more than ASKING and RESTORE, which clients have.
  'restore-asking',
  'role',
  'slowlog|get',
  'slowlog|len',
  'slowlog|reset',
  'sort',
  'sort_ro',
  'swapdb',
];
