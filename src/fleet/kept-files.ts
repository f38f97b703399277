/**
 * Data files that a node must not lose when it is filled anew, because nobody else has all that is in them. They are
 * marked while the node is down, by a file beside them that outlives Limber, and set aside when it starts to follow.
 */
import { join } from 'node:path';
import { readAppendOnlyFolder } from '../engines/valkey/append-only-files.ts';
import type { CacheNode } from '../model/node.ts';
import { dataDirectory, setAside } from './data-files.ts';
import type { Fleet } from './fleet.ts';

interface KeptFiles {
  /** Where they are now. */
  readonly aside: string;
  /** The reason that `markToKeep` got. */
  readonly reason: string;
}

const markOf = (fleet: Fleet, node: CacheNode): string =>
  join(fleet.runtime.directoryOf(node.incarnation), 'keep-data');

/** Marks a node's files; the mark is on disk when this resolves. May be repeated. */
export const markToKeep = (fleet: Fleet, node: CacheNode, reason: string): Promise<void> =>
  fleet.runtime.files.write(markOf(fleet, node), reason);

/** Takes the mark away, since the node leads with its files. */
export const unmark = (fleet: Fleet, node: CacheNode): Promise<void> =>
  fleet.runtime.files.remove(markOf(fleet, node));

/** Sets marked files aside; null when there are none. The process must be gone. May be repeated. */
export async function keepMarked(fleet: Fleet, node: CacheNode): Promise<KeptFiles | null> {
  const { files } = fleet.runtime;
  const reason = await files.read(markOf(fleet, node)).catch(() => null);
  if (reason === null) return null;
  const directory = dataDirectory(fleet, node);
  const { kind } = await readAppendOnlyFolder(files, directory);
  const aside = kind === 'missing' ? null : await setAside(fleet, node);
  await unmark(fleet, node);
  return aside === null ? null : { aside, reason };
}
