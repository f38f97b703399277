import type { EngineName, ProgramName } from './contract.ts';

/** What each engine calls its programs. */
const names: Record<EngineName, Partial<Record<ProgramName, string>>> = {
  valkey: family('valkey'),
  redis: family('redis'),
  memcached: { server: 'memcached' },
};

function family(name: string): Record<ProgramName, string> {
  return {
    server: `${name}-server`,
    cli: `${name}-cli`,
    benchmark: `${name}-benchmark`,
    'check-rdb': `${name}-check-rdb`,
    'check-aof': `${name}-check-aof`,
  };
}

/** File name of an engine's program; undefined when it has no such program. */
export function programFile(engine: EngineName, program: ProgramName): string | undefined {
  return names[engine][program];
}

/**
 * Engine and version from what a server prints for `--version`: `Valkey server v=9.1.2 sha=…`,
 * `Redis server v=7.0.15 …`, `memcached 1.6.38`. Null for anything else, also for Valkey posing as `redis-server`
 * where `redis` was expected: the caller compares.
 */
export function parseServerVersion(output: string): { engine: EngineName; version: string } | null {
  const found = /^(?:(Valkey|Redis) server v=|(memcached) )(\d+\.\d+\.\d+)/m.exec(output);
  const version = found?.[3];
  if (!found || !version) return null;
  const engine = (found[1] ?? found[2] ?? '').toLowerCase();
  return { engine: engine as EngineName, version };
}
