/**
 * A cache in front of something slow: lazy loading on `get`, write-through on `put`.
 *
 * - Each entry lives for its TTL plus up to a tenth, so that what was cached together does not expire together.
 * - What does not exist is remembered too, for a short while.
 * - A missing key is loaded once: inside this process everybody waits for one promise, and between processes one
 *   holds a short lock in the cache while the others wait for its entry.
 * - Entries carry the version of their row, and only a newer one replaces an older one: a slow load that began before
 *   a write cannot bring the old value back.
 * - Without the cache, the application goes on from the source: slower, but it goes on.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'iovalkey';

export interface ReadThroughOptions<T> {
  readonly cache: Redis;
  /** Key of an entry in the cache. */
  readonly keyOf: (id: number) => string;
  readonly load: (id: number) => Promise<T | null>;
  readonly ttlMs: number;
  /** For what does not exist. Short, since nobody tells us when it appears by another way than `put`. */
  readonly missingTtlMs: number;
  /** Longer than a load takes. When the process that loads dies, others wait at most this long. */
  readonly lockMs: number;
}

export interface ReadThroughCache<T> {
  get(id: number): Promise<T | null>;
  /** To be called with a row that was just written to the source. Throws when the cache cannot be reached. */
  put(id: number, value: T): Promise<void>;
  readonly counts: { hits: number; misses: number; loads: number; loadMs: number };
}

/** Stores an entry (version, value, TTL in ms) unless a newer one is there. */
const storeIfNewer = `
  local version = redis.call('HGET', KEYS[1], 'version')
  if version and tonumber(version) > tonumber(ARGV[1]) then return 0 end
  redis.call('HSET', KEYS[1], 'version', ARGV[1], 'value', ARGV[2])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  return 1`;

/** Gives the lock back only when it is still ours: it may have expired and passed to somebody else. */
const unlock = `if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end`;

/** For what follows a load: the caller has its answer, and the next reader will meet the same trouble. */
const ignore = () => undefined;

export function createReadThroughCache<T extends { readonly version: number }>(
  options: ReadThroughOptions<T>,
): ReadThroughCache<T> {
  const { cache, keyOf, load, ttlMs, missingTtlMs, lockMs } = options;
  const counts = { hits: 0, misses: 0, loads: 0, loadMs: 0 };
  const loading = new Map<number, Promise<T | null>>();

  /** Undefined when the cache does not know. */
  async function read(id: number): Promise<T | null | undefined> {
    const value = await cache.hget(keyOf(id), 'value');
    return value === null ? undefined : JSON.parse(value);
  }

  async function store(id: number, value: T | null): Promise<void> {
    const ttl = value === null ? missingTtlMs : ttlMs * (1 + Math.random() / 10);
    const version = value?.version ?? 0; // older than any row
    await cache.eval(storeIfNewer, 1, keyOf(id), version, JSON.stringify(value), Math.round(ttl));
  }

  async function loadFromSource(id: number): Promise<T | null> {
    const start = performance.now();
    const value = await load(id);
    counts.loads += 1;
    counts.loadMs += performance.now() - start;
    return value;
  }

  /** One of all processes gets the lock and loads; the others look again until its entry is there. */
  async function loadOnce(id: number): Promise<T | null> {
    const lock = `${keyOf(id)}:lock`;
    const owner = randomUUID();
    while (!(await cache.set(lock, owner, 'PX', lockMs, 'NX'))) {
      await sleep(5 + Math.random() * 10);
      const value = await read(id);
      if (value !== undefined) return value;
    }
    try {
      const found = await read(id); // the last owner may have stored it just before we got the lock
      if (found !== undefined) return found;
      const value = await loadFromSource(id);
      await store(id, value).catch(ignore);
      return value;
    } finally {
      await cache.eval(unlock, 1, lock, owner).catch(ignore);
    }
  }

  function loadShared(id: number): Promise<T | null> {
    const running = loading.get(id);
    if (running) return running;
    const started = loadOnce(id).finally(() => loading.delete(id));
    loading.set(id, started);
    return started;
  }

  return {
    counts,
    async get(id) {
      let cached: T | null | undefined;
      try {
        cached = await read(id);
      } catch {
        return loadFromSource(id);
      }
      if (cached !== undefined) {
        counts.hits += 1;
        return cached;
      }
      counts.misses += 1;
      return loadShared(id);
    },
    put: (id, value) => store(id, value),
  };
}
