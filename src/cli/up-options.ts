/** What `limber up` is asked for, by its options and by the environment. */
import { defaultPool, parsePool } from '../endpoints/addresses.ts';
import { defaultSettings, type Settings } from '../fleet/settings.ts';
import { awsItself, type LogEndpoints } from '../model/log-delivery.ts';
import { type LogLevel, logLevels } from '../platform/log.ts';
import { readDataDirectory, readPort, UsageError } from './arguments.ts';
import { readStartRecord, type StartRecord } from './start-record.ts';

export interface UpOptions {
  readonly port: number;
  /** Absolute. */
  readonly dataDirectory: string;
  readonly pool: string;
  readonly dnsZone: string | null;
  /** Where the zone is served; 0 takes a free port. Absent: the server's default. */
  readonly dnsPort?: number;
  readonly logLevel: LogLevel;
  readonly settings: Partial<Settings>;
  readonly logEndpoints: LogEndpoints;
}

/** `--dns off`: addresses are shown, whatever the last start said. */
export const noDns = 'off';

type Values = Partial<Record<'port' | 'data' | 'pool' | 'dns' | 'log-level', string>> & {
  readonly 'stand-ins'?: boolean;
};

/** Reads the environment too. Throws `UsageError`. */
export async function readUpOptions(
  values: Values,
  { isDetached }: { isDetached: boolean },
): Promise<UpOptions> {
  const { LIMBER_PORT, LIMBER_POOL, LIMBER_SETTINGS, LIMBER_STAND_INS } = process.env;
  const { LIMBER_CLOUDWATCH_LOGS, LIMBER_FIREHOSE } = process.env;
  const dataDirectory = readDataDirectory(values.data);
  const last = await readStartRecord(dataDirectory);
  // A data directory keeps its pool: another one would take its next addresses from somebody else's.
  const pool = values.pool ?? (LIMBER_POOL || last?.pool) ?? defaultPool;
  try {
    parsePool(pool);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  return {
    port:
      values.port !== undefined
        ? readPort(values.port, '--port')
        : readPort(LIMBER_PORT || '8379', 'LIMBER_PORT'),
    dataDirectory,
    pool,
    ...(values.dns === undefined ? lastDns(last) : readDns(values.dns)),
    logLevel: readLogLevel(values['log-level'] ?? (process.stderr.isTTY && !isDetached ? 'warn' : 'info')),
    settings: {
      ...readSettings(LIMBER_SETTINGS || '{}'),
      ...(values['stand-ins'] || readSwitch('LIMBER_STAND_INS', LIMBER_STAND_INS)
        ? { allowStandIns: true }
        : {}),
    },
    logEndpoints: {
      ...(LIMBER_CLOUDWATCH_LOGS
        ? { cloudWatchLogs: readEndpoint(LIMBER_CLOUDWATCH_LOGS, 'LIMBER_CLOUDWATCH_LOGS') }
        : {}),
      ...(LIMBER_FIREHOSE ? { firehose: readEndpoint(LIMBER_FIREHOSE, 'LIMBER_FIREHOSE') } : {}),
    },
  };
}

/** A data directory keeps its zone too: programs that use the names would find nobody after a start that did not repeat the option. */
function lastDns(last: StartRecord | null): Pick<UpOptions, 'dnsZone' | 'dnsPort'> {
  const { dnsZone = null, dnsPort = null } = last ?? {};
  return { dnsZone, ...(dnsZone === null || dnsPort === null ? {} : { dnsPort }) };
}

/** `ZONE`, `ZONE:PORT`, or `off`. */
function readDns(text: string): Pick<UpOptions, 'dnsZone' | 'dnsPort'> {
  if (text === noDns) return { dnsZone: null };
  const [, zone = text, port] = /^(.*):(\d*)$/.exec(text) ?? [];
  return { dnsZone: readZone(zone), ...(port === undefined ? {} : { dnsPort: readPort(port, '--dns') }) };
}

function readZone(text: string): string {
  const zone = text.toLowerCase().replace(/\.$/, '');
  const isZone =
    zone.length <= 128 && /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/.test(zone);
  if (isZone) return zone;
  throw new UsageError(`--dns ${JSON.stringify(text)}: expected the name of a zone, such as cache.internal`);
}

function readLogLevel(text: string): LogLevel {
  const level = logLevels.find((one) => one === text);
  if (level) return level;
  throw new UsageError(`--log-level ${JSON.stringify(text)}: expected one of ${logLevels.join(', ')}`);
}

function readEndpoint(text: string, name: string): string {
  if (text === awsItself || (/^https?:\/\//.test(text) && URL.canParse(text))) return text;
  throw new UsageError(`${name}=${text}: expected the URL of a service, or ${awsItself} for AWS's own`);
}

function readSwitch(name: string, text = ''): boolean {
  if (['', '0', '1'].includes(text)) return text === '1';
  throw new UsageError(`${name} ${JSON.stringify(text)}: expected 1 or 0`);
}

function readSettings(text: string): Partial<Settings> {
  const names = Object.keys(defaultSettings) as readonly (keyof Settings)[];
  const expected = `expected JSON with numbers, or true or false, of ${names.join(', ')}`;
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch {
    throw new UsageError(`LIMBER_SETTINGS is not JSON: ${expected}`);
  }
  for (const [name, value] of Object.entries((given ?? {}) as object)) {
    const known = names.find((one) => one === name);
    const isOfItsType = known !== undefined && typeof value === typeof defaultSettings[known];
    if (!isOfItsType || (typeof value === 'number' && !(value >= 0)))
      throw new UsageError(`LIMBER_SETTINGS, ${name}: ${expected}`);
  }
  return given as Partial<Settings>;
}
