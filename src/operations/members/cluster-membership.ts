/** Cluster mode: making every node list replicas that join, and forget those that leave. */
import type { EngineConnection } from '../../engines/valkey/client.ts';
import { forgetMember } from '../../engines/valkey/cluster-failover.ts';
import { type ClusterView, readClusterView, readMembers } from '../../engines/valkey/cluster-view.ts';
import { clusterTimingWhileForming, steadyClusterTiming } from '../../engines/valkey/timing.ts';
import type { CacheView } from '../../fleet/cache-view.ts';
import type { CacheNode } from '../../model/node.ts';
import { timeLimit } from '../../platform/clock.ts';
import { faultPoint } from '../../platform/fault-points.ts';
import { pause, untilAborted } from '../../platform/until-aborted.ts';
import { connectionTo } from '../connection-to.ts';
import type { Tools } from '../tools.ts';

const roundMs = 25;
/** A node that answers at all does so within a few milliseconds. */
const restoreMs = 500;

/**
 * Returns when every living node lists the new replicas in CLUSTER SLOTS, with their shard. A replica is listed only
 * once its offset has come by a PING of its own, and those are 7.5 s apart at the usual node timeout; so the new
 * nodes, which nobody votes with, have a short one meanwhile. May be repeated; throws when the signal aborts.
 */
export async function spreadInCluster(
  tools: Tools,
  view: CacheView,
  joining: readonly CacheNode[],
  signal: AbortSignal,
): Promise<void> {
  const { connections, clock } = tools.fleet;
  const open = await Promise.all(joining.map((node) => connectionTo(tools.fleet, node, signal)));
  await setTiming(open, clusterTimingWhileForming);
  faultPoint('spread:hurried');
  try {
    for (;;) {
      const unaware = await firstUnaware(tools, view, joining, signal);
      if (unaware === null) return;
      await pause(clock, signal, roundMs, `${unaware} does not list the new replicas yet`);
    }
  } finally {
    // The usual timing is sent whether there is time left or not: a node that hangs takes it when it goes on, and is not waited for.
    const usual = Promise.all(joining.map((node) => connections.of(node))).then((own) =>
      setTiming(own, steadyClusterTiming),
    );
    await untilAborted(timeLimit(clock, restoreMs).signal, usual, 'the usual timing of the new replicas');
  }
}

const setTiming = (open: readonly EngineConnection[], timing: typeof steadyClusterTiming) =>
  Promise.all(open.map((connection) => connection.call('CONFIG', 'SET', ...timing.flat())));

/** The name of a node that does not list all of them yet; nodes that do not answer are not waited for. */
async function firstUnaware(
  { fleet }: Tools,
  view: CacheView,
  joining: readonly CacheNode[],
  signal: AbortSignal,
): Promise<string | null> {
  const answers = await Promise.all(
    view.nodes.map(async (node) => ({ node, seen: await clusterViewOf(connectionTo(fleet, node, signal)) })),
  );
  const unaware = answers.find(({ seen }) => seen && !joining.every((one) => lists(seen, view, one)));
  return unaware?.node.cacheClusterId ?? null;
}

async function clusterViewOf(connection: Promise<EngineConnection>): Promise<ClusterView | null> {
  try {
    return await readClusterView(await connection);
  } catch {
    return null;
  }
}

function lists(seen: ClusterView, view: CacheView, replica: CacheNode): boolean {
  const isAt = (node: CacheNode) => (one: { address: string; port: number }) =>
    one.address === node.address && one.port === node.port;
  const known = seen.members.find(isAt(replica));
  if (known?.role !== 'replica' || known.health !== 'fine') return false;
  const shard = view.nodes.filter((node) => node.nodeGroupId === replica.nodeGroupId);
  const ranges = seen.served.filter(({ nodes }) => shard.some((node) => nodes.some(isAt(node))));
  return ranges.every(({ nodes }) => nodes.some(isAt(replica)));
}

/**
 * Makes every other node forget the leaving ones, which must be done within 60 s, or gossip brings them back. From then on
 * clients do not hear of them any more. May be repeated. Throws when a node could not be reached: one that is down has
 * them in its file, and the others would learn of them again when it is back.
 */
export async function forgetInCluster(
  { fleet }: Tools,
  view: CacheView,
  leaving: readonly CacheNode[],
  signal: AbortSignal,
): Promise<void> {
  const isLeaving = ({ incarnation }: CacheNode) => leaving.some((one) => one.incarnation === incarnation);
  const others = view.nodes.filter((node) => node.intent !== 'deleted' && !isLeaving(node));
  const results = await Promise.allSettled(
    others.map(async (other) => {
      const connection = await connectionTo(fleet, other, signal);
      const known = await readMembers(connection);
      for (const { address, port } of leaving)
        for (const { id } of known.filter((one) => one.address === address && one.port === port))
          await forgetMember(connection, id);
    }),
  );
  const failure = results.find((result) => result.status === 'rejected');
  if (failure) throw new Error('a node could not be made to forget another', { cause: failure.reason });
}
