/** A Memcached parameter group as arguments of the server (`src/catalog/data/parameters.json`, families memcached1.x). */

/** Parameter name → value as the API has it (`0` and `1` for booleans). */
type ParameterValues = Readonly<Record<string, string>>;

interface ParameterContext {
  /** The engine's own version, `1.6.45`: two options changed their meaning between versions. */
  readonly engineVersion: string;
}

/** Options with a value: parameter → flag, and the value that the engine takes without it. */
const valued: Readonly<Record<string, readonly [flag: string, builtIn: string]>> = {
  backlog_queue_limit: ['-b', '1024'],
  binding_protocol: ['-B', 'auto'],
  chunk_size: ['-n', '48'],
  chunk_size_growth_factor: ['-f', '1.25'],
  max_item_size: ['-I', '1048576'],
  requests_per_event: ['-R', '20'],
};

const switches: Readonly<Record<string, readonly [value: string, flag: string]>> = {
  cas_disabled: ['1', '-C'],
  disable_flush_all: ['1', '-F'],
  error_on_memory_exhausted: ['1', '-M'],
  large_memory_pages: ['1', '-L'],
  lock_down_paged_memory: ['1', '-k'],
  maximize_core_file_limit: ['1', '-r'],
  watch: ['0', '-W'],
};

/** `-o` options with a value. */
const extended: Readonly<Record<string, readonly [option: string, builtIn: string]>> = {
  hash_algorithm: ['hash_algorithm', ''],
  hashpower_init: ['hashpower', '16'],
  idle_timeout: ['idle_timeout', '0'],
  watcher_logbuf_size: ['watcher_logbuf_size', '256'],
};

/** `-o` options without one. They come after `no_modern`, which switches them all off. */
const extendedSwitches = [
  'lru_crawler',
  'lru_maintainer',
  'maxconns_fast',
  'slab_reassign',
  'track_sizes',
] as const;

/**
 * The argument list for `memcachedArguments`. A value that the engine has anyway gives no argument, so that a bug
 * of one option cannot touch caches that never used it. Not here: `max_cache_memory`, `memcached_connections_overhead`,
 * `num_threads` and `max_simultaneous_connections` (they are fields of their own), `config_max` and
 * `config_size_max` (of the configuration endpoint), `inline_ascii_resp` (meaningless since 1.5.16),
 * `expirezero_does_not_evict` (of the family memcached1.4; gone since 1.5).
 */
export function parameterArguments(values: ParameterValues, { engineVersion }: ParameterContext): string[] {
  const has = (name: string, value: string) => values[name] === value;
  const args: string[] = [];
  for (const [name, [flag, builtIn]] of Object.entries(valued)) {
    const value = values[name];
    if (value !== undefined && value !== builtIn) args.push(flag, value);
  }
  for (const [name, [value, flag]] of Object.entries(switches)) if (has(name, value)) args.push(flag);
  // The same switch refuses `stats cachedump` and `stats detail`.
  if (has('lru_crawler metadump', '0')) args.push('-X');

  const options: string[] = [];
  // The family memcached1.4, which a newer engine serves, says it the other way round.
  const isPlain = has('no_modern', '1') || has('modern', '0');
  if (isPlain) options.push('no_modern');
  for (const name of extendedSwitches) if (has(name, '1')) options.push(name);
  for (const [name, [option, builtIn]] of Object.entries(extended)) {
    const value = values[name];
    if (value === undefined || value === builtIn) continue;
    // `no_modern` stands for jenkins, the group's default; without it the engine takes its own default, murmur3.
    if (name === 'hash_algorithm' && (value === 'jenkins') === isPlain) continue;
    options.push(`${option}=${value}`);
  }
  const automove = values.slab_automove;
  if (automove !== undefined && automove !== '0') options.push(`slab_automove=${automove}`);
  options.push(...changedOptions(values, engineVersion));
  if (options.length > 0) args.push('-o', options.join(','));
  return args;
}

function changedOptions(values: ParameterValues, engineVersion: string): string[] {
  const options: string[] = [];
  const chunkMax = values.slab_chunk_max;
  if (chunkMax !== undefined && chunkMax !== '524288') {
    // Bytes up to 1.6.23, kilobytes from 1.6.24 (memcached issue 1094; 1.6.18 and 1.6.38 tried).
    const isBytes = isBefore(engineVersion, 24);
    options.push(`slab_chunk_max=${isBytes ? chunkMax : Math.max(1, Math.floor(Number(chunkMax) / 1024))}`);
  }
  const logBuffer = values.worker_logbuf_size;
  // Up to 1.6.39 this option is also read as the list of slab sizes and ruins them (memcached issue 1245).
  if (logBuffer !== undefined && logBuffer !== '64' && !isBefore(engineVersion, 40)) {
    options.push(`worker_logbuf_size=${logBuffer}`);
  }
  return options;
}

/** Whether it is older than 1.6.`patch`. */
function isBefore(engineVersion: string, patch: number): boolean {
  const [major = 0, minor = 0, own = 0] = engineVersion.split('.').map((part) => Number.parseInt(part, 10));
  if (major !== 1) return major < 1;
  return minor === 6 ? own < patch : minor < 6;
}
