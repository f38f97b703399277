/**
 * The addresses of caches: one pool per Limber, a part of loopback's 127.0.0.0/8, cut into eight equal slices:
 * one per availability zone `a`-`f`, one for the endpoints that move between nodes (primary, reader,
 * configuration), and one that nobody uses yet. All of 127.0.0.0/8 answers on every Linux machine without any
 * set-up, so a slice costs nothing.
 *
 * The default pool is 127.64.0.0/12: about 130,000 addresses a slice, clear of the low addresses that people and
 * distributions use. Further Limbers on the machine take further blocks: `--pool 127.80.0.0/12`, 127.96.0.0/12 …
 */
export const defaultPool = '127.64.0.0/12';

/** The slices in the order in which they lie in a pool. Stored addresses depend on that order: only append to it. */
export const poolSlices = ['a', 'b', 'c', 'd', 'e', 'f', 'endpoint'] as const;
type PoolSlice = (typeof poolSlices)[number];

export interface AddressPool {
  /** The pool as it was given: `127.64.0.0/12`. */
  readonly cidr: string;
  /** The first address as a number. */
  readonly first: number;
  readonly size: number;
}

/** Thrown when every usable address of a slice is taken or rests. Users see `InsufficientCacheClusterCapacity`. */
export class AddressesExhausted extends Error {
  override readonly name = 'AddressesExhausted';
}

const sliceCount = 8;

/** Throws an Error whose message a person can act on. */
export function parsePool(cidr: string): AddressPool {
  const [, address = '', bits = ''] = /^(\d+\.\d+\.\d+\.\d+)\/(\d{1,2})$/.exec(cidr.trim()) ?? [];
  const first = parseAddress(address);
  const prefix = Number(bits);
  if (first === null || bits === '')
    throw new Error(`address pool ${cidr}: expected an IPv4 block such as ${defaultPool}`);
  if (first >>> 24 !== 127 || prefix < 8 || prefix > 24)
    throw new Error(
      `address pool ${cidr}: expected a block inside 127.0.0.0/8, /8 to /24, such as ${defaultPool}`,
    );
  const size = 2 ** (32 - prefix);
  if (first % size !== 0)
    throw new Error(
      `address pool ${cidr}: a /${prefix} does not start there; use ${formatAddress(first - (first % size))}/${prefix}`,
    );
  return { cidr: cidr.trim(), first, size };
}

/** `us-east-1c` → `c`; null, no zone: the slice for moving endpoints. Throws for a zone that has no slice. */
export function sliceOf(availabilityZone: string | null): PoolSlice {
  if (availabilityZone === null) return 'endpoint';
  const letter = poolSlices.find((slice) => slice.length === 1 && availabilityZone.endsWith(slice));
  if (!letter)
    throw new Error(`availability zone ${availabilityZone}: expected one that ends in a letter a to f`);
  return letter;
}

/** The slice that an address lies in; null when it is not one of the pool, as after a change of `--pool`. */
export function sliceOfAddress(pool: AddressPool, address: string): PoolSlice | null {
  const offset = (parseAddress(address) ?? -1) - pool.first;
  if (offset < 0 || offset >= pool.size) return null;
  return poolSlices[Math.floor(offset / (pool.size / sliceCount))] ?? null;
}

export interface AllocateOptions {
  readonly pool: AddressPool;
  readonly slice: PoolSlice;
  /** In use or at rest, of any slice. */
  readonly taken: ReadonlySet<string>;
  /** The address that was given out last in this slice; null, or one of elsewhere: start at the slice's first. */
  readonly cursor: string | null;
}

/**
 * The next free address after the cursor. The caller keeps it as the new cursor: so an address that was released is
 * given out again only after all others, and old clients do not meet a new cache there.
 * Throws `AddressesExhausted`.
 */
export function allocateAddress({ pool, slice, taken, cursor }: AllocateOptions): string {
  const { start, size } = rangeOf(pool, slice);
  const last = parseAddress(cursor ?? '') ?? -1;
  const from = last >= start && last < start + size ? last - start + 1 : 0;
  for (let step = 0; step < size; step += 1) {
    const number = start + ((from + step) % size);
    if (!isUsable(number)) continue;
    const address = formatAddress(number);
    if (!taken.has(address)) return address;
  }
  throw new AddressesExhausted(
    `address pool ${pool.cidr} has no free address left for ${slice === 'endpoint' ? 'endpoints' : `zone ${slice}`}; ` +
      'delete caches, wait for released addresses to rest, or give a larger pool',
  );
}

/**
 * True unless an address looks like that of a network or a broadcast (.0, .255: some clients refuse them), or lies in
 * 127.0.0.x or 127.0.1.x, where other programs and the machine's own name live.
 */
function isUsable(address: number): boolean {
  const low = address & 0xff;
  return low !== 0 && low !== 255 && (address & 0xfffffe00) >>> 0 !== 0x7f000000;
}

function rangeOf(pool: AddressPool, slice: PoolSlice): { start: number; size: number } {
  const size = pool.size / sliceCount;
  return { start: pool.first + poolSlices.indexOf(slice) * size, size };
}

function parseAddress(text: string): number | null {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) <= 255))
    return null;
  return parts.reduce((sum, part) => sum * 256 + Number(part), 0);
}

function formatAddress(number: number): string {
  return [number >>> 24, (number >>> 16) & 0xff, (number >>> 8) & 0xff, number & 0xff].join('.');
}
