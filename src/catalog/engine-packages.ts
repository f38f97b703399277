/**
 * Engines that can be fetched from a Debian mirror: which suite holds which version. Plain data; how it is used
 * stands in docs/engines.md. `version` is the one seen last (2026-11-20): a suite may hold a newer patch by now, and a
 * rolling suite a newer minor, so the version that runs is always read from the program itself.
 */
export const enginePackages = [
  {
    engine: 'valkey',
    version: '9.1.2',
    suites: ['sid'],
    packages: ['valkey-server', 'valkey-tools'],
    rolling: true,
  },
  {
    engine: 'valkey',
    version: '8.1.1',
    suites: ['trixie', 'trixie-security'],
    packages: ['valkey-server', 'valkey-tools'],
  },
  {
    engine: 'valkey',
    version: '8.0.1',
    suites: ['bookworm', 'bookworm-security', 'bookworm-backports'],
    packages: ['valkey-server', 'valkey-tools'],
  },
  {
    engine: 'redis',
    version: '7.0.15',
    suites: ['bookworm', 'bookworm-security'],
    packages: ['redis-server', 'redis-tools'],
  },
  { engine: 'memcached', version: '1.6.45', suites: ['sid'], packages: ['memcached'], rolling: true },
  {
    engine: 'memcached',
    version: '1.6.38',
    suites: ['trixie', 'trixie-security'],
    packages: ['memcached'],
  },
  {
    engine: 'memcached',
    version: '1.6.18',
    suites: ['bookworm', 'bookworm-security'],
    packages: ['memcached'],
  },
] as const;

/**
 * What set-up fetches: one of each engine, from two suites so that two package lists serve all three. Valkey and
 * Memcached are the newest releases that Debian packages; Redis OSS ends at 7.0 for ElastiCache (7.1 is its alias).
 */
export const defaultEngines = [
  { engine: 'valkey', version: 'newest' },
  { engine: 'redis', version: '7.0' },
  { engine: 'memcached', version: 'newest' },
] as const;

/**
 * Versions that exist only as ElastiCache's own names, and the engine that serves them
 * (spec: engine-versions.json). `complete` is false where the service's version has more than the engine.
 */
export const versionAliases = [
  {
    engine: 'redis',
    asked: '7.1',
    runs: '7.0',
    complete: true,
    note: "Redis OSS 7.1 is ElastiCache's own name for a 7.0-compatible engine",
  },
  {
    engine: 'valkey',
    asked: '8.2',
    runs: '8.1',
    complete: false,
    note: "Valkey 8.2 is ElastiCache's own name for Valkey 8.1 plus search; search is not part of this engine",
  },
] as const;
