/**
 * Hash slots of a cluster: 16384 of them, each owned by exactly one node group. Written as ElastiCache writes them:
 * `0-5461`, or a list `0-99,200-299` (spec/behaviour.md §4 and §9; a single slot may stand alone: `7`).
 */
import { ServiceError } from './service-errors.ts';

export const slotCount = 16384;

/** Both ends belong to the range. */
export interface SlotRange {
  readonly start: number;
  readonly end: number;
}

/**
 * One contiguous range per node group, as even as can be: the first groups get one slot more, so three groups get
 * `0-5461`, `5462-10922`, `10923-16383` as on ElastiCache. `groups` is 1–16384.
 */
export function evenSlotRanges(groups: number): readonly SlotRange[] {
  const size = Math.floor(slotCount / groups);
  const withOneMore = slotCount % groups;
  return Array.from({ length: groups }, (_, index) => {
    const start = index * size + Math.min(index, withOneMore);
    return { start, end: start + size - 1 + (index < withOneMore ? 1 : 0) };
  });
}

/** Sorted ranges, neighbours joined. Throws `InvalidParameterValue` for anything but slots, and for one given twice. */
export function parseSlots(text: string, parameterName = 'Slots'): readonly SlotRange[] {
  const ranges = text.split(',').map((part) => parseRange(part, text, parameterName));
  const sorted = ranges.toSorted((a, b) => a.start - b.start);
  for (const [index, range] of sorted.entries()) {
    const next = sorted[index + 1];
    if (next && next.start <= range.end)
      throw new ServiceError(
        'InvalidParameterValue',
        `The parameter ${parameterName} names slot ${next.start} more than once: "${clip(text)}".`,
      );
  }
  return joinNeighbours(sorted);
}

/** `0-99,200`; the empty text for no slots. Ranges are written in the order given. */
export function formatSlots(ranges: readonly SlotRange[]): string {
  return ranges.map(({ start, end }) => (start === end ? `${start}` : `${start}-${end}`)).join(',');
}

export function countSlots(ranges: readonly SlotRange[]): number {
  return ranges.reduce((sum, { start, end }) => sum + end - start + 1, 0);
}

/** Any slots as sorted ranges. */
export function slotRangesOf(slots: Iterable<number>): readonly SlotRange[] {
  const sorted = [...new Set(slots)].toSorted((a, b) => a - b);
  return joinNeighbours(sorted.map((slot) => ({ start: slot, end: slot })));
}

interface NodeGroupSlots {
  readonly nodeGroupId: string;
  readonly ranges: readonly SlotRange[];
}

/**
 * Throws `InvalidParameterValue` unless the groups together own every slot exactly once; says which slots are
 * missing, or which two groups claim the same one.
 */
export function checkSlotsCoverAll(
  groups: readonly NodeGroupSlots[],
  parameterName = 'NodeGroupConfiguration',
): void {
  const owner = new Array<string | undefined>(slotCount);
  for (const { nodeGroupId, ranges } of groups) {
    for (const { start, end } of ranges) {
      for (let slot = start; slot <= end; slot += 1) {
        if (owner[slot] !== undefined)
          throw new ServiceError(
            'InvalidParameterValue',
            `The parameter ${parameterName} gives slot ${slot} to two node groups, ${owner[slot]} and ` +
              `${nodeGroupId}; each of the slots 0-${slotCount - 1} must be given exactly once.`,
          );
        owner[slot] = nodeGroupId;
      }
    }
  }
  const missing = slotRangesOf(Array.from(owner.keys()).filter((slot) => owner[slot] === undefined));
  if (missing.length > 0)
    throw new ServiceError(
      'InvalidParameterValue',
      `The parameter ${parameterName} leaves out the slots ${clip(formatSlots(missing))}; ` +
        `each of the slots 0-${slotCount - 1} must be given exactly once.`,
    );
}

function parseRange(part: string, text: string, parameterName: string): SlotRange {
  const match = /^\s*(\d{1,5})(?:\s*-\s*(\d{1,5}))?\s*$/.exec(part);
  const start = Number(match?.[1]);
  const end = Number(match?.[2] ?? match?.[1]);
  if (!match || start > end || end >= slotCount)
    throw new ServiceError(
      'InvalidParameterValue',
      `The parameter ${parameterName} is not a valid list of slots: "${clip(text)}". ` +
        `Give ranges from 0 to ${slotCount - 1}, like 0-5461 or 0-99,200-299.`,
    );
  return { start, end };
}

function joinNeighbours(sorted: readonly SlotRange[]): readonly SlotRange[] {
  const joined: SlotRange[] = [];
  for (const range of sorted) {
    const last = joined.at(-1);
    if (last && last.end + 1 === range.start)
      joined[joined.length - 1] = { start: last.start, end: range.end };
    else joined.push(range);
  }
  return joined;
}

function clip(text: string): string {
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
}
