/** The data files of nodes: whether they are there, whether they can be read, and setting them aside, never deleting. */
import { createReadStream, createWriteStream } from 'node:fs';
import { cp, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import {
  type CheckPrograms,
  cutDamage,
  findDamage,
  hasDataFiles,
  lastIncrement,
  readableBytes,
} from '../engines/valkey/data-files.ts';
import { type NodesFileState, nodesFileName, nodesFileState } from '../engines/valkey/nodes-file.ts';
import { findUnfinishedWrite } from '../engines/valkey/unfinished-write.ts';
import type { CacheNode } from '../model/node.ts';
import type { Cache } from '../model/resource.ts';
import type { Fleet } from './fleet.ts';
import { durabilityOf, engineOf } from './launch.ts';

/**
 * What a dead node could start from. `none`: its cache keeps nothing on disk. `present`: files that nobody has found
 * bad. `missing`: there should be some and there are none.
 */
export type DataState = 'none' | 'present' | 'missing';

/** Where the engine keeps what it writes. */
export const dataDirectory = (fleet: Fleet, node: CacheNode): string =>
  join(fleet.runtime.directoryOf(node.incarnation), 'data');

export async function dataStateOf(fleet: Fleet, cache: Cache, node: CacheNode): Promise<DataState> {
  if (durabilityOf(cache) === 'disabled') return 'none';
  return (await hasDataFiles(dataDirectory(fleet, node))) ? 'present' : 'missing';
}

/**
 * Removes what full syncs have left behind (`dump.rdb`, `temp-….rdb`) from a node that keeps nothing on disk: its next
 * start would load it, and what was deleted or changed since would come back. Its process must be gone.
 */
export async function removeSyncFiles(fleet: Fleet, node: CacheNode): Promise<void> {
  const directory = dataDirectory(fleet, node);
  const names = await readdir(directory).catch(() => []);
  const left = names.filter((name) => name === 'dump.rdb' || /^temp-.*\.rdb$/.test(name));
  await Promise.all(left.map((name) => rm(join(directory, name), { force: true })));
}

export interface Repair {
  /** Where the files are now, or a copy of them. */
  readonly aside: string;
  readonly reason: string;
  /** The files were cut before the damage and are used; else the node starts without any. */
  readonly isCut: boolean;
}

/**
 * Looks for damage in the files of a node that does not start; null when there is none. A damaged file is set aside:
 * with `keepWhatCanBeRead` (nobody else has the data) the rest of it is used, else the node starts empty and takes
 * the data from its primary.
 */
export async function repairDataFiles(
  fleet: Fleet,
  node: CacheNode,
  options: { readonly keepWhatCanBeRead: boolean },
): Promise<Repair | null> {
  const directory = dataDirectory(fleet, node);
  const programs = await checkPrograms(fleet, node);
  const damage = await findDamage(directory, programs);
  if (!damage) return null;
  const reason = damage.problem;
  if (options.keepWhatCanBeRead && damage.isIncrement) {
    const aside = freshName(fleet, directory);
    await cp(directory, aside, { recursive: true });
    await cutDamage(damage, programs);
    return { aside, reason, isCut: true };
  }
  return { aside: await setAside(fleet, node), reason, isCut: false };
}

/** Moves the node's data files away and leaves an empty folder. The process must be gone. Returns where they are. */
export async function setAside(fleet: Fleet, node: CacheNode): Promise<string> {
  const directory = dataDirectory(fleet, node);
  const aside = freshName(fleet, directory);
  await rename(directory, aside);
  await mkdir(directory, { mode: 0o700 });
  return aside;
}

export interface KeptTail {
  /** Where the bytes are; null when they could not be kept. */
  readonly aside: string | null;
  readonly bytes: number;
}

/** A check reads some 350 MB/s, and the engine takes longer to load the same file. A judgement. */
const checkDeadlineMs = 5_000;

/**
 * Keeps the bytes of an unfinished write that the engine will cut off at its next start; null when there is none, or
 * they were kept before. The process must be gone. That they cannot be kept, on a full disk, is no reason not to
 * start: nobody was told that they are written, or (everysec) nobody was promised that they last.
 */
export async function keepUnfinishedWrite(fleet: Fleet, node: CacheNode): Promise<KeptTail | null> {
  const directory = dataDirectory(fleet, node);
  const file = await lastIncrement(directory);
  if (file === null || !(await stat(file).catch(() => null))?.isFile()) return null;
  const check = async (path: string) =>
    readableBytes(path, await checkPrograms(fleet, node), checkDeadlineMs);
  const found = await findUnfinishedWrite(file, check);
  if (!found) return null;
  // By place and size, so that a start which is tried again does not keep it twice.
  const name = `${basename(file)}.aside-${found.offset}-${found.offset + found.bytes}`;
  const aside = join(dirname(directory), name);
  if ((await stat(aside).catch(() => null))?.size === found.bytes) return null;
  try {
    await pipeline(
      createReadStream(file, { start: found.offset }),
      createWriteStream(aside, { mode: 0o600, flush: true }),
    );
    return { aside, bytes: found.bytes };
  } catch (error) {
    fleet.log.warn('the end of an append-only file could not be kept', { file, error });
    await rm(aside, { force: true });
    return { aside: null, bytes: found.bytes };
  }
}

/** Of a cluster node that is down: whether it would come back as the node that the others know. */
export const nodesFileOf = (fleet: Fleet, node: CacheNode): Promise<NodesFileState> =>
  nodesFileState(dataDirectory(fleet, node));

/** The node gets a new id at its next start; its data stay. The process must be gone. Returns where the file is. */
export async function setNodesFileAside(fleet: Fleet, node: CacheNode): Promise<string> {
  const directory = dataDirectory(fleet, node);
  const aside = freshName(fleet, join(dirname(directory), nodesFileName));
  await rename(join(directory, nodesFileName), aside);
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
