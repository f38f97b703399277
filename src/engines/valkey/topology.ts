/**
 * Forming a cluster out of blank nodes, and finding out that it is formed. Nothing is remembered between rounds: each
 * looks at what every node says and sends what is missing, so it may be killed anywhere and taken up again.
 *
 * ```
 * epochs and slots ─> MEET ─> REPLICATE ─> (takeover) ─> every node lists every node ─> formed
 * ```
 * A blank primary refuses writes for 2 s after its boot (CLUSTER_WRITABLE_DELAY); a blank replica does not wait. So a
 * shard that has a replica is formed the other way round: the slots go to the first replica, and as soon as the
 * planned primary, its replica for now, sees the cluster whole, it takes over. Three shards of two nodes, cold, with their
 * boot: 0.7-1.1 s on all engines and a busy machine, against 2.04 s. A shard without replicas waits.
 *
 * For creation only: asked about a cluster in use, it would give a shard that has failed over back to its planned
 * primary. Start the nodes with `isForming` and `isFirstSync`, and set `steadyClusterTiming` and `steadySync` afterwards.
 */
import type { Command, EngineConnection } from './client.ts';
import {
  type ClusterPlan,
  type ClusterSeen,
  coversAll,
  keyOf,
  knows,
  myself,
  nodesOf,
  type PlannedNode,
  type PlannedShard,
  subtract,
  whatIsMissing,
} from './cluster-plan.ts';
import type { ClusterMember } from './cluster-view.ts';

export {
  type ClusterPlan,
  type ClusterSeen,
  clusterIsFormed,
  keyOf,
  nodesOf,
  observeCluster,
  type PlannedNode,
  type PlannedShard,
  whatIsMissing,
} from './cluster-plan.ts';

interface NodeCommand {
  /** `keyOf` the node. */
  readonly to: string;
  readonly command: Command;
}

type FormingDecision =
  | { readonly kind: 'send'; readonly commands: readonly NodeCommand[] }
  /** Gossip is under way: look again in some milliseconds. */
  | { readonly kind: 'wait'; readonly reason: string }
  /** Not a matter of time: somebody else's cluster, or slots in the wrong place. */
  | { readonly kind: 'stuck'; readonly reason: string }
  | { readonly kind: 'done' };

/** Sends at once, in order for each node. A refusal is no error: the next round sees what came of it. Throws `EngineUnreachable`, `EngineTimeout`. */
export async function sendCommands(
  commands: readonly NodeCommand[],
  connections: ReadonlyMap<string, EngineConnection>,
): Promise<void> {
  for (const { to } of commands.filter(isBlocking))
    connections
      .get(to)
      ?.another()
      .then(askForAcknowledgement)
      .catch(() => {});
  const byNode = Map.groupBy(
    commands.filter((one) => !isBlocking(one)),
    (command) => command.to,
  );
  await Promise.all(
    [...byNode].map(([to, list]) => connections.get(to)?.pipeline(list.map(({ command }) => command))),
  );
}

const isBlocking = ({ command }: NodeCommand) => command[0] === 'WAIT';

/** On a connection of its own, since WAIT holds back what comes after it. */
async function askForAcknowledgement(beside: EngineConnection): Promise<void> {
  await beside.call('WAIT', 1000, 1).finally(() => beside.close());
}

/** Pure: what to do next for this plan. */
export function decideForming(plan: ClusterPlan, seen: ClusterSeen): FormingDecision {
  const nodes = nodesOf(plan);
  const silent = nodes.find((node) => !seen.get(keyOf(node)));
  if (silent) return { kind: 'wait', reason: `${keyOf(silent)} does not answer yet` };
  const obstacle = plan.shards
    .map((shard) => misplacedSlots(shard, plan, seen))
    .find((text) => text !== null);
  if (obstacle) return { kind: 'stuck', reason: obstacle };

  // Epochs can be set only while a node knows no other, so the steps are not mixed.
  const slots = plan.shards.flatMap((shard, index) => assignSlots(shard, index, seen));
  if (slots.length > 0) return { kind: 'send', commands: slots };
  const commands = [
    ...meet(nodes, seen),
    ...plan.shards.flatMap((shard) => replicate(shard, seen)),
    ...plan.shards.flatMap((shard) => nudge(shard, seen)),
    ...takeOver(plan, seen),
  ];
  if (commands.length > 0) return { kind: 'send', commands };
  const missing = whatIsMissing(plan, seen);
  return missing === null ? { kind: 'done' } : { kind: 'wait', reason: missing };
}

/** Who of the shard holds slots by its own word; of two, who claimed them last. */
function holderOf(
  shard: PlannedShard,
  seen: ClusterSeen,
): { node: PlannedNode; member: ClusterMember } | undefined {
  const holders = [shard.primary, ...shard.replicas].flatMap((node) => {
    const member = myself(seen, node);
    return member && member.role === 'primary' && member.slots.length > 0 ? [{ node, member }] : [];
  });
  return holders.sort((a, b) => b.member.epoch - a.member.epoch)[0];
}

function misplacedSlots(shard: PlannedShard, plan: ClusterPlan, seen: ClusterSeen): string | null {
  const addresses = new Set(nodesOf(plan).map(keyOf));
  for (const node of [shard.primary, ...shard.replicas]) {
    const wrong = myself(seen, node)?.slots.find((range) => !coversAll(shard.slots, [range]));
    if (wrong) return `${keyOf(node)} holds slots ${wrong.start}-${wrong.end} of another shard`;
    const stranger = seen
      .get(keyOf(node))
      ?.members.find((member) => member.slots.length > 0 && !addresses.has(keyOf(member)));
    if (stranger)
      return `${keyOf(node)} knows ${keyOf(stranger)}, which holds slots and is no part of the plan`;
  }
  return null;
}

function assignSlots(shard: PlannedShard, index: number, seen: ClusterSeen): NodeCommand[] {
  const holder = holderOf(shard, seen);
  if (holder && coversAll(holder.member.slots, shard.slots)) return [];
  const node = holder?.node ?? shard.replicas[0] ?? shard.primary;
  const missing = subtract(shard.slots, holder?.member.slots ?? []);
  const add: Command = ['CLUSTER', 'ADDSLOTSRANGE', ...missing.flatMap(({ start, end }) => [start, end])];
  const view = seen.get(keyOf(node))!;
  // Different epochs from the start, or the nodes bring that about one collision at a time.
  const isAlone = view.members.length === 1 && myself(seen, node)?.epoch === 0;
  const epoch: NodeCommand[] = isAlone
    ? [{ to: keyOf(node), command: ['CLUSTER', 'SET-CONFIG-EPOCH', index + 1] }]
    : [];
  return [...epoch, { to: keyOf(node), command: add }];
}

/** Each meets the next, the second next, the fourth next …: few messages, and gossip has few hops to go. */
function meet(nodes: readonly PlannedNode[], seen: ClusterSeen): NodeCommand[] {
  const commands: NodeCommand[] = [];
  for (const [index, node] of nodes.entries())
    for (let hop = 1; hop < nodes.length; hop *= 2) {
      const other = nodes[(index + hop) % nodes.length]!;
      const { members } = seen.get(keyOf(node))!;
      if (members.some((member) => keyOf(member) === keyOf(other) && member.health !== 'no-address'))
        continue;
      commands.push({
        to: keyOf(node),
        command: ['CLUSTER', 'MEET', other.address, other.port, other.busPort],
      });
    }
  return commands;
}

function replicate(shard: PlannedShard, seen: ClusterSeen): NodeCommand[] {
  const holder = holderOf(shard, seen);
  if (!holder) return [];
  return [shard.primary, ...shard.replicas].flatMap((node) => {
    const self = myself(seen, node);
    const view = seen.get(keyOf(node))!;
    if (!self || node === holder.node || self.primaryId === holder.member.id) return [];
    // A node that held the slots until a moment ago learns by itself whom to follow.
    if (self.slots.length > 0 || !knows(view, holder.node, seen)) return [];
    return [{ to: keyOf(node), command: ['CLUSTER', 'REPLICATE', holder.member.id] }];
  });
}

/** CLUSTER SLOTS hides a replica whose offset is 0, and an idle primary writes nothing for up to 1 s: make it ask for an acknowledgement. */
function nudge(shard: PlannedShard, seen: ClusterSeen): NodeCommand[] {
  const holder = holderOf(shard, seen);
  const isWaiting = [shard.primary, ...shard.replicas].some((node) => {
    const view = seen.get(keyOf(node))!;
    return myself(seen, node)?.primaryId === holder?.member.id && view.isLinked && view.offset === 0;
  });
  return holder && isWaiting ? [{ to: keyOf(holder.node), command: ['WAIT', 1000, 1] }] : [];
}

/**
 * All at once, when every planned primary sees the cluster whole and is known to all with an open link: whoever hears
 * from the old holder before it hears from the new one drops the shard's slots and fails, and a node that is a primary
 * by then waits its 2 s after all. The holder is blank and refuses writes, so there is nothing to lose; if it was
 * left to itself for longer than that, the planned primary must have all it has.
 */
function takeOver(plan: ClusterPlan, seen: ClusterSeen): NodeCommand[] {
  const nodes = nodesOf(plan);
  const turned = plan.shards.filter((shard) => holderOf(shard, seen)?.node !== shard.primary);
  const isReady = turned.every(({ primary, ...shard }) => {
    const holder = holderOf({ primary, ...shard }, seen);
    const view = seen.get(keyOf(primary))!;
    const before = holder && seen.get(keyOf(holder.node))!;
    return (
      before !== undefined &&
      myself(seen, primary)?.primaryId === holder?.member.id &&
      view.isOk &&
      (!before.isOk || (view.isLinked && view.offset >= before.offset)) &&
      nodes.every((node) => knows(view, node, seen) && knows(seen.get(keyOf(node))!, primary, seen))
    );
  });
  if (!isReady) return [];
  return turned.map(({ primary }) => ({ to: keyOf(primary), command: ['CLUSTER', 'FAILOVER', 'TAKEOVER'] }));
}
