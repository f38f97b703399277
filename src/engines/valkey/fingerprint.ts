/**
 * What an engine can do, as it says itself. Rules for its users are derived from this and never from a list of
 * versions: Redis 7.0 does not start with a rule about a command it lacks, and new engines bring new commands.
 */
import { Redis } from 'iovalkey';
import { EngineUnreachable } from './engine-errors.ts';

export interface EngineCommand {
  /** Lower case; a subcommand as ACL rules write it: `config|get`. */
  readonly name: string;
  readonly flags: readonly string[];
  /** With the leading `@`. */
  readonly categories: readonly string[];
}

/** Plain data: may be kept as JSON beside the engine. */
export interface EngineFingerprint {
  readonly server: 'valkey' | 'redis';
  /** In full: `8.1.1`. */
  readonly version: string;
  /** Commands, each followed by its subcommands. */
  readonly commands: readonly EngineCommand[];
  /** Every directive of its config file, old spellings too: an engine does not start with one it does not know. */
  readonly directives: readonly string[];
}

/** Directives that engines have and do not show unless they are asked for by name. */
const hiddenDirectives = ['sanitize-dump-payload'];

/** Arguments for a short-lived engine that listens on nothing but a unix socket; see `readFingerprint`. */
export function fingerprintArguments(socketPath: string, directory: string): string[] {
  const settings = {
    port: '0',
    unixsocket: socketPath,
    unixsocketperm: '700',
    dir: directory,
    save: '',
    appendonly: 'no',
  };
  return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
}

/**
 * Asks a running engine. Retries until the socket accepts or the deadline has passed (about 20 ms in all after
 * the engine's start); throws `EngineUnreachable`. The caller starts and ends the process.
 */
export async function readFingerprint(socketPath: string, deadlineMs: number): Promise<EngineFingerprint> {
  const redis = new Redis(socketPath, {
    lazyConnect: true,
    enableReadyCheck: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => 5,
    commandTimeout: deadlineMs,
  });
  redis.on('error', () => {});
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new EngineUnreachable(`no engine answers at ${socketPath}`)), deadlineMs);
  });
  try {
    const opened = new Promise((resolve) => redis.once('ready', resolve));
    redis.connect().catch(() => {});
    await Promise.race([opened, late]);
    const [info, commands, settings] = await Promise.race([
      Promise.all([
        redis.call('INFO', 'server'),
        redis.call('COMMAND'),
        redis.call('CONFIG', 'GET', '*', ...hiddenDirectives),
      ]),
      late,
    ]);
    return parseFingerprint(String(info), commands as unknown[], settings as unknown[]);
  } finally {
    clearTimeout(timer);
    redis.disconnect();
  }
}

function parseFingerprint(
  info: string,
  commands: readonly unknown[],
  settings: readonly unknown[],
): EngineFingerprint {
  const valkey = /^valkey_version:(\S+)/m.exec(info)?.[1];
  const redis = /^redis_version:(\S+)/m.exec(info)?.[1];
  const version = valkey ?? redis;
  // Names and values in turn.
  const directives = settings
    .filter((_, index) => index % 2 === 0)
    .map(String)
    .sort();
  if (version === undefined) throw new EngineUnreachable('the engine does not say its version');
  return {
    server: valkey ? 'valkey' : 'redis',
    version,
    commands: commands.flatMap(parseCommand),
    directives,
  };
}

/** COMMAND since 7.0: name, arity, flags, three key positions, categories, tips, key specs, subcommands. */
function parseCommand(entry: unknown): EngineCommand[] {
  const fields = entry as unknown[];
  const command: EngineCommand = {
    name: String(fields[0]).toLowerCase(),
    flags: (fields[2] as unknown[]).map(String),
    categories: (fields[6] as unknown[]).map(String),
  };
  return [command, ...((fields[9] ?? []) as unknown[]).flatMap(parseCommand)];
}
