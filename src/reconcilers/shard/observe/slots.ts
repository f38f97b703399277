/** Whether a primary of a cluster owns its shard's slots, by its own word. */
import type { EngineConnection } from '../../../engines/valkey/client.ts';
import { keyOf, subtract } from '../../../engines/valkey/cluster-plan.ts';
import { type ClusterMember, parseClusterNodes } from '../../../engines/valkey/cluster-view.ts';
import type { NodeGroup } from '../../../model/node.ts';
import { countSlots, parseSlots, slotCount } from '../../../model/slots.ts';
import type { ShardContext } from '../context.ts';
import type { Member } from '../view.ts';

/**
 * Connections to processes that were seen to hold them: asked once for each, since CLUSTER NODES is long in a large
 * cluster. A process loses its slots to a replica alone, whose replica it then is.
 */
const holders = new WeakSet<EngineConnection>();

const deadlineMs = 500;

/** Adds the fact to the primaries among the members; whoever does not answer in time is left as it is. */
export function withSlots(
  context: ShardContext,
  shard: NodeGroup,
  members: readonly Member[],
): Promise<readonly Member[]> {
  return Promise.all(
    members.map(async (member) => {
      const { engine } = member;
      if (engine?.role !== 'primary' || engine.isLoading) return member;
      try {
        const connection = await context.fleet.connections.of(member.node);
        const slots = (await holdsSlots(connection, shard, members)) ? ('held' as const) : ('lost' as const);
        return { ...member, engine: { ...engine, slots } };
      } catch {
        return member;
      }
    }),
  );
}

async function holdsSlots(
  connection: EngineConnection,
  shard: NodeGroup,
  members: readonly Member[],
): Promise<boolean> {
  if (holders.has(connection)) return true;
  const known = parseClusterNodes(String(await connection.callWithin(deadlineMs, 'CLUSTER', 'NODES')));
  const isHeld = ownsAll(shard, known, new Set(members.map(({ node }) => keyOf(node))));
  if (isHeld) holders.add(connection);
  return isHeld;
}

/**
 * All slots of its shard are its own, but for those that another shard has, and it knows somebody of another shard:
 * without that it has claimed them and not met the others yet. `siblings`: `keyOf` the members of its own shard.
 */
function ownsAll(
  shard: Pick<NodeGroup, 'slots'>,
  known: readonly ClusterMember[],
  siblings: ReadonlySet<string>,
): boolean {
  const wanted = parseSlots(shard.slots);
  const self = known.find((member) => member.isMyself);
  const strangers = known.filter(
    (member) => !member.isMyself && member.health !== 'no-address' && !siblings.has(keyOf(member)),
  );
  const elsewhere = strangers.flatMap((member) => member.slots);
  if (!self || subtract(wanted, [...self.slots, ...elsewhere]).length > 0) return false;
  const isOnly = countSlots(wanted) === slotCount;
  return isOnly || strangers.some((member) => member.health !== 'joining');
}
