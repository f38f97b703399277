/**
 * The config file of one node, rendered anew before each start and never rewritten by the engine (CONFIG REWRITE
 * would write endpoints into it, and a node does not start while another process holds one of its addresses).
 */
import type { Durability } from '../../model/resource.ts';
import { type ClientAuth, type EngineSecrets, engineUsers, replicationUser } from './access-control.ts';
import { belongsToLimber, type Directive, primaryCredentialNames, renderDirective } from './directives.ts';
import type { EngineFingerprint } from './fingerprint.ts';
import { nodesFileName } from './nodes-file.ts';
import { renameDirectives } from './renamed-commands.ts';
import { clusterTimingWhileForming, quickFirstSync, steadyClusterTiming, steadySync } from './timing.ts';
import { type TlsFiles, tlsDirectives } from './tls.ts';

export interface NodeAddress {
  readonly address: string;
  readonly port: number;
}

export interface ConfigSpec {
  readonly fingerprint: EngineFingerprint;
  /** The node's own address only. Endpoints are bound at run time, once the role is verified. */
  readonly address: string;
  readonly port: number;
  /** Absolute path of the node's directory: data go into `data/`. The log goes to the standard output. */
  readonly directory: string;
  readonly secrets: EngineSecrets;
  /** Whom the node lets in as `default`. */
  readonly auth: ClientAuth;
  /** The port speaks TLS and nothing else, and so do links to other nodes. */
  readonly tls?: TlsFiles;
  readonly durability: Durability;
  readonly mode: StandaloneMode | ClusterMode;
  /** True for a node group that is new and empty: its first sync is made in a quick way (timing.ts). Default false. */
  readonly isFirstSync?: boolean;
  /** The zone, which Valkey shows to clients that prefer a near replica. */
  readonly availabilityZone?: string;
  /** Directives of the parameter group, with `maxmemory` and the like, in order. Those that Limber sets itself are left out. */
  readonly parameters: readonly Directive[];
}

interface StandaloneMode {
  readonly kind: 'standalone';
  /**
   * Whose replica the node is from its first moment. Every member that may have lost data must have it while
   * another copy lives (DESIGN rule 4): an empty primary wipes its replicas within a second.
   */
  readonly replicaOf?: NodeAddress;
}

/** Roles of a cluster are in its nodes.conf; the engine refuses `replicaof` here. */
interface ClusterMode {
  readonly kind: 'cluster';
  readonly busPort: number;
  /** The cluster is being formed: gossip at once, see topology.ts. Default false. */
  readonly isForming?: boolean;
}

/** Text for a file of mode 0600: it holds the replication secret in plain, which the engine needs to log in at its primary. */
export function renderConfig(spec: ConfigSpec): string {
  const ours = ourDirectives(spec);
  const names = new Set(ours.map(([name]) => name));
  const parameters = spec.parameters.filter(([name]) => !names.has(name) && !belongsToLimber(name));
  const users = Object.entries(engineUsers(spec.fingerprint, spec.secrets, spec.auth)).map(
    ([name, rules]) => `user ${[name, ...rules].join(' ')}`,
  );
  return `${[...parameters.map(renderDirective), ...ours.map(renderDirective), ...users].join('\n')}\n`;
}

function ourDirectives(spec: ConfigSpec): Directive[] {
  const credentials = primaryCredentialNames(spec.fingerprint.server);
  const directives: Directive[] = [
    ['bind', spec.address],
    ...portDirectives(spec),
    // Without it replication and bus links come from 127.0.0.1, and peers take that for the node's address.
    ['bind-source-addr', spec.address],
    // With protected mode Redis 7.0 refuses replication from a bound source address.
    ['protected-mode', 'no'],
    ['daemonize', 'no'],
    ['supervised', 'no'],
    // The engine would write its title over the environment, by which the node is known in /proc/PID/environ.
    ['set-proc-title', 'no'],
    ['dir', `${spec.directory}/data`],
    // A file would grow as fast as a client makes it: `redis.log` in a loop writes 100 MB a second.
    ['logfile', ''],
    ['always-show-logo', 'no'],
    ['enable-debug-command', 'no'],
    ['enable-module-command', 'no'],
    // Limber sets `dir` when that folder was deleted under a node. Who may not use CONFIG, clients above all, gains nothing.
    ['enable-protected-configs', 'local'],
    ...renameDirectives(spec.fingerprint),
    ...payloadChecks(spec.fingerprint),
    ['shutdown-on-sigterm', 'default'],
    // A stopping primary waits so long for its replicas to catch up, seconds. A replica that hangs never does.
    ['shutdown-timeout', '2'],
    ['save', ''],
    ...durabilityDirectives(spec.durability),
    ...(spec.isFirstSync ? quickFirstSync : steadySync),
    [credentials.user, replicationUser],
    [credentials.password, spec.secrets.replication],
    ...modeDirectives(spec),
  ];
  if (spec.availabilityZone !== undefined && spec.fingerprint.server === 'valkey')
    directives.push(['availability-zone', spec.availabilityZone]);
  return directives;
}

/**
 * RESTORE takes a payload as it is unless this is set, and who reads the key then ends the engine, and each replica too
 * (Redis 7.0, Valkey 8; measured: the check takes about as long as the RESTORE). Valkey 9 always checks, and has no such
 * directive. What a primary sends is not checked: it has been.
 */
function payloadChecks({ directives }: EngineFingerprint): Directive[] {
  return directives.includes('sanitize-dump-payload') ? [['sanitize-dump-payload', 'clients']] : [];
}

function portDirectives({ port, tls }: ConfigSpec): Directive[] {
  if (!tls) return [['port', String(port)]];
  return [['port', '0'], ['tls-port', String(port)], ...tlsDirectives(tls)];
}

const onSaveFailure = 'cluster-config-save-behavior';

/**
 * A cluster node that cannot write its nodes.conf ends, with all that it has in memory. Valkey 9.1 can be told to go on: a
 * node that keeps nothing on disk loses less by a file that is old.
 */
function saveBehavior(spec: SaveSpec): Directive[] {
  const isTold = spec.fingerprint.directives.includes(onSaveFailure) && spec.durability === 'disabled';
  return isTold ? [[onSaveFailure, 'best-effort']] : [];
}

type SaveSpec = Pick<ConfigSpec, 'fingerprint' | 'durability'>;

/** True when a cluster node that cannot write its nodes.conf ends. Redis 7.0 writes into the file that it has (measured). */
export const endsWithoutNodesFile = (spec: SaveSpec): boolean =>
  spec.fingerprint.server === 'valkey' && saveBehavior(spec).length === 0;

function modeDirectives(spec: ConfigSpec): Directive[] {
  const { mode, address } = spec;
  if (mode.kind === 'standalone') {
    const { replicaOf } = mode;
    return replicaOf ? [['replicaof', `${replicaOf.address} ${replicaOf.port}`]] : [];
  }
  return [
    ['cluster-enabled', 'yes'],
    ['cluster-config-file', nodesFileName],
    ['cluster-port', String(mode.busPort)],
    ['cluster-announce-ip', address],
    ['cluster-allow-replica-migration', 'no'],
    ...saveBehavior(spec),
    ...(mode.isForming ? clusterTimingWhileForming : steadyClusterTiming),
  ];
}

/** `sync`: a write is on disk before it is acknowledged. `async`: within a second. `disabled`: memory only. */
function durabilityDirectives(durability: Durability): Directive[] {
  switch (durability) {
    case 'sync':
      return [
        ['appendonly', 'yes'],
        ['appendfsync', 'always'],
        ['no-appendfsync-on-rewrite', 'no'],
      ];
    case 'async':
      return [
        ['appendonly', 'yes'],
        ['appendfsync', 'everysec'],
      ];
    case 'disabled':
      return [
        ['appendonly', 'no'],
        // Its only dumps go to replicas, over loopback: 1 GiB that cannot be made smaller is there in half the time,
        // and JSON in the same (measured).
        ['rdbcompression', 'no'],
        // A full sync leaves dump.rdb on both sides, and a later start would load it: what was deleted or changed
        // since would come back. The engine removes it only where nothing else is kept on disk.
        ['rdb-del-sync-files', 'yes'],
      ];
    default:
      return durability satisfies never;
  }
}
