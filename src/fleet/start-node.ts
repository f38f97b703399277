/** Starts one node's process and records it. May be repeated: a process that is already there is adopted. */
import { answersAt } from '../engines/memcached/readiness.ts';
import { readInfo } from '../engines/valkey/info.ts';
import {
  type CacheNode,
  isEngineOf,
  type NodeHandle,
  type NodeSettings,
  type NodeTarget,
} from '../model/node.ts';
import type { Cache } from '../model/resource.ts';
import { faultPoint } from '../platform/fault-points.ts';
import { type Change, StaleWrite } from '../store/contract.ts';
import { removeSyncFiles } from './data-files.ts';
import type { Fleet } from './fleet.ts';
import { durabilityOf, engineOf, nodeSpec } from './launch.ts';

/**
 * Thrown when somebody decided meanwhile that the node is to end: its process must not come back, least of all when the
 * row that says whose it is has gone.
 */
class NodeNotWanted extends Error {
  override readonly name = 'NodeNotWanted';
}

/**
 * Free bytes without which no node is started that keeps its data on disk: with less it would soon stand still. A node
 * that keeps nothing there needs its configuration file (some KiB) and no more, its log least of all. A judgement.
 */
const roomBytesMin = 16 * 2 ** 20;

/**
 * `follow`: whose data it is to take; in cluster mode its own file, or whoever introduces it, says so. Throws
 * `SpawnFailed`, `DirectoryUnusable`, `EngineUnavailable`, `NodeNotWanted`.
 */
export async function startNode(
  fleet: Fleet,
  cache: Cache,
  node: CacheNode,
  follow: CacheNode | null,
): Promise<void> {
  const engine = await engineOf(fleet, node);
  const spec = await nodeSpec(fleet, cache, node, follow, engine);
  // The row may have got another target meanwhile: what is recorded is what the process was given.
  const started: NodeTarget = { ...node.target, engineVersion: engine.version };
  fleet.connections.drop(node.incarnation);
  const isInMemoryOnly = durabilityOf(cache) === 'disabled';
  await fleet.runtime.prepare(node.incarnation, isInMemoryOnly ? {} : { roomBytes: roomBytesMin });
  // Only of a node that has run before: files of a new node were put there for it.
  if (node.handle !== null && isInMemoryOnly) await removeSyncFiles(fleet, node);
  faultPoint('start-node:prepared');
  await requireWanted(fleet, node);
  let handle: NodeHandle | null = null;
  // A node that leads with its own files holds the data that it was known to hold; any other has to be confirmed again.
  const keepsData = follow === null && !isInMemoryOnly;
  await fleet.runtime.start(spec, {
    deadlineMs: fleet.settings.startDeadlineMs,
    onSpawned: async (spawned) => {
      handle = spawned;
      await recordProcess(fleet, node.incarnation, { handle: spawned, started }, keepsData);
      faultPoint('start-node:recorded');
    },
    isReady: () => answers(fleet, node, handle),
  });
  faultPoint('start-node:ready');
}

/** To be called after the directory was made, so that none is left of a node that was destroyed a moment before. */
async function requireWanted(fleet: Fleet, { incarnation, cacheClusterId }: CacheNode): Promise<void> {
  const row = await fleet.store.node(incarnation);
  if (row && isWanted(row)) return;
  if (!row || row.intent === 'deleted') await fleet.runtime.destroy(incarnation);
  throw new NodeNotWanted(`${cacheClusterId} is not to run any more`);
}

const isWanted = ({ intent }: CacheNode): boolean => intent === 'running' || intent === 'restarting';

/**
 * Records a new process. It has no role yet, and what was confirmed of the one before does not hold of it; a restart that
 * was asked for has happened. A configuration that no process of this node has answered with yet is not `applied` before
 * this one answers: it may end at once.
 */
async function recordProcess(
  fleet: Fleet,
  incarnation: string,
  { handle, started }: { readonly handle: NodeHandle; readonly started: NodeTarget },
  keepsData: boolean,
): Promise<void> {
  const process = { handle, started, role: null, intent: 'running' } as const;
  const recorded = await updateNode(fleet, incarnation, (node) =>
    isWanted(node)
      ? { ...node, ...process, applied: appliedAtSpawn(node, started), synced: node.synced && keepsData }
      : node,
  );
  if (!recorded || !isWanted(recorded)) throw new NodeNotWanted(`node ${incarnation} is not to run any more`);
}

const appliedAtSpawn = ({ applied }: CacheNode, { engineVersion, ...given }: NodeTarget): NodeSettings =>
  applied && applied.configVersion < given.configVersion ? applied : given;

/**
 * Writes a changed node row together with `more`, from a fresh one each time somebody was faster. Nothing is written when
 * `change` gives back the row that it got. Null when the node is gone.
 */
export async function updateNode(
  fleet: Pick<Fleet, 'store'>,
  incarnation: string,
  change: (node: CacheNode) => CacheNode,
  more: readonly Change[] = [],
): Promise<CacheNode | null> {
  for (;;) {
    const node = await fleet.store.node(incarnation);
    if (!node) return null;
    const changed = change(node);
    if (changed === node) return node;
    const row = { ...changed, version: node.version + 1 };
    try {
      await fleet.store.commit([{ put: 'node', row }, ...more]);
      return row;
    } catch (error) {
      if (!(error instanceof StaleWrite)) throw error;
    }
  }
}

/** True when the process that was just started answers at its address, and not somebody else. */
async function answers(fleet: Fleet, node: CacheNode, handle: NodeHandle | null): Promise<boolean> {
  if (!handle) return false;
  const { address, port } = node;
  if (node.engine === 'memcached') return answersAt({ address, port, deadlineMs: 500 }, handle.pid);
  return isEngineOf(handle, await readInfo(await fleet.connections.of(node)));
}
