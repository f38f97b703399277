/** Members that leave give up the endpoints that they serve, and another one takes them over. */
import { readBindings, setBindings } from '../../engines/valkey/bindings.ts';
import { type CacheView, isClusterMode, loadCacheView } from '../../fleet/cache-view.ts';
import { type CacheNode, type Endpoint, heldBy } from '../../model/node.ts';
import { faultPoint } from '../../platform/fault-points.ts';
import { NotInTime, pause } from '../../platform/until-aborted.ts';
import type { Change } from '../../store/contract.ts';
import { connectionTo } from '../connection-to.ts';
import type { Tools } from '../tools.ts';
import { endSpared } from './end-nodes.ts';

/** Between two looks: the shard's worker takes an endpoint within a few milliseconds. */
const takeOverMs = 50;

/** The endpoints that move; the configuration endpoint of a cluster has a holder at all times. */
export const movingEndpoints = (view: CacheView): Endpoint[] =>
  view.endpoints.filter((endpoint) => endpoint.purpose !== 'node');

/**
 * Frees the endpoints' addresses for the next holder, and waits until there is one, or for the deadline. Open connections
 * stay until the process ends, so that who reads by one meets the next holder when it connects again. Throws `LastCopy`
 * when a member that would have to be ended for that is needed.
 */
export async function releaseEndpoints(
  tools: Tools,
  view: CacheView,
  leaving: readonly CacheNode[],
  signal: AbortSignal,
): Promise<void> {
  for (const node of leaving) {
    const held = movingEndpoints(view).filter((endpoint) => endpoint.holder === node.incarnation);
    if (held.length === 0) continue;
    await unbind(tools, view, node, signal);
    faultPoint('remove-members:unbound');
    await tools.fleet.store.commit(
      held.map((row): Change => ({ put: 'endpoint', row: heldBy(row, nextHolder(view, leaving)) })),
    );
  }
  tools.shards.recheck(view.cache.incarnation);
  await untilTakenOver(tools, view, leaving, signal);
}

/**
 * Waits until others serve what the leaving nodes served, or for the deadline. A pass of the shard's worker that had begun
 * before these were marked may let them bind an endpoint once more, and nobody could take it from them then.
 */
async function untilTakenOver(
  tools: Tools,
  { cache }: CacheView,
  leaving: readonly CacheNode[],
  signal: AbortSignal,
): Promise<void> {
  const reference = { cacheKind: cache.kind, cacheIncarnation: cache.incarnation };
  for (;;) {
    const view = await loadCacheView(tools.fleet.store, reference);
    if (!view || movingEndpoints(view).every((endpoint) => endpoint.holder !== null)) return;
    await pause(tools.fleet.clock, signal, takeOverMs, 'another node has not taken over what they served');
    for (const node of leaving) await unbind(tools, view, node, signal);
  }
}

/** A leaving node that does not answer is killed at once: it is to go anyway, and the addresses that it held are free then. */
async function unbind(tools: Tools, view: CacheView, node: CacheNode, signal: AbortSignal): Promise<void> {
  try {
    const connection = await connectionTo(tools.fleet, node, signal);
    if ((await readBindings(connection)).length > 1) await setBindings(connection, [node.address]);
  } catch (error) {
    if (error instanceof NotInTime) throw error;
    await endSpared(tools, view, node, signal);
  }
}

/** Without cluster mode the shard's worker chooses; a cluster's endpoint belongs to the shard of its holder. */
function nextHolder(view: CacheView, leaving: readonly CacheNode[]): string | null {
  if (!isClusterMode(view.cache)) return null;
  const staying = view.nodes.filter((node) => node.intent === 'running' && !leaving.includes(node));
  return (staying.find((node) => node.role === 'primary') ?? staying[0])?.incarnation ?? null;
}
