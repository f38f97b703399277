/** Ends processes for good: nodes that are to rest (`stopped`), and nodes that are to vanish (`deleted`). */
import type { CacheView } from '../../fleet/cache-view.ts';
import { updateNode } from '../../fleet/start-node.ts';
import { type CacheNode, type Endpoint, type NodeHandle, processName } from '../../model/node.ts';
import { faultPoint } from '../../platform/fault-points.ts';
import { requireTime, untilAborted } from '../../platform/until-aborted.ts';
import type { Change } from '../../store/contract.ts';
import type { Tools } from '../tools.ts';

const stopGraceMs = 5_000;
const fenceDeadlineMs = 30_000;

/** Records that no process may run, and ends those that do, in good order. May be repeated. */
export async function stopNodes(
  tools: Tools,
  nodes: readonly CacheNode[],
  signal: AbortSignal,
): Promise<void> {
  const { fleet, shards } = tools;
  await Promise.all(
    nodes.map(async (node) => {
      const stopped = await updateNode(fleet, node.incarnation, (row) =>
        row.intent === 'deleted' ? row : { ...row, intent: 'stopped', synced: false },
      );
      faultPoint('stop-nodes:marked');
      shards.forgetNode(node.incarnation);
      const handle = (stopped ?? node).handle;
      if (!handle) return;
      // Processes that are to end do end, also when nobody waits for that any more.
      const end = fleet.runtime.stop(handle, { graceMs: stopGraceMs });
      await untilAborted(signal, end, `stopping ${processName(handle)}`);
    }),
  );
}

/**
 * Destroys what tombstones name, and nothing else: process, directory, addresses (which rest), row. May be repeated
 * from any point: the row goes last.
 */
export async function destroyNodes(
  tools: Tools,
  nodes: readonly CacheNode[],
  view: CacheView,
  signal: AbortSignal,
): Promise<void> {
  const { fleet, shards } = tools;
  await Promise.all(
    nodes
      .filter((node) => node.intent === 'deleted')
      .map(async (node) => {
        shards.forgetNode(node.incarnation);
        await endProcesses(tools, node, signal);
        faultPoint('destroy-node:process-ended');
        requireTime(signal, `destroying ${node.cacheClusterId}`);
        await fleet.runtime.destroy(node.incarnation);
        faultPoint('destroy-node:directory-gone');
        const own = view.endpoints.filter((endpoint) => endpoint.nodeIncarnation === node.incarnation);
        await fleet.store.commit([
          ...own.map((endpoint) => release(tools, endpoint)),
          { remove: 'node', incarnation: node.incarnation },
        ]);
      }),
  );
}

/** Kills a process, and waits until its exit was observed, within the act's time. Throws `NotInTime`. */
export function fenceWithin(
  { fleet }: Tools,
  handle: NodeHandle,
  signal: AbortSignal,
): Promise<'fenced' | 'unknown'> {
  const fence = fleet.runtime.fence(handle, { deadlineMs: fenceDeadlineMs });
  return untilAborted(signal, fence, `the end of ${processName(handle)}`);
}

/** Resolves when no worker of the cache takes a step any more. Throws `NotInTime`. */
export const forgetWithin = (
  { shards }: Tools,
  cacheIncarnation: string,
  signal: AbortSignal,
): Promise<void> => untilAborted(signal, shards.forget(cacheIncarnation), 'the last step of its worker');

/** The recorded process, and any that was spawned for this node and never recorded. */
async function endProcesses(tools: Tools, node: CacheNode, signal: AbortSignal): Promise<void> {
  const { runtime } = tools.fleet;
  const recorded = node.handle ? [node.handle] : [];
  const handles =
    recorded.length > 0 ? recorded : ((await runtime.findProcesses()).get(node.incarnation) ?? []);
  for (const handle of handles) {
    const outcome = await fenceWithin(tools, handle, signal);
    if (outcome === 'unknown')
      throw new Error(`${processName(handle)} of ${node.cacheClusterId} did not end`);
  }
}

/** Gives an address back; nobody gets it for a while, since clients of the old cache may still come. */
export function release(tools: Tools, endpoint: Endpoint): Change {
  const { clock, settings } = tools.fleet;
  return {
    remove: 'endpoint',
    address: endpoint.address,
    port: endpoint.port,
    cacheIncarnation: endpoint.cacheIncarnation,
    restUntil: clock.now() + settings.addressRestMs,
  };
}
