/** `limber down --caches`: every node is stopped in good order, and comes back with the next Limber. */
import type { CacheView } from '../fleet/cache-view.ts';
import { durabilityOf } from '../fleet/launch.ts';
import { updateNode } from '../fleet/start-node.ts';
import { stopNodes } from '../operations/members/end-nodes.ts';
import type { Runner } from '../operations/runner.ts';
import type { Tools } from '../operations/tools.ts';
import { shardKeysOf } from '../reconcilers/shards.ts';
import { allCaches } from './all-caches.ts';

/** SIGTERM, its grace, SIGKILL, and the kernel's time to free a large process. */
const stopDeadlineMs = 60_000;
/** An act that is told to end does so within a second. */
const queueGraceMs = 10_000;

/**
 * The admin route `stop-caches`: `{ dryRun? }`. The queue of operations stops first: it would take stopped nodes for
 * failed ones. Its operations go on with the next Limber. When a node cannot be stopped, all goes on as before.
 */
export function createStopCachesRoute(tools: Tools, queue: Pick<Runner, 'stop' | 'resume'>) {
  return async (body: unknown) => {
    const willLose = (await allCaches(tools)).map(loss).filter((sentence) => sentence !== null);
    if ((body as { dryRun?: unknown } | undefined)?.dryRun === true) return { willLose, stopped: 0 };
    await queue.stop(queueGraceMs, { interrupt: true });
    try {
      const counts = await Promise.all((await allCaches(tools)).map((view) => stopCache(tools, view)));
      await tools.configurationServer.stop();
      return { willLose, stopped: counts.reduce((sum, count) => sum + count, 0) };
    } catch (error) {
      await goOn(tools);
      queue.resume();
      throw error;
    }
  };
}

/** A sentence about a cache whose data end with its processes; null when its engines keep them. */
function loss({ cache, nodes }: CacheView): string | null {
  if (nodes.length === 0 || durabilityOf(cache) !== 'disabled') return null;
  return `${cache.id} (${cache.desired.engine}) keeps nothing on disk: all its data`;
}

/** How many of its nodes were stopped. */
async function stopCache(tools: Tools, { cache }: CacheView): Promise<number> {
  await tools.shards.forget(cache.incarnation);
  // Its worker may have started one of them until a moment ago.
  const nodes = await tools.fleet.store.nodesOf([cache.incarnation]);
  const living = nodes.filter((node) => node.handle && node.intent !== 'deleted');
  await stopNodes(tools, living, AbortSignal.timeout(stopDeadlineMs));
  return living.length;
}

async function goOn(tools: Tools): Promise<void> {
  for (const view of await allCaches(tools)) {
    for (const { incarnation, status } of view.nodes)
      await updateNode(tools.fleet, incarnation, (row) =>
        row.intent === 'stopped' && status !== 'create-failed' ? { ...row, intent: 'running' } : row,
      );
    tools.shards.ensure(shardKeysOf(view));
  }
}
