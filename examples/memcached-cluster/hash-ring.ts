/**
 * Consistent hashing as libketama does it: every node owns 160 points on a ring of 32 bits, a key belongs to the next
 * point after its hash. A node that comes takes only what falls to it: of n nodes, 1/n of the keys move, where
 * `hash % n` would move nearly all.
 */
import { createHash } from 'node:crypto';

/** Each MD5 hash gives four points. */
const hashesPerNode = 40;

export interface HashRing {
  readonly nodes: readonly string[];
  nodeOf(key: string): string;
}

/** `nodes` as `host:port`, in any order; at least one. */
export function createHashRing(nodes: readonly string[]): HashRing {
  const points = nodes.flatMap((node) =>
    Array.from({ length: hashesPerNode }, (_, index) => md5(`${node}-${index}`)).flatMap((hash) =>
      [0, 4, 8, 12].map((offset) => ({ at: hash.readUInt32LE(offset), node })),
    ),
  );
  points.sort((a, b) => a.at - b.at);
  const first = points[0];
  if (!first) throw new Error('a hash ring needs a node');

  return {
    nodes,
    nodeOf(key) {
      const hash = md5(key).readUInt32LE(0);
      let low = 0;
      let high = points.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if ((points[middle]?.at ?? 0) < hash) low = middle + 1;
        else high = middle;
      }
      return (points[low] ?? first).node; // after the last point comes the first
    },
  };
}

function md5(text: string): Buffer {
  return createHash('md5').update(text).digest();
}
