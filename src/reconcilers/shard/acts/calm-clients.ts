/**
 * Clients keep a copy that is needed at once from being led, by a script, or by ending Limber's connections in a loop. What
 * they run is ended, and for some time they begin no other and end no connection. A script that has written is left alone by
 * the engine; on a replica none can write. It takes up to 5 s, since an engine does not listen before.
 */
import { allowAllCommands } from '../../../engines/valkey/access-control.ts';
import { keepCalm } from '../../../engines/valkey/calm.ts';
import { engineOf } from '../../../fleet/launch.ts';
import type { CacheNode } from '../../../model/node.ts';
import { faultPoint } from '../../../platform/fault-points.ts';
import type { ShardContext } from '../context.ts';
import type { ShardFacts } from '../observe/observe-shard.ts';
import type { EngineFacts } from '../view.ts';

/** Of a shard that does not get well: its clients need their scripts, and a copy that answers has had time to lead. A judgement. */
const calmMs = 10_000;

export async function calmClients({ fleet, disturbance }: ShardContext, node: CacheNode): Promise<void> {
  const isCalm = await keepCalm(await fleet.connections.of(node));
  // Whatever was seen of it meanwhile may be older than that.
  disturbance.delete(node.incarnation);
  if (!isCalm) return;
  fleet.connections.calmed(node.incarnation);
  faultPoint('calm-clients:done');
  fleet.log.warn(
    `clients of ${node.cacheClusterId}, which is needed, run no scripts and end no connections for now`,
    {
      node: node.incarnation,
    },
  );
}

/**
 * All is as it was where the shard is settled, or has not become so for some time. Seen to once for each process, since
 * a Limber may have died before it came to that. A node that does not answer is asked again with the next look.
 */
export async function allowAll(
  context: ShardContext,
  { view }: ShardFacts,
  isSettled: boolean,
): Promise<void> {
  await Promise.all(view.members.map(({ node, engine }) => allowAllOn(context, node, engine, isSettled)));
}

async function allowAllOn(
  { fleet, disturbance }: ShardContext,
  node: CacheNode,
  engine: EngineFacts | null,
  isSettled: boolean,
): Promise<void> {
  if (!engine?.runId) return;
  const now = fleet.clock.monotonic();
  const known = disturbance.get(node.incarnation);
  const seen = known?.runId === engine.runId ? known : { runId: engine.runId, since: now, isAllowed: false };
  disturbance.set(node.incarnation, seen);
  if (seen.isAllowed || (!isSettled && now - seen.since < calmMs)) return;
  try {
    const fingerprint = await fleet.fingerprintOf(await engineOf(fleet, node));
    await allowAllCommands(await fleet.connections.of(node), fingerprint);
  } catch (error) {
    fleet.log.debug('clients were not given back what was taken from them', {
      node: node.incarnation,
      error,
    });
    return;
  }
  // Unless clients were calmed again meanwhile.
  if (disturbance.get(node.incarnation) === seen)
    disturbance.set(node.incarnation, { ...seen, isAllowed: true });
}
