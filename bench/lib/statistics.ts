/** Medians, quartiles and what they are worth. No distribution is assumed. */

export interface Summary {
  readonly count: number;
  readonly min: number;
  readonly lowerQuartile: number;
  readonly median: number;
  readonly upperQuartile: number;
  readonly max: number;
}

/** Throws when there is nothing to summarise. */
export function summarise(values: readonly number[]): Summary {
  const sorted = sort(values);
  return {
    count: sorted.length,
    min: sorted[0]!,
    lowerQuartile: quantileOfSorted(sorted, 0.25),
    median: quantileOfSorted(sorted, 0.5),
    upperQuartile: quantileOfSorted(sorted, 0.75),
    max: sorted.at(-1)!,
  };
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** Between two values linearly. `part`: 0 to 1. */
export const quantile = (values: readonly number[], part: number): number =>
  quantileOfSorted(sort(values), part);

export interface Ratio {
  /** Median of ours over median of theirs. */
  readonly ratio: number;
  /** 95 % confidence interval. */
  readonly low: number;
  readonly high: number;
}

/**
 * Ratio of medians with a percentile bootstrap over the rounds: a round measured both, one after the other, so rounds
 * are drawn as pairs and what slowed both in one round cancels out. The random numbers are the same each time.
 */
export function ratioOfMedians(ours: readonly number[], theirs: readonly number[], draws = 10_000): Ratio {
  if (ours.length !== theirs.length)
    throw new Error(`pairs expected, found ${ours.length} and ${theirs.length} values`);
  const random = seededRandom(20_261_120);
  const ratios = Array.from({ length: draws }, () => {
    const rounds = ours.map(() => Math.floor(random() * ours.length));
    return median(rounds.map((round) => ours[round]!)) / median(rounds.map((round) => theirs[round]!));
  });
  return {
    ratio: median(ours) / median(theirs),
    low: quantile(ratios, 0.025),
    high: quantile(ratios, 0.975),
  };
}

function sort(values: readonly number[]): number[] {
  if (values.length === 0) throw new Error('no values');
  return [...values].sort((a, b) => a - b);
}

function quantileOfSorted(sorted: readonly number[], part: number): number {
  const at = (sorted.length - 1) * part;
  const below = sorted[Math.floor(at)]!;
  const above = sorted[Math.ceil(at)]!;
  return below + (above - below) * (at - Math.floor(at));
}

/** mulberry32: small, and good enough to draw rounds. */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
