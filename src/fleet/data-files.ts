/** The data files of nodes: whether they are there, whether they can be read, and setting them aside, never deleting. */
import { basename, dirname, join } from 'node:path';
import {
  folderName,
  manifestOf,
  planRebuild,
  readAppendOnlyFolder,
} from '../engines/valkey/append-only-files.ts';
import { type CheckPrograms, cutDamage, findDamage, readableBytes } from '../engines/valkey/data-files.ts';
import {
  asReplicaOfGhost,
  type NodesFileState,
  nodesFileName,
  nodesFileState,
} from '../engines/valkey/nodes-file.ts';
import { findUnfinishedWrite } from '../engines/valkey/unfinished-write.ts';
import type { CacheNode } from '../model/node.ts';
import type { Cache } from '../model/resource.ts';
import { faultPoint } from '../platform/fault-points.ts';
import type { Fleet } from './fleet.ts';
import { durabilityOf, engineOf } from './launch.ts';

/**
 * What a dead node could start from. `none`: its cache keeps nothing on disk. `present`: files that nobody has found
 * bad. `missing`: there should be some and there are none. `unreadable`: they are there, and the engine would not start
 * with them, or not with all of its data.
 */
export type DataState = 'none' | 'present' | 'missing' | 'unreadable';

/** True when there should be files to start from, and the node cannot start from them. */
export const isLost = (data: DataState): boolean => data === 'missing' || data === 'unreadable';

/** Where the engine keeps what it writes. */
export const dataDirectory = (fleet: Fleet, node: CacheNode): string =>
  join(fleet.runtime.directoryOf(node.incarnation), 'data');

export async function dataStateOf(fleet: Fleet, cache: Cache, node: CacheNode): Promise<DataState> {
  if (durabilityOf(cache) === 'disabled') return 'none';
  const { kind } = await readAppendOnlyFolder(fleet.runtime.files, dataDirectory(fleet, node));
  return kind === 'whole' ? 'present' : kind;
}

/**
 * Removes the files that full syncs have left (`dump.rdb`, `temp-….rdb`) from a node that keeps nothing on disk: its next
 * start would load it, and what was deleted or changed since would come back. Its process must be gone.
 */
export async function removeSyncFiles(fleet: Fleet, node: CacheNode): Promise<void> {
  const directory = dataDirectory(fleet, node);
  const { files } = fleet.runtime;
  const entries = await files.list(directory).catch(() => []);
  for (const entry of entries.filter(({ name }) => name === 'dump.rdb' || /^temp-.*\.rdb$/.test(name))) {
    const path = join(directory, entry.name);
    // No engine made a folder of that name; it could not start beside it.
    if (entry.isFolder) await files.rename(path, freshName(fleet, join(dirname(directory), entry.name)));
    else await files.remove(path);
  }
}

interface Repair {
  /** Where the files are now, or a copy of them. */
  readonly aside: string;
  readonly reason: string;
  /** What of the files can be read is used; else the node starts without any. */
  readonly isPartial: boolean;
}

/** The rights of a node's files are wrong. They may be well otherwise, so that they are left where they are. */
class DataForbidden extends Error {
  override readonly name = 'DataForbidden';
}

/**
 * Looks for damage in the files of a node that is down; null when there is none. What is damaged is set aside: with
 * `keepWhatCanBeRead` (nobody else has the data) the rest is used, else the node starts empty and takes the data from
 * its primary. `isDoubted`: it does not start, so that the content is looked at too, about 350 MB/s. Throws
 * `DataForbidden` when nobody else has the data.
 */
export async function repairDataFiles(
  fleet: Fleet,
  node: CacheNode,
  options: { readonly keepWhatCanBeRead: boolean; readonly isDoubted: boolean },
): Promise<Repair | null> {
  const { keepWhatCanBeRead, isDoubted } = options;
  const folder = await readAppendOnlyFolder(fleet.runtime.files, dataDirectory(fleet, node));
  if (folder.kind === 'missing') return null;
  if (folder.kind === 'whole') return isDoubted ? repairContent(fleet, node, keepWhatCanBeRead) : null;
  if (!keepWhatCanBeRead) return wholeAside(fleet, node, folder.problem);
  if (folder.isForbidden)
    throw new DataForbidden(`the files of ${node.cacheClusterId} must not be read: ${folder.problem}`);
  return (await rebuild(fleet, node, folder.problem)) ?? wholeAside(fleet, node, folder.problem);
}

async function wholeAside(fleet: Fleet, node: CacheNode, reason: string): Promise<Repair> {
  return { aside: await setAside(fleet, node), reason, isPartial: false };
}

/** The manifest is written anew for what can be read; all else is moved away. Null when that is nothing. */
async function rebuild(fleet: Fleet, node: CacheNode, reason: string): Promise<Repair | null> {
  const { files } = fleet.runtime;
  const directory = dataDirectory(fleet, node);
  const rebuilt = await planRebuild(files, directory);
  if (!rebuilt) return null;
  const aside = freshName(fleet, directory);
  await files.makeFolder(join(aside, folderName));
  for (const name of rebuilt.unused)
    await files.rename(join(directory, folderName, name), join(aside, folderName, name));
  faultPoint('mend:moved');
  await files.write(manifestOf(directory), rebuilt.manifest);
  return { aside, reason, isPartial: true };
}

async function repairContent(
  fleet: Fleet,
  node: CacheNode,
  keepWhatCanBeRead: boolean,
): Promise<Repair | null> {
  const { files } = fleet.runtime;
  const directory = dataDirectory(fleet, node);
  const folder = await readAppendOnlyFolder(files, directory);
  const programs = await checkPrograms(fleet, node);
  const damage = folder.kind === 'whole' ? await findDamage(files, folder.files, programs) : null;
  if (!damage) return null;
  if (!keepWhatCanBeRead || !damage.isIncrement) return wholeAside(fleet, node, damage.problem);
  const aside = freshName(fleet, directory);
  await files.copy(directory, aside);
  await cutDamage(damage, programs);
  return { aside, reason: damage.problem, isPartial: true };
}

/**
 * Moves the node's data files away and leaves a folder without any. A good nodes.conf stays, by which a cluster node
 * comes back as the one that the others know. The process must be gone. Returns where the files are.
 */
export async function setAside(fleet: Fleet, node: CacheNode): Promise<string> {
  const { files } = fleet.runtime;
  const directory = dataDirectory(fleet, node);
  const aside = freshName(fleet, directory);
  await files.rename(directory, aside);
  await files.makeFolder(directory);
  const { kind } = await nodesFileState(files, aside);
  if (kind === 'fine') await files.copy(join(aside, nodesFileName), join(directory, nodesFileName));
  return aside;
}

interface KeptTail {
  /** Where the bytes are; null when they could not be kept. */
  readonly aside: string | null;
  readonly bytes: number;
}

/** A check reads some 350 MB/s, and the engine takes longer to load the same file. A judgement. */
const checkDeadlineMs = 5_000;

/**
 * Keeps the bytes of an unfinished write that the engine will cut off at its next start; null when there is none, or
 * they were kept before. The process must be gone. That they cannot be kept, on a full disk, is no reason not to
 * start: no write of theirs was acknowledged, or (everysec) nobody was promised that it lasts.
 */
export async function keepUnfinishedWrite(fleet: Fleet, node: CacheNode): Promise<KeptTail | null> {
  const { files } = fleet.runtime;
  const directory = dataDirectory(fleet, node);
  const folder = await readAppendOnlyFolder(files, directory);
  const last = folder.kind === 'whole' ? folder.files.at(-1) : undefined;
  if (!last || last.isBase) return null;
  const file = last.path;
  const check = async (path: string) =>
    readableBytes(path, await checkPrograms(fleet, node), checkDeadlineMs);
  const found = await findUnfinishedWrite(files, file, check);
  if (!found) return null;
  // By place and size, so that a start which is tried again does not keep it twice.
  const name = `${basename(file)}.aside-${found.offset}-${found.offset + found.bytes}`;
  const aside = join(dirname(directory), name);
  if ((await files.look(aside).catch(() => null))?.bytes === found.bytes) return null;
  try {
    await files.copyEnd(file, found.offset, aside);
    return { aside, bytes: found.bytes };
  } catch (error) {
    fleet.log.warn('the end of an append-only file could not be kept', { file, error });
    await files.remove(aside);
    return { aside: null, bytes: found.bytes };
  }
}

/** Where a cluster node keeps its id, its slots and whom it knows. */
export const nodesFilePath = (fleet: Fleet, node: CacheNode): string =>
  join(dataDirectory(fleet, node), nodesFileName);

/** Whether a cluster node that is down would come back as the node that the others know. */
export const nodesFileOf = (fleet: Fleet, node: CacheNode): Promise<NodesFileState> =>
  nodesFileState(fleet.runtime.files, dataDirectory(fleet, node));

/**
 * Cluster mode, of a node that is down and is to lead with what it has: it comes up as the replica of a ghost, and takes
 * over from it. May be repeated. Without room for that, a node that has no data on disk comes up as it is: it takes writes
 * after the engine's two seconds.
 */
export async function prepareToLead(fleet: Fleet, cache: Cache, node: CacheNode): Promise<void> {
  const path = nodesFilePath(fleet, node);
  const changed = asReplicaOfGhost(await fleet.runtime.files.read(path));
  if (changed === null) return;
  await fleet.runtime.files.write(path, changed).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOSPC' || durabilityOf(cache) !== 'disabled') throw error;
    fleet.log.warn('no room to write a nodes.conf anew', { path });
  });
}

/** Moves a node's nodes.conf away, so that it gets a new id at its next start; its data stay. The process must be gone. Returns where the file is. */
export async function setNodesFileAside(fleet: Fleet, node: CacheNode): Promise<string> {
  const directory = dataDirectory(fleet, node);
  const aside = freshName(fleet, join(dirname(directory), nodesFileName));
  await fleet.runtime.files.rename(nodesFilePath(fleet, node), aside);
  return aside;
}

/** `data.aside-2026-11-20T18-05-09-123Z`, beside the folder. */
function freshName(fleet: Fleet, directory: string): string {
  const stamp = new Date(fleet.clock.now()).toISOString().replace(/[:.]/g, '-');
  return `${directory}.aside-${stamp}`;
}

async function checkPrograms(fleet: Fleet, node: CacheNode): Promise<CheckPrograms> {
  const engine = await engineOf(fleet, node);
  return { checkAof: engine.program('check-aof'), checkRdb: engine.program('check-rdb') };
}
