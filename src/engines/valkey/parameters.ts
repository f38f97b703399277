/** Parameter groups as engines understand them. */
import type { EngineConnection } from './client.ts';
import { belongsToLimber, type Directive } from './directives.ts';
import type { EngineFingerprint } from './fingerprint.ts';

/** Shown in the engine's own words: classes in its order, and all of them. */
const rewrittenByEngine = new Set(['notify-keyspace-events', 'client-output-buffer-limit']);

const bufferClasses = ['normal', 'replica', 'pubsub'] as const;
const bufferParts = ['hard-limit', 'soft-limit', 'soft-seconds'] as const;
/** valkey.conf: hard limit, soft limit (bytes), soft seconds. */
const bufferDefaults = {
  normal: ['0', '0', '0'],
  replica: ['268435456', '67108864', '60'],
  pubsub: ['33554432', '8388608', '60'],
} as const;

/**
 * ElastiCache's parameters → directives that this engine knows, in the order given. What exists only in the service
 * (`close-on-replica-write`, `reserved-memory-percent`, `rename-commands` …) or belongs to Limber (`appendonly`,
 * `cluster-enabled` …) is left out.
 */
export function parameterDirectives(
  parameters: Readonly<Record<string, string>>,
  fingerprint: Pick<EngineFingerprint, 'directives'>,
): Directive[] {
  const directives: Directive[] = Object.entries(parameters)
    .filter(([name]) => fingerprint.directives.includes(name) && !belongsToLimber(name))
    .map(([name, value]) => [name, engineValue(name, value)]);
  const buffers = outputBufferLimits(parameters);
  return buffers === null ? directives : [...directives, ['client-output-buffer-limit', buffers]];
}

/** Values that are ElastiCache's own. */
function engineValue(name: string, value: string): string {
  // The address with TLS off, the name with it on.
  if (name === 'cluster-preferred-endpoint-type' && value === 'tls-dynamic') return 'ip';
  // "No more than database 0" is 1 for Valkey 9.
  if (name === 'cluster-databases' && value === '0') return '1';
  return value;
}

/** ElastiCache has a parameter for each of the nine numbers; the engine one directive with all. Null when none is given. */
function outputBufferLimits(parameters: Readonly<Record<string, string>>): string | null {
  const given = bufferClasses.filter((buffer) =>
    bufferParts.some((part) => parameters[`client-output-buffer-limit-${buffer}-${part}`] !== undefined),
  );
  if (given.length === 0) return null;
  const one = (buffer: (typeof bufferClasses)[number]) =>
    bufferParts.map(
      (part, index) =>
        parameters[`client-output-buffer-limit-${buffer}-${part}`] ?? bufferDefaults[buffer][index],
    );
  return given.map((buffer) => [buffer, ...one(buffer)].join(' ')).join(' ');
}

/**
 * Sets all at once, or none when the engine refuses one of them (`EngineReplyError` names it). Directives that belong
 * to Limber are left out. Gives those that the engine shows with another value than asked for, with that value: it
 * limits some by itself (`maxclients` to its open files).
 */
export async function applyParameters(
  connection: EngineConnection,
  directives: readonly Directive[],
): Promise<Directive[]> {
  const wanted = directives.filter(([name]) => !belongsToLimber(name));
  if (wanted.length === 0) return [];
  await connection.call('CONFIG', 'SET', ...wanted.flat());
  const shown = await readParameters(
    connection,
    wanted.map(([name]) => name),
  );
  return wanted
    .map(([name, value]): [Directive, Directive] => [
      [name, value],
      [name, shown.get(name) ?? ''],
    ])
    .filter(
      ([[name, asked], [, is]]) => !rewrittenByEngine.has(name) && asked.toLowerCase() !== is.toLowerCase(),
    )
    .map(([, is]) => is);
}

/** Limber's own settings (timing.ts): all or none. */
export async function setDirectives(
  connection: EngineConnection,
  directives: readonly Directive[],
): Promise<void> {
  await connection.call('CONFIG', 'SET', ...directives.flat());
}

/** Directive → value as the engine shows it. */
export async function readParameters(
  connection: EngineConnection,
  names: readonly string[],
): Promise<Map<string, string>> {
  const reply = (await connection.call('CONFIG', 'GET', ...names)) as string[];
  const values = new Map<string, string>();
  for (let index = 0; index + 1 < reply.length; index += 2) values.set(reply[index]!, reply[index + 1]!);
  return values;
}
