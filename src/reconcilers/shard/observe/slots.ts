/** Whether a primary of a cluster owns its shard's slots, and no others, by its own word. */
import type { EngineConnection } from '../../../engines/valkey/client.ts';
import { keyOf, subtract } from '../../../engines/valkey/cluster-plan.ts';
import { type ClusterMember, changeSign, readMembers } from '../../../engines/valkey/cluster-view.ts';
import { EngineReplyError } from '../../../engines/valkey/engine-errors.ts';
import type { NodeGroup } from '../../../model/node.ts';
import { countSlots, parseSlots, type SlotRange, slotCount } from '../../../model/slots.ts';
import type { ShardContext } from '../context.ts';
import type { EngineFacts, Member } from '../view.ts';

/** What a process said last, and the sign by which it would be known that it says something else now. */
interface LastLook {
  readonly sign: string;
  readonly at: number;
  readonly members: readonly ClusterMember[];
}

const lastLooks = new WeakMap<EngineConnection, LastLook>();

/** In case a change leaves the sign as it was. */
const lookAnywayMs = 60_000;
const deadlineMs = 500;

/**
 * Adds the fact to the primaries among the members; whoever does not answer in time is left as it is. CLUSTER NODES is
 * long in a large cluster, so it is read only when CLUSTER INFO says something new.
 */
export function withSlots(
  context: ShardContext,
  shard: NodeGroup,
  members: readonly Member[],
): Promise<readonly Member[]> {
  const siblings = new Set(members.map(({ node }) => keyOf(node)));
  return Promise.all(
    members.map(async (member) => {
      const { engine, node } = member;
      if (!engine || engine.isLoading) return member;
      try {
        const connection = await context.fleet.connections.of(node);
        const known = await lookAt(context, connection, node.incarnation);
        if (engine.role !== 'primary') return member;
        const self = known.find(({ isMyself }) => isMyself);
        // Until its first turn after the start an engine does not say that it is a replica, but in this list.
        if (self?.role === 'replica') {
          const upstream = known.find(({ id }) => id === self.primaryId);
          lastLooks.delete(connection);
          const follows = upstream ? keyOf(upstream) : null;
          return { ...member, engine: { ...engine, role: 'replica' as const, follows } };
        }
        const slots = await usedSurplus(connection, shard, known, slotStanding(shard, known, siblings));
        // What is to change is not always a change by that sign.
        if (slots !== 'held') lastLooks.delete(connection);
        return { ...member, engine: { ...engine, slots, ...(self ? { epoch: self.epoch } : {}) } };
      } catch {
        return member;
      }
    }),
  );
}

/** Whoever may have joined is looked at by the guard of the bus. */
async function lookAt(
  { fleet, bus }: ShardContext,
  connection: EngineConnection,
  incarnation: string,
): Promise<readonly ClusterMember[]> {
  const sign = changeSign(String(await connection.callWithin(deadlineMs, 'CLUSTER', 'INFO')));
  const now = fleet.clock.monotonic();
  const last = lastLooks.get(connection);
  if (last?.sign === sign && now - last.at < lookAnywayMs) return last.members;
  const members = await readMembers(connection);
  lastLooks.set(connection, { sign, at: now, members });
  if (last) bus.look(incarnation);
  return members;
}

/**
 * `held`: all slots of its shard and no others are its own, and it knows somebody of another shard: without that it has
 * claimed them and not met the others yet. `taken`: it is known to the cluster, and has fewer. `lost`: it is not.
 * `siblings`: `keyOf` the members of its own shard.
 */
export function slotStanding(
  shard: Pick<NodeGroup, 'slots'>,
  known: readonly ClusterMember[],
  siblings: ReadonlySet<string>,
): NonNullable<EngineFacts['slots']> {
  const wanted = parseSlots(shard.slots);
  const self = known.find((member) => member.isMyself);
  if (!self) return 'lost';
  const others = known.filter(
    (member) => !member.isMyself && member.health !== 'no-address' && !siblings.has(keyOf(member)),
  );
  const isOnly = countSlots(wanted) === slotCount;
  const isKnown = isOnly || others.some((member) => member.health !== 'joining');
  if (subtract(wanted, self.slots).length > 0) return self.epoch > 0 && isKnown ? 'taken' : 'lost';
  if (!isKnown) return 'lost';
  return subtract(self.slots, wanted).length > 0 ? 'surplus' : 'held';
}

/** Slots of other shards are given up only while nothing is in them: nobody would reach those keys any more. */
async function usedSurplus(
  connection: EngineConnection,
  shard: Pick<NodeGroup, 'slots'>,
  known: readonly ClusterMember[],
  standing: NonNullable<EngineFacts['slots']>,
): Promise<NonNullable<EngineFacts['slots']>> {
  if (standing !== 'surplus') return standing;
  const self = known.find((member) => member.isMyself);
  const surplus = subtract(self?.slots ?? [], parseSlots(shard.slots)).flatMap(allIn);
  const counts = await connection.pipeline(surplus.map((slot) => ['CLUSTER', 'COUNTKEYSINSLOT', slot]));
  return counts.some((count) => count instanceof EngineReplyError || Number(count) > 0)
    ? 'surplus-in-use'
    : 'surplus';
}

const allIn = ({ start, end }: SlotRange): number[] =>
  Array.from({ length: end - start + 1 }, (_, index) => start + index);
