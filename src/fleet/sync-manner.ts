/**
 * How a primary hands its data to a replica that is filled anew. Through its own disk a small data set arrives at once;
 * without it the stream opens only with the replica's next acknowledgement, which comes once a second (measured: full
 * redundancy after 0.1-0.2 s instead of 1.2 s). A large data set, or a full disk, goes without the disk.
 */
import { readInfo } from '../engines/valkey/info.ts';
import type { CacheNode } from '../model/node.ts';
import type { Fleet } from './fleet.ts';

/** A judgement: written and read within the second that it saves. */
const smallBytes = 128 * 2 ** 20;

/**
 * How a replica that holds data takes others in their place: through its disk, which keeps what it holds until all of the
 * new has arrived, or (`hasRoom` false) in memory beside them, which takes as much again.
 */
export async function chooseLoadManner(fleet: Fleet, replica: CacheNode, hasRoom: boolean): Promise<void> {
  const connection = await fleet.connections.of(replica);
  await connection.call('CONFIG', 'SET', 'repl-diskless-load', hasRoom ? 'on-empty-db' : 'swapdb');
}

/** Whether the disk under a node has room for what the primary would send it: no more than that uses of memory. */
export async function hasRoomFor(fleet: Fleet, replica: CacheNode, primary: CacheNode): Promise<boolean> {
  const { memory } = await readInfo(await fleet.connections.of(primary));
  const directory = fleet.runtime.directoryOf(replica.incarnation);
  const freeBytes = await fleet.runtime.files.freeBytes(directory).catch(() => 0);
  return freeBytes > memory.usedBytes;
}

export async function chooseSyncManner(fleet: Fleet, primary: CacheNode): Promise<void> {
  const connection = await fleet.connections.of(primary);
  const { memory } = await readInfo(connection);
  // A directory that is gone has no room.
  const directory = fleet.runtime.directoryOf(primary.incarnation);
  const freeBytes = await fleet.runtime.files.freeBytes(directory).catch(() => 0);
  const hasRoom = freeBytes > 4 * memory.usedBytes + smallBytes;
  const isThroughDisk = memory.usedBytes < smallBytes && hasRoom;
  await connection.call('CONFIG', 'SET', 'repl-diskless-sync', isThroughDisk ? 'no' : 'yes');
}
