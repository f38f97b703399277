/**
 * A node whose directory is deleted or moved while it runs goes on serving, but writes nothing any more: its append-only file
 * is lost with its end, and a replica that is filled through the disk begins again and again. So the directory is made
 * again, the engine is told to work there, and what it holds is written anew. Limber may die between any two of these: what
 * is missing is seen at the next look.
 */
import {
  directoryGone,
  directoryMadeAgain,
  type EventText,
  filesWrittenAgain,
} from '../../catalog/events.ts';
import { rewriteAppendOnlyFile, setFolder } from '../../engines/valkey/folder.ts';
import { dataDirectory, dataStateOf, isLost } from '../../fleet/data-files.ts';
import type { CacheNode } from '../../model/node.ts';
import type { ShardContext } from './context.ts';
import type { ShardFacts } from './observe/observe-shard.ts';
import { memberEvent } from './record.ts';
import type { Member } from './view.ts';

/** Between two looks at the files of a node, and after what failed. An engine rewrites its file in less. A judgement. */
const lookMs = 4_000;

interface Watched {
  /** Monotonic milliseconds. */
  notBefore: number;
  /** Its files were gone at the last look, too: one look may have come in the middle of a rewrite. */
  isSuspect: boolean;
  /** For people: why its directory is not there. */
  problem: string | null;
}

interface DirectoryWatch {
  /** Takes note of one look at the shard, and mends what is missing. Never throws. */
  look(facts: ShardFacts): Promise<void>;
  /** For people; null while all is well. */
  concern(): string | null;
}

export function createDirectoryWatch(context: ShardContext): DirectoryWatch {
  const { fleet } = context;
  const { clock, log, runtime, store } = fleet;
  const watched = new Map<string, Watched>();

  const record = (node: CacheNode, text: EventText) => store.commit([memberEvent(context, node, text)]);

  async function mendDirectory({ view }: ShardFacts, node: CacheNode): Promise<void> {
    await runtime.prepare(node.incarnation);
    const connection = await fleet.connections.of(node);
    const isCluster = view.clusterMode === 'enabled';
    await setFolder(connection, dataDirectory(fleet, node), { isCluster });
    const keepsData = view.durability !== 'disabled';
    if (keepsData) await rewriteAppendOnlyFile(connection);
    await record(node, directoryMadeAgain(node.cacheClusterId, keepsData));
  }

  async function lookAtFiles({ cache, view }: ShardFacts, { node, engine }: Member, own: Watched) {
    if (view.durability === 'disabled' || engine?.isLoading || engine?.isSyncing) return;
    const wasSuspect = own.isSuspect;
    own.isSuspect = isLost(await dataStateOf(fleet, cache, node));
    if (!own.isSuspect || !wasSuspect) return;
    await rewriteAppendOnlyFile(await fleet.connections.of(node));
    own.isSuspect = false;
    await record(node, filesWrittenAgain(node.cacheClusterId));
  }

  /** What cannot be mended is told once, and tried again. */
  async function complain(node: CacheNode, own: Watched, error: Error): Promise<void> {
    log.warn('the directory of a node is gone, and could not be made again', {
      node: node.incarnation,
      error,
    });
    const isNews = own.problem === null;
    own.problem = `the directory of ${node.cacheClusterId} is gone, and cannot be made again: ${error.message}`;
    if (isNews) await record(node, directoryGone(node.cacheClusterId, error.message)).catch(() => {});
  }

  async function lookAt(facts: ShardFacts, member: Member): Promise<void> {
    const { node } = member;
    const own = watched.get(node.incarnation) ?? { notBefore: 0, isSuspect: false, problem: null };
    watched.set(node.incarnation, own);
    if (node.handle === null || clock.monotonic() < own.notBefore) return;
    const isAtHome = runtime.worksInItsFolder(node.incarnation, node.handle) !== false;
    try {
      if (isAtHome) await lookAtFiles(facts, member, own);
      else await mendDirectory(facts, node);
      own.problem = null;
    } catch (error) {
      if (isAtHome) log.warn('the files of a node were not looked at', { node: node.incarnation, error });
      else await complain(node, own, error as Error);
    }
    own.notBefore = clock.monotonic() + lookMs;
  }

  return {
    async look(facts) {
      const { members } = facts.view;
      for (const member of members) if (member.engine) await lookAt(facts, member);
      for (const incarnation of watched.keys())
        if (!members.some(({ node }) => node.incarnation === incarnation)) watched.delete(incarnation);
    },
    concern() {
      const problems = [...watched.values()].flatMap(({ problem }) => problem ?? []);
      return problems.length === 0 ? null : problems.join('; ');
    },
  };
}
