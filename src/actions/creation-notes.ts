/** Events that say what a user should know of a cache that is about to be made. */
import { totalmem } from 'node:os';
import { findNodeType } from '../catalog/node-types.ts';
import type { Cache } from '../model/resource.ts';
import type { Change } from '../store/contract.ts';

/** `note`: the engine is not literally the version that was asked for. */
export function creationNotes(cache: Cache, note: string | null, now: number): Change[] {
  const messages: string[] = [];
  if (note !== null) messages.push(note);
  const type = findNodeType(cache.desired.cacheNodeType);
  const limitBytes =
    cache.desired.engine === 'memcached'
      ? (type?.memcachedMaxCacheMemoryMB ?? 0) * 2 ** 20
      : (type?.redisMaxmemoryBytes ?? 0);
  if (limitBytes > totalmem())
    messages.push(
      `The node type ${cache.desired.cacheNodeType} allows ${gib(limitBytes)} of data per node, ` +
        `and this machine has ${gib(totalmem())} of memory.`,
    );
  if ('atRestEncryption' in cache.desired && cache.desired.atRestEncryption)
    messages.push(
      'Encryption at rest is recorded; what a node writes is as safe as the disk under the data directory.',
    );
  return messages.map((message) => ({
    add: 'event',
    row: {
      account: cache.account,
      region: cache.region,
      sourceType: cache.kind === 'replication-group' ? 'replication-group' : 'cache-cluster',
      sourceId: cache.id,
      message,
      eventId: 'limber:note',
      date: now,
    },
  }));
}

const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
