/** Directives of valkey.conf and redis.conf: their names by engine, their quoting, and which of them belong to Limber. */

/** A directive and its value as CONFIG SET takes it: several arguments stand in one string, parted by spaces. */
export type Directive = readonly [name: string, value: string];

/** Directives that take several arguments in a file; anything else is one value, spaces included. */
const takesSeveralArguments = new Set([
  'bind',
  'client-output-buffer-limit',
  'oom-score-adj-values',
  'rename-command',
  'replicaof',
]);

/**
 * Directives that a parameter group can never set: they would load code, open other doors, or undo what Limber relies
 * on. Old spellings count, because engines take them too.
 */
const limberDirectives = new Set([
  'include',
  'loadmodule',
  'rename-command',
  'user',
  'aclfile',
  'requirepass',
  'enable-debug-command',
  'enable-module-command',
  'enable-protected-configs',
  'sanitize-dump-payload',
  'bind',
  'bind-source-addr',
  'port',
  'protected-mode',
  'unixsocket',
  'unixsocketperm',
  'daemonize',
  'supervised',
  'pidfile',
  'set-proc-title',
  'proc-title-template',
  'dir',
  'logfile',
  'loglevel',
  'syslog-enabled',
  'syslog-ident',
  'shutdown-on-sigterm',
  'shutdown-on-sigint',
  'shutdown-timeout',
  'save',
  'dbfilename',
  'appendonly',
  'appendfsync',
  'appendfilename',
  'appenddirname',
  'no-appendfsync-on-rewrite',
  'replicaof',
  'slaveof',
  'masteruser',
  'masterauth',
  'primaryuser',
  'primaryauth',
  'repl-diskless-sync',
  'repl-diskless-sync-delay',
  'repl-diskless-load',
  'repl-timeout',
  'repl-ping-replica-period',
  'repl-ping-slave-period',
  'replica-announce-ip',
  'replica-announce-port',
  'slave-announce-ip',
  'slave-announce-port',
  'replica-read-only',
  'slave-read-only',
  'replica-priority',
  'slave-priority',
  'availability-zone',
  'cluster-enabled',
  'cluster-config-file',
  'cluster-config-save-behavior',
  'cluster-node-timeout',
  'cluster-port',
  'cluster-announce-ip',
  'cluster-announce-port',
  'cluster-announce-bus-port',
  'cluster-announce-tls-port',
  'cluster-announce-hostname',
  'cluster-allow-replica-migration',
  'cluster-migration-barrier',
  'cluster-replica-no-failover',
  'cluster-slave-no-failover',
  'cluster-replica-validity-factor',
  'cluster-slave-validity-factor',
]);

export function belongsToLimber(name: string): boolean {
  return limberDirectives.has(name) || name.startsWith('tls-');
}

/** Throws on a name that could end the line or start another one: a defect, since parameters are checked by the catalogue. */
export function renderDirective([name, value]: Directive): string {
  if (!/^[a-z][a-z0-9-]*$/.test(name)) throw new Error(`not a directive name: ${JSON.stringify(name)}`);
  const values = takesSeveralArguments.has(name) ? value.split(/\s+/) : [value];
  return [name, ...values.map(quote)].join(' ');
}

/** As the engines read it: plain words bare, anything else in double quotes with escapes. Bytes, not characters, are escaped. */
function quote(value: string): string {
  if (/^[\w./:@%+~*#&|<>=,-]+$/.test(value) && !value.startsWith('#')) return value;
  const escaped = [...Buffer.from(value)].map((byte) => {
    if (byte === 0x22 || byte === 0x5c) return `\\${String.fromCharCode(byte)}`;
    if (byte >= 0x20 && byte < 0x7f) return String.fromCharCode(byte);
    return `\\x${byte.toString(16).padStart(2, '0')}`;
  });
  return `"${escaped.join('')}"`;
}

/** Redis 7.0 knows only the old words for a primary; Valkey has its own since 8.0 and may drop the old ones. */
export function primaryCredentialNames(server: 'valkey' | 'redis'): { user: string; password: string } {
  return server === 'valkey'
    ? { user: 'primaryuser', password: 'primaryauth' }
    : { user: 'masteruser', password: 'masterauth' };
}
