/**
 * Whether members can go, by fresh facts of their shards: the rows alone may tell of a copy that died a millisecond ago.
 * Asked before their tombstones are written, and once more right before their processes are ended.
 */
import type { CacheView } from '../../fleet/cache-view.ts';
import type { CacheNode } from '../../model/node.ts';
import { untilAborted } from '../../platform/until-aborted.ts';
import { heirsOfPrimary as heirs, keepersOf, neededOf } from '../../reconcilers/shard/decide/last-copy.ts';
import type { ShardFacts } from '../../reconcilers/shard/observe/observe-shard.ts';
import type { Tools } from '../tools.ts';

export interface Needed {
  /** Incarnations of those that cannot go yet. */
  readonly nodes: ReadonlySet<string>;
  /** Why, for people. */
  readonly sentence: string;
}

interface MembersLook {
  /** Of every shard that they are of. */
  readonly shards: readonly ShardFacts[];
  /** Null when all of them can go. */
  readonly needed: Needed | null;
}

/** Nobody else is known to hold the data of a member that was to go. Nothing was done. */
export class LastCopy extends Error {
  override readonly name = 'LastCopy';
}

export async function lookAtMembers(
  { shards }: Tools,
  { cache }: Pick<CacheView, 'cache'>,
  going: readonly CacheNode[],
): Promise<MembersLook> {
  const key = { cacheKind: cache.kind, cacheIncarnation: cache.incarnation };
  const ids = [...new Set(going.map(({ nodeGroupId }) => nodeGroupId))];
  const looks = await Promise.all(ids.map((nodeGroupId) => shards.look({ ...key, nodeGroupId })));
  const seen = looks.filter((facts) => facts !== null);
  const needed = seen.flatMap(({ view }) => neededOf(view, incarnationsOf(going)) ?? []);
  if (needed.length === 0) return { shards: seen, needed: null };
  const nodes = needed.flatMap(({ members }) => members.map(({ node }) => node.incarnation));
  return {
    shards: seen,
    needed: { nodes: new Set(nodes), sentence: needed.map(({ sentence }) => sentence).join('; ') },
  };
}

/** The same within an act's time. Throws `NotInTime`. */
export const lookWithin = (
  tools: Tools,
  view: Pick<CacheView, 'cache'>,
  going: readonly CacheNode[],
  signal: AbortSignal,
): Promise<MembersLook> => untilAborted(signal, lookAtMembers(tools, view, going), 'a look at the members');

/** The nodes that are counted on when these go. */
export const keepersBeside = ({ shards }: MembersLook, going: readonly CacheNode[]): CacheNode[] =>
  shards.flatMap(({ view }) => keepersOf(view, incarnationsOf(going)).map(({ node }) => node));

/** Incarnations of the replicas that could take over from their primary without a loss: each gets what that one takes. */
export const heirsIn = ({ shards }: MembersLook): ReadonlySet<string> =>
  new Set(shards.flatMap(({ view }) => heirs(view).map(({ node }) => node.incarnation)));

/** Throws `LastCopy` when one that was counted on has ended or was suspended since: /proc tells at once. */
export function requireRunning({ fleet }: Tools, keepers: readonly CacheNode[]): void {
  for (const { handle, cacheClusterId } of keepers)
    if (!handle || fleet.runtime.inspect(handle).kind !== 'running')
      throw new LastCopy(`${cacheClusterId}, which holds the same data, has just died or been suspended`);
}

/**
 * Fresh facts by which this member can go now, and a look at the processes that they count on, at the moment at which
 * this resolves: the deed follows at once. Throws `LastCopy`, and `NotInTime`.
 */
export async function requireSpared(
  tools: Tools,
  view: Pick<CacheView, 'cache'>,
  node: CacheNode,
  signal: AbortSignal,
): Promise<void> {
  const look = await lookWithin(tools, view, [node], signal);
  if (look.needed) throw new LastCopy(look.needed.sentence);
  requireRunning(tools, keepersBeside(look, [node]));
}

const incarnationsOf = (nodes: readonly CacheNode[]): ReadonlySet<string> =>
  new Set(nodes.map(({ incarnation }) => incarnation));
