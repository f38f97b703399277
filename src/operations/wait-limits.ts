/** For how long operations wait, in one step, for what usually comes at once. Judgements, all of them. */
import { findNodeType } from '../catalog/node-types.ts';
import type { Cache } from '../model/resource.ts';

/** All nodes of a new cache answer: 500 of them on two cores take some minutes. */
export const startLimitMs = 15 * 60_000;
/** A shard gets another primary, or an endpoint another holder: milliseconds, unless nobody can be it. */
export const leadLimitMs = 2 * 60_000;

/**
 * Nodes load their data, or take them from their primary: a GiB takes some seconds, and up to a minute on a machine that
 * does other things.
 */
export const dataLimitMs = ({ desired }: Pick<Cache, 'desired'>): number =>
  10 * 60_000 + Math.round((findNodeType(desired.cacheNodeType)?.memoryGiB ?? 0) * 60_000);
