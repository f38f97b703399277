/** Players by score, highest first. The sorted set keeps them in order: every question is O(log n). */
import type { RedisClientType } from 'redis';

export interface Standing {
  /** 1 is the best. Of equal scores the engine ranks the name that sorts last first (`ZREVRANK`). */
  readonly rank: number;
  readonly player: string;
  readonly score: number;
}

/**
 * The rank of a player and the players around it, in one step: between two commands somebody could overtake.
 * Gives nothing when the player is unknown.
 */
const aroundScript = `
  local rank = redis.call('ZREVRANK', KEYS[1], ARGV[1])
  if not rank then return {} end
  local first = math.max(0, rank - ARGV[2])
  return {first, redis.call('ZREVRANGE', KEYS[1], first, rank + ARGV[2], 'WITHSCORES')}`;

export function createLeaderboard(cache: RedisClientType, key: string) {
  return {
    /** Adds points, negative ones too, and returns the player's new score. Concurrent calls all count. */
    async addPoints(player: string, points: number): Promise<number> {
      return Number(await cache.zIncrBy(key, points, player));
    },

    async top(count: number): Promise<Standing[]> {
      const rows = await cache.zRangeWithScores(key, 0, count - 1, { REV: true });
      return rows.map(({ value, score }, index) => ({ rank: index + 1, player: value, score }));
    },

    /** Null when the player has no score yet. */
    async rankOf(player: string): Promise<number | null> {
      const rank = await cache.zRevRank(key, player);
      return rank === null ? null : rank + 1;
    },

    /** Up to `distance` players before and after the player, and itself; empty when it has no score yet. */
    async around(player: string, distance: number): Promise<Standing[]> {
      const options = { keys: [key], arguments: [player, String(distance)] };
      const [first, rows] = (await cache.eval(aroundScript, options)) as [number?, string[]?];
      if (first === undefined || rows === undefined) return [];
      return pairs(rows).map(([name, score], index) => ({
        rank: first + index + 1,
        player: name,
        score: Number(score),
      }));
    },

    players: () => cache.zCard(key),
    clear: () => cache.del(key),
  };
}

function pairs(flat: readonly string[]): [string, string][] {
  return flat.flatMap((name, index) => (index % 2 === 0 ? [[name, flat[index + 1] ?? '']] : []));
}
