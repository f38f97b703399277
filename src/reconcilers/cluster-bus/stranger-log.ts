/** Who was seen on the cluster buses without being in a record: since when, by whom, and whether it was told. */
import type { CacheNode } from '../../model/node.ts';
import type { Clock } from '../../platform/clock.ts';

export interface Stranger {
  /** `address:port`. */
  readonly where: string;
  /** A member knows it and could not be made to forget it yet. Else it was kept out. */
  readonly isInside: boolean;
  /** A node of this data directory that no record names: left alone (an older copy of the state was put back). */
  readonly isOurs: boolean;
}

/** For people, as a part of a sentence. */
export function describeStranger({ where, isInside, isOurs }: Stranger): string {
  if (isOurs) return `${where}, a node of this data directory that no record names, was left alone`;
  const what = isInside ? 'is on its cluster bus' : 'tried to join its cluster bus and is kept out';
  return `${where}, which no record names, ${what}`;
}

interface Entry {
  readonly where: string;
  readonly group: string;
  readonly isOurs: boolean;
  /** Incarnations of the members that know it. */
  readonly inside: Set<string>;
  seenAt: number;
}

/** Who was kept out is spoken of for so long after his last attempt. */
const memoryMs = 60_000;
/** One that goes on and on is an event once in this time, and that many are at most. A judgement. */
const eventEveryMs = 3_600_000;
const eventsMax = 20;

type CacheOf = Pick<CacheNode, 'cacheIncarnation' | 'incarnation'>;

const asStranger = ({ where, isOurs, inside }: Entry): Stranger => ({
  where,
  isOurs,
  isInside: inside.size > 0,
});

export function createStrangerLog(clock: Clock) {
  const caches = new Map<string, Map<string, Entry>>();
  /** By cache: when there was an event about whom. */
  const told = new Map<string, Map<string, number>>();

  function entriesOf(cacheIncarnation: string): Map<string, Entry> {
    const entries = caches.get(cacheIncarnation) ?? new Map<string, Entry>();
    caches.set(cacheIncarnation, entries);
    for (const [where, { inside, seenAt }] of entries)
      if (inside.size === 0 && clock.monotonic() - seenAt > memoryMs) entries.delete(where);
    return entries;
  }

  function isNews(cacheIncarnation: string, where: string): boolean {
    const now = clock.monotonic();
    const events = told.get(cacheIncarnation) ?? new Map<string, number>();
    told.set(cacheIncarnation, events);
    for (const [who, at] of events) if (now - at > eventEveryMs) events.delete(who);
    if (events.has(where) || events.size >= eventsMax) return false;
    events.set(where, now);
    return true;
  }

  return {
    /** What one look at a member has found. Gives those of whom there should be an event. */
    note(
      node: CacheOf & Pick<CacheNode, 'replicationGroupId'>,
      found: readonly Stranger[],
    ): readonly string[] {
      const entries = entriesOf(node.cacheIncarnation);
      const group = node.replicationGroupId ?? '';
      for (const { where, isInside, isOurs } of found) {
        const entry = entries.get(where) ?? { where, group, isOurs, inside: new Set(), seenAt: 0 };
        entry.seenAt = clock.monotonic();
        if (isInside) entry.inside.add(node.incarnation);
        entries.set(where, entry);
      }
      const stillThere = found.filter(({ isInside }) => isInside).map(({ where }) => where);
      for (const { where, inside } of entries.values())
        if (!stillThere.includes(where)) inside.delete(node.incarnation);
      return found.flatMap(({ where, isOurs }) =>
        !isOurs && isNews(node.cacheIncarnation, where) ? [where] : [],
      );
    },
    of(cacheIncarnation: string): readonly Stranger[] {
      if (!caches.has(cacheIncarnation)) return [];
      return [...entriesOf(cacheIncarnation).values()].map(asStranger);
    },
    /** For people: all that there is to say, a sentence each. */
    findings: (): readonly string[] =>
      [...caches.keys()].flatMap((cache) =>
        [...entriesOf(cache).values()].map((one) => `${one.group}: ${describeStranger(asStranger(one))}`),
      ),
    isInside: (node: CacheOf): boolean =>
      [...(caches.get(node.cacheIncarnation)?.values() ?? [])].some(({ inside }) =>
        inside.has(node.incarnation),
      ),
    forgetNode(node: CacheOf): void {
      for (const { inside } of caches.get(node.cacheIncarnation)?.values() ?? [])
        inside.delete(node.incarnation);
    },
    forgetCache(cacheIncarnation: string): void {
      caches.delete(cacheIncarnation);
      told.delete(cacheIncarnation);
    },
  };
}
