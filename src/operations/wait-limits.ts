/** For how long operations wait, in one step, for what usually comes at once. Judgements, all of them. */
import { findNodeType } from '../catalog/node-types.ts';
import type { Cache } from '../model/resource.ts';

/** Until all nodes of a new cache answer: 500 of them on two cores take some minutes. */
export const startLimitMs = 15 * 60_000;
/** Until a shard has another primary, or an endpoint another holder: milliseconds, unless no node can be it. */
export const leadLimitMs = 2 * 60_000;

/**
 * Until nodes have loaded their data, or taken them from their primary: a GiB takes some seconds, and up to a minute on a machine that
 * does other things.
 */
export const dataLimitMs = ({ desired }: Pick<Cache, 'desired'>): number =>
  10 * 60_000 + Math.round((findNodeType(desired.cacheNodeType)?.memoryGiB ?? 0) * 60_000);

/** A switchover that cannot be done, since the heir has no link for instance, holds writers back for some seconds each time that it is asked for. */
export const switchoverRoundsMax = 3;
