/**
 * Locks are paths: `<cache>` or `<cache>/<shard>`. A cache's lock and the locks of its shards exclude each other; those of
 * two shards of one cache do not.
 */

const ancestorsOf = (lock: string): string[] =>
  lock.split('/').map((_part, index, parts) => parts.slice(0, index + 1).join('/'));

/** The cache that a lock is of, or whose shard it is of. */
export const rootOf = (lock: string): string => lock.split('/', 1)[0]!;

export const excludes = (one: string, other: string): boolean =>
  one === other || one.startsWith(`${other}/`) || other.startsWith(`${one}/`);

/** A set of locks that are held or waited for. */
export class LockSet {
  readonly #locks = new Set<string>();
  /** Every lock of the set, and the cache of every shard's lock. */
  readonly #paths = new Set<string>();

  add(lock: string): void {
    this.#locks.add(lock);
    for (const path of ancestorsOf(lock)) this.#paths.add(path);
  }

  /** True when a lock of the set excludes this one. */
  excludes(lock: string): boolean {
    return this.#paths.has(lock) || ancestorsOf(lock).some((path) => this.#locks.has(path));
  }
}
