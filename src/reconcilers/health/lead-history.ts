/**
 * How the replication stream of one primary grew while it was watched. After its death this says how much of the stream a
 * replica lacks. An offset counts the bytes of the stream so far; times are of the monotonic clock, milliseconds.
 */
export interface Lag {
  /** At least this much time of the primary's writes is missing. */
  readonly ms: number;
  /** At least so many bytes of its stream are. */
  readonly bytes: number;
}

export interface LeadHistory {
  note(at: number, offset: number): void;
  /** What a replica lacks that has come to `offset` of this primary's stream. Null when nothing is known of the primary. */
  lagAt(offset: number): Lag | null;
}

/** A sample that comes sooner than this after another one takes its place. */
const spacingMs = 500;
/** The history covers two minutes and more: a longer lag counts as one of that length. */
const samplesMax = 300;

export function createLeadHistory(): LeadHistory {
  let samples: { at: number; offset: number }[] = [];
  return {
    note(at, offset) {
      const last = samples.at(-1);
      // A stream that became shorter is another one.
      if (last && offset < last.offset) samples = [];
      const before = samples.at(-2);
      if (before && at - before.at < spacingMs) samples.pop();
      samples.push({ at, offset });
      if (samples.length > samplesMax) samples.shift();
    },
    lagAt(offset) {
      const last = samples.at(-1);
      if (!last) return null;
      const missed = samples.find((sample) => sample.offset > offset);
      return missed ? { ms: last.at - missed.at, bytes: last.offset - offset } : { ms: 0, bytes: 0 };
    },
  };
}
