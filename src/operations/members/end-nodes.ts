/** Ends processes for good: nodes that are to rest (`stopped`), and nodes that are to vanish (`deleted`). */
import { type CacheView, isClusterMode } from '../../fleet/cache-view.ts';
import { updateNode } from '../../fleet/start-node.ts';
import { type CacheNode, type Endpoint, type NodeHandle, processName } from '../../model/node.ts';
import { faultPoint } from '../../platform/fault-points.ts';
import { requireTime, untilAborted } from '../../platform/until-aborted.ts';
import type { Change } from '../../store/contract.ts';
import type { Tools } from '../tools.ts';
import { forgetInCluster } from './cluster-membership.ts';
import { LastCopy, requireSpared } from './copies.ts';

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
        row.intent === 'deleted' ? row : { ...row, intent: 'stopped' },
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
 * from any point: the row goes last. Of a cache that is asked to go as a whole, or of Memcached: nothing is looked at.
 */
export async function destroyNodes(
  tools: Tools,
  nodes: readonly CacheNode[],
  view: CacheView,
  signal: AbortSignal,
): Promise<void> {
  await Promise.all(
    marked(nodes).map(async (node) => {
      await endProcesses(tools, node, signal, async () => {});
      await removeTraces(tools, node, view, signal);
    }),
  );
}

/**
 * Destroys members of a cache that goes on, which must not take the last copy of their shard's data along. In cluster mode
 * the other nodes forget a member after its process has ended, and no sooner: for a minute an engine does not take back
 * a node that it was told to forget, and as long as the process runs the member may be needed after all. Throws
 * `LastCopy`; that member stays as it is then. `isTold`: false when the other nodes are not to be waited for any more.
 */
export async function destroySpared(
  tools: Tools,
  nodes: readonly CacheNode[],
  view: CacheView,
  signal: AbortSignal,
  isTold = true,
): Promise<void> {
  const going = marked(nodes);
  const check = (node: CacheNode) => requireSpared(tools, view, node, signal);
  await Promise.all(going.map((node) => endProcesses(tools, node, signal, () => check(node))));
  // Nodes that never ran were introduced to nobody.
  const known = going.filter((node) => node.handle !== null);
  if (isTold && isClusterMode(view.cache) && known.length > 0)
    await forgetInCluster(tools, view, known, signal);
  faultPoint('remove-members:forgotten');
  await Promise.all(
    going.map(async (node) => {
      // The files of the node may be a copy, too.
      await check(node);
      await removeTraces(tools, node, view, signal);
    }),
  );
}

const marked = (nodes: readonly CacheNode[]): CacheNode[] =>
  nodes.filter((node) => node.intent === 'deleted');

/** After the process of a node has ended: its directory, addresses and row go. */
async function removeTraces(
  tools: Tools,
  node: CacheNode,
  view: CacheView,
  signal: AbortSignal,
): Promise<void> {
  faultPoint('destroy-node:process-ended');
  requireTime(signal, `destroying ${node.cacheClusterId}`);
  const { incarnation, version } = await requireTombstone(tools, node);
  await tools.fleet.runtime.destroy(incarnation);
  faultPoint('destroy-node:directory-gone');
  const own = view.endpoints.filter((endpoint) => endpoint.nodeIncarnation === incarnation);
  await tools.fleet.store.commit([
    { require: 'node', incarnation, version },
    ...own.map((endpoint) => release(tools, endpoint)),
    { remove: 'node', incarnation },
  ]);
}

/** The shard's worker withdraws the tombstone of a member that is needed after all. */
async function requireTombstone({ fleet }: Tools, node: CacheNode): Promise<CacheNode> {
  const row = await fleet.store.node(node.incarnation);
  if (row?.intent === 'deleted') return row;
  throw new LastCopy(`${node.cacheClusterId} is a member again, since it is needed`);
}

/**
 * Ends the process of a member with a tombstone that does not give up what it serves, while another one holds its data.
 * Throws `LastCopy`.
 */
export async function endSpared(
  tools: Tools,
  view: CacheView,
  node: CacheNode,
  signal: AbortSignal,
): Promise<void> {
  await endProcesses(tools, node, signal, () => requireSpared(tools, view, node, signal));
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

/** The recorded process, and any that was spawned for this node and never recorded. `check`: right before the signals. */
async function endProcesses(
  tools: Tools,
  node: CacheNode,
  signal: AbortSignal,
  check: () => Promise<void>,
): Promise<void> {
  const { fleet, shards } = tools;
  const isRecordedAlive =
    node.handle !== null && ['running', 'stopped'].includes(fleet.runtime.inspect(node.handle).kind);
  // A Limber may have died after it had started a process anew, and before it recorded that.
  const others = isRecordedAlive ? [] : ((await fleet.runtime.findProcesses()).get(node.incarnation) ?? []);
  const handles = [...(node.handle ? [node.handle] : []), ...others];
  await check();
  shards.forgetNode(node.incarnation);
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
