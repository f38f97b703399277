/** Events that say what a user should know of a cache that is about to be made. */
import { totalmem } from 'node:os';
import {
  type CacheSource,
  discoveryNeedsNames,
  type EventText,
  engineSubstituted,
  memoryBeyondMachine,
} from '../../catalog/events.ts';
import { maxmemoryBytes, memcachedLimits, nodeType } from '../../catalog/node-types.ts';
import type { Cache } from '../../model/resource.ts';
import type { Change } from '../../store/contract.ts';

interface CreationFacts {
  /** Why the engine is not literally the version that was asked for; null when it is. */
  readonly note: string | null;
  /** AtRestEncryptionEnabled was given, and not left to its default. */
  readonly asksForEncryption?: boolean;
  readonly now: number;
  /** A Memcached cache whose endpoints are shown as addresses. */
  readonly lacksNames?: boolean;
  /** Memory of this machine; by default it is asked for. */
  readonly machineBytes?: number;
}

export function creationNotes(cache: Cache, facts: CreationFacts): Change[] {
  const { note, asksForEncryption, lacksNames, now, machineBytes = totalmem() } = facts;
  const { account, region, id, kind, desired } = cache;
  const type = nodeType(desired.cacheNodeType);
  // By default parameters; what a group of the user's reserves makes it smaller or a little larger.
  const dataBytes =
    desired.engine === 'memcached' ? memcachedLimits(type, 100).memoryMB * 2 ** 20 : maxmemoryBytes(type);
  const texts: EventText[] = [];
  if (note !== null) texts.push(engineSubstituted(kind, note));
  if (lacksNames) texts.push(discoveryNeedsNames());
  if (dataBytes > machineBytes) texts.push(memoryBeyondMachine(kind, dataBytes, machineBytes));
  if (asksForEncryption) texts.push(encryptionIsTheDisks(kind));
  return texts.map(({ eventId, sourceType, message }) => ({
    add: 'event',
    row: { account, region, sourceType, sourceId: id, message, eventId, date: now },
  }));
}

/** Templates ask for encryption at rest as a matter of course, so that it is not refused; but nobody shall think that Limber does it. */
const encryptionIsTheDisks = (sourceType: CacheSource): EventText => ({
  eventId: 'Limber:EncryptionAtRestNotApplied',
  sourceType,
  message:
    'Encryption at rest is recorded and not applied: what a node writes is as safe as the disk under the data directory',
});
