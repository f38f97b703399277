/**
 * From ElastiCache's parameters to the directives of a real Valkey or Redis. Verified against running engines by
 * test/catalog/engine-settings.test.ts. For Memcached see memcached-settings.ts.
 */
import { maxmemoryBytes, type NodeType } from './node-types.ts';
import { findParameter, type ParameterValues, parametersOf } from './parameters.ts';
import { isAtLeast } from './version-order.ts';

export interface EngineSetting {
  readonly directive: string;
  /** As CONFIG SET takes it: several arguments stand in one text, parted by spaces; may be empty. */
  readonly value: string;
  /** The parameters that decide it. */
  readonly parameters: readonly string[];
  /** True when the engine reads it only at its start. */
  readonly needsRestart: boolean;
}

/** A parameter whose value does not reach the engine, although it was changed from the default. */
interface NotApplied {
  readonly parameter: string;
  /** Completes "the parameter … is kept but not applied: ". */
  readonly reason: string;
}

export interface EngineSettings {
  /** Each directive once. */
  readonly settings: readonly EngineSetting[];
  readonly notApplied: readonly NotApplied[];
}

interface EngineSettingsInput {
  readonly family: string;
  /** The version that really runs, in full: `8.1.1`. */
  readonly engineVersion: string;
  readonly effective: ParameterValues;
  readonly nodeType: NodeType;
  /** Whether nodes are reached by TLS, which decides how they name themselves to cluster clients. Default false. */
  readonly tls?: boolean;
  /** Hard limit of open files for the engine's process, when known: more clients than that cannot connect. */
  readonly openFilesMax?: number;
}

/**
 * Settings in the order of the family's parameters, only such as this version knows. Not among them: address, port,
 * TLS, ACL, persistence and replication, which are not a parameter group's to decide (`appendonly` follows the
 * cache's durability).
 */
export function engineSettings(input: EngineSettingsInput): EngineSettings {
  const { family, engineVersion, effective } = input;
  // A parameter without a value (notify-keyspace-events) is rendered empty, so that a reset reaches a running node.
  const known = parametersOf(family)
    .filter(({ minimumEngineVersion }) => isAtLeast(engineVersion, minimumEngineVersion))
    .map((parameter) => ({ ...parameter, value: effective[parameter.name] ?? '' }));
  const settings = known.flatMap(({ name, value, changeType }) => {
    const found = directiveOf(name, value, input);
    return found ? [{ ...found, parameters: [name], needsRestart: changeType === 'requires-reboot' }] : [];
  });
  const notApplied = known.flatMap(({ name, value, defaultValue }) => {
    const reason = whyNotApplied(name, value);
    return reason !== undefined && value !== defaultValue ? [{ parameter: name, reason }] : [];
  });
  return { settings: [...settings, outputBufferLimits(effective), memoryLimit(input)], notApplied };
}

/**
 * Directives that have another name today than in an old family, old name first. Pairs of which engines still know both names
 * (ziplist, listpack) are not among them.
 */
const newerNames: Readonly<Record<string, string>> = {
  'min-slaves-max-lag': 'min-replicas-max-lag',
  'min-slaves-to-write': 'min-replicas-to-write',
  'slave-lazy-flush': 'replica-lazy-flush',
};

const durabilityDecides = 'what a cache keeps on disk follows its Durability, not its parameter group';
const listsAreOtherwise = 'engines since 3.2 keep lists another way (list-max-ziplist-size)';

/**
 * Parameters that reach no engine, with the reason: ElastiCache has them and engines do not, something else decides, or they
 * are of an old family and the newer engine that stands in for it has them no longer.
 */
const withoutCounterpart: Readonly<Record<string, string>> = {
  appendfsync: durabilityDecides,
  appendonly: durabilityDecides,
  'close-on-replica-write': 'the engine answers READONLY and keeps the connection open',
  'close-on-slave-write': 'the engine answers READONLY and keeps the connection open',
  'list-max-ziplist-entries': listsAreOtherwise,
  'list-max-ziplist-value': listsAreOtherwise,
  'lua-replicate-commands': 'engines since 7.0 always replicate what a script did, not the script',
  'search-default-timeout-ms': 'this engine has no search',
  'search-enable-partial-results': 'this engine has no search',
  'search-fanout-target-mode': 'this engine has no search',
};

const decidedElsewhere: readonly string[] = [
  'reserved-memory', // memoryLimit
  'reserved-memory-percent',
  'rename-commands', // refused when it is set (parameter-values.ts)
  'replica-allow-chaining', // replicas always follow the primary here
  'slave-allow-chaining',
];

/** Directive and value for one parameter, or null when it has none of its own. */
function directiveOf(
  name: string,
  value: string,
  { nodeType, tls, openFilesMax }: EngineSettingsInput,
): Pick<EngineSetting, 'directive' | 'value'> | null {
  if (name.startsWith('client-output-buffer-limit-')) return null; // outputBufferLimits
  if (decidedElsewhere.includes(name) || whyNotApplied(name, value) !== undefined) return null;
  switch (name) {
    case 'maxclients': {
      // The engine keeps 32 files for itself and would lower the limit, but could then not be told it again.
      const possible = openFilesMax === undefined ? nodeType.maxclients : openFilesMax - 32;
      return { directive: name, value: `${Math.min(nodeType.maxclients, possible)}` };
    }
    case 'cluster-databases':
      // The tables print a default of 0, below the range that they give: it stands for the engine's own default.
      return value === '0' ? null : { directive: name, value };
    case 'cluster-preferred-endpoint-type': {
      // `tls-dynamic` is ElastiCache's own: host names with TLS, because certificates carry names; else addresses.
      const dynamic = tls ? 'hostname' : 'ip';
      return { directive: name, value: value === 'tls-dynamic' ? dynamic : value };
    }
    case 'slowlog-log-slower-than':
    case 'commandlog-reply-larger-than':
    case 'commandlog-request-larger-than':
      // ElastiCache takes any negative number for "never", engines only -1.
      return { directive: name, value: value.startsWith('-') ? '-1' : value };
    default:
      return { directive: newerNames[name] ?? name, value };
  }
}

function whyNotApplied(name: string, value: string): string | undefined {
  // The engine would not even start with it. Builds with an allocator of their own are not told apart yet.
  if (name === 'activedefrag' && value === 'yes')
    return "active defragmentation needs the engine's own memory allocator, which Debian's builds do not have";
  return withoutCounterpart[name];
}

/** `client-output-buffer-limit`: kind, hard limit, soft limit, seconds; all kinds of clients in one. */
function outputBufferLimits(effective: ParameterValues): EngineSetting {
  const kinds = (['normal', 'pubsub', 'replica', 'slave'] as const)
    .map((kind) => ({
      kind,
      names: ['hard-limit', 'soft-limit', 'soft-seconds'].map((part) => bufferLimit(kind, part)),
    }))
    .filter(({ names }) => names.every((name) => name in effective));
  const value = kinds
    // Engines since 5 know both words for a replica.
    .map(({ kind, names }) =>
      [kind === 'slave' ? 'replica' : kind, ...names.map((name) => effective[name])].join(' '),
    )
    .join(' ');
  const parameters = kinds.flatMap(({ names }) => names);
  return { directive: 'client-output-buffer-limit', value, parameters, needsRestart: false };
}

function bufferLimit(kind: string, part: string): string {
  return `client-output-buffer-limit-${kind}-${part}`;
}

/** `maxmemory`: the node type's bytes less what the group reserves. Lowering it evicts keys. */
function memoryLimit({ family, effective, nodeType }: EngineSettingsInput): EngineSetting {
  const names = ['reserved-memory', 'reserved-memory-percent'];
  const [bytes = '0', percent = '0'] = names.map((name) => effective[name]);
  // Where a family has both, 0 bytes (the default) means that the percentage counts.
  const reserved =
    bytes === '0' ? { reservedMemoryPercent: Number(percent) } : { reservedMemory: Number(bytes) };
  return {
    directive: 'maxmemory',
    value: `${maxmemoryBytes(nodeType, reserved)}`,
    parameters: ['maxmemory', ...names.filter((name) => findParameter(family, name))],
    needsRestart: false,
  };
}
