/**
 * A primary that lost its `nodes.conf` comes back with a new id, knows nobody and owns nothing, while the other nodes
 * still count its slots to the id that is gone; and one that runs loses slots to a stranger who claims them with a higher
 * epoch. Here it claims them again. Every step looks first, and may be repeated.
 *
 * ```
 * epoch above the old owner's ─> ADDSLOTSRANGE ─> MEET ─> FORGET the old id ─> every node lists the new owner
 * ```
 * The order matters. A node that meets the others with slots and a lower epoch than the old owner's learns that the slots
 * are not its own: it deletes the keys in them and becomes a replica. And without its old owner a slot is nobody's:
 * until they know the new one, the others would refuse every command, also for their own slots.
 */
import type { SlotRange } from '../../model/slots.ts';
import type { Command, EngineConnection } from './client.ts';
import { coversAll, keyOf, type PlannedNode, subtract } from './cluster-plan.ts';
import { type ClusterMember, type ClusterView, readClusterView } from './cluster-view.ts';

export interface SlotClaim {
  readonly node: PlannedNode;
  readonly connection: EngineConnection;
  /** The slots of the node's shard: all that it is to own. */
  readonly slots: readonly SlotRange[];
  /** From 1, another one for each shard: two that claim at the same time are to get different epochs. */
  readonly rank: number;
}

/** A node that has a new id, and what its old one may have owned. */
type Former = Pick<SlotClaim, 'node' | 'slots'>;

/** The rest of the cluster. */
export interface Neighbours {
  /** Connections by `keyOf`, of the nodes that have a living process and answer. */
  readonly answering: ReadonlyMap<
    string,
    { readonly node: PlannedNode; readonly connection: EngineConnection }
  >;
  /** `keyOf` of the nodes that live, or may live, and do not answer: nothing that they own is claimed. */
  readonly silent: ReadonlySet<string>;
}

/** Thrown when another node serves some of the slots, or may serve them: nothing was changed. */
export class SlotsServed extends Error {
  override readonly name = 'SlotsServed';
}

const roundMs = 100; // the engines look after their bus links ten times a second

/**
 * Makes the node itself count all of the slots as its own. Returns those that it did not before. Throws `SlotsServed`,
 * `EngineUnreachable`, `EngineReplyError`.
 */
export async function ownSlots(claim: SlotClaim, others: Neighbours): Promise<readonly SlotRange[]> {
  const views = await readAll(others);
  requireUnserved(claim, others, views);
  return own(claim, views);
}

/**
 * Resolves when every answering neighbour lists the node as the owner and has forgotten its former ids: 0.2-0.5 s.
 * Throws with the name of one that does not by the deadline.
 */
export async function spreadClaim(claim: SlotClaim, others: Neighbours, deadlineMs: number): Promise<void> {
  const { clock } = claim.connection;
  const deadline = clock.monotonic() + deadlineMs;
  for (;;) {
    const unaware = await introduce(claim, others, await readAll(others));
    if (unaware === null) return;
    if (clock.monotonic() >= deadline)
      throw new Error(`${unaware} does not list ${keyOf(claim.node)} as the owner of its slots yet`);
    await clock.delay(roundMs);
  }
}

type Views = ReadonlyMap<string, ClusterView>;

async function readAll({ answering }: Neighbours): Promise<Views> {
  const views = [...answering].map(
    async ([key, { connection }]) => [key, await readClusterView(connection)] as const,
  );
  return new Map((await Promise.all(views)).filter((one): one is [string, ClusterView] => one[1] !== null));
}

/**
 * The old id's line stands at this node's address, or has lost its address when the new id answered there. One that
 * owns other slots is of another node that has yet to claim them.
 */
function isFormerSelf({ node, slots }: Former, ownId: string, member: ClusterMember): boolean {
  if (member.id === ownId || member.isMyself || member.health === 'joining') return false;
  if (member.health !== 'no-address') return keyOf(member) === keyOf(node);
  return coversAll(slots, member.slots);
}

/** Every primary that has slots by right has an epoch above zero. */
const isBlankSelf = ({ isMyself, role, epoch }: ClusterMember): boolean =>
  isMyself && role === 'primary' && epoch === 0;

const overlaps = (ranges: readonly SlotRange[], others: readonly SlotRange[]): boolean =>
  ranges.some((range) => others.some((other) => other.start <= range.end && range.start <= other.end));

function requireUnserved({ node, slots }: SlotClaim, { answering, silent }: Neighbours, views: Views): void {
  const mute = new Set([...silent, ...[...answering.keys()].filter((key) => !views.has(key))]);
  for (const [key, view] of views)
    for (const member of view.members) {
      if (keyOf(member) === keyOf(node) || !overlaps(member.slots, slots)) continue;
      if (member.isMyself) throw new SlotsServed(`${key} serves slots of ${keyOf(node)}`);
      if (mute.has(keyOf(member)))
        throw new SlotsServed(`${keyOf(member)} may serve slots of ${keyOf(node)} and does not answer`);
    }
}

async function own(claim: SlotClaim, others: Views): Promise<readonly SlotRange[]> {
  const { connection, slots, rank, node } = claim;
  const view = await readClusterView(connection);
  const self = view?.members.find((member) => member.isMyself);
  if (!view || !self) throw new Error(`${keyOf(node)} does not answer`);
  const former = view.members.filter((member) => isFormerSelf(claim, self.id, member));
  const missing = subtract(slots, self.slots);
  const rest = view.members.filter((member) => !member.isMyself && !former.includes(member));
  const free = subtract(
    missing,
    rest.flatMap((member) => member.slots),
  );
  const taken = subtract(missing, free);
  const owners = [...others.values()].flatMap(({ members }) =>
    members.filter((member) => overlaps(member.slots, slots) && member.id !== self.id),
  );
  const commands: Command[] = [
    ...former.map(({ id }): Command => ['CLUSTER', 'FORGET', id]),
    ...epochAbove(view, self, owners, highestEpoch([view, ...others.values()]) + rank),
    ...(taken.length > 0 ? [['CLUSTER', 'DELSLOTSRANGE', ...ends(taken)] as Command] : []),
    ...(missing.length > 0 ? [['CLUSTER', 'ADDSLOTSRANGE', ...ends(missing)] as Command] : []),
  ];
  const refused = (await connection.pipeline(commands)).find((reply) => reply instanceof Error);
  if (refused) throw refused;
  return missing;
}

/** Nobody's from then on, until whose they are claims them: who still hears of the old owner is told that it has them not. */
export async function giveUpSlots(connection: EngineConnection, ranges: readonly SlotRange[]): Promise<void> {
  if (ranges.length > 0) await connection.call('CLUSTER', 'DELSLOTSRANGE', ...ends(ranges));
}

const ends = (ranges: readonly SlotRange[]): number[] => ranges.flatMap(({ start, end }) => [start, end]);

const highestEpoch = (views: readonly ClusterView[]): number =>
  Math.max(...views.flatMap((view) => [view.currentEpoch, ...view.members.map(({ epoch }) => epoch)]));

/** An epoch can be given only to a node that knows no other; one that does has learned theirs, and takes the next. */
function epochAbove(
  view: ClusterView,
  self: ClusterMember,
  owners: readonly ClusterMember[],
  epoch: number,
): Command[] {
  if (self.epoch > Math.max(0, ...owners.map((owner) => owner.epoch))) return [];
  if (view.members.length === 1 && self.epoch === 0) return [['CLUSTER', 'SET-CONFIG-EPOCH', epoch]];
  return [['CLUSTER', 'BUMPEPOCH']];
}

/** One round: the name of a node that does not list the claiming one as the owner yet; null when all do. */
async function introduce(claim: SlotClaim, others: Neighbours, views: Views): Promise<string | null> {
  const { node, connection, slots } = claim;
  const view = await readClusterView(connection);
  if (!view) throw new Error(`${keyOf(node)} does not answer`);
  const meet: Command[] = [];
  // One that has yet to claim its own slots introduces itself then: met before, it would be made to drop its keys.
  const settled = [...views].filter(([, { members }]) => !members.some(isBlankSelf));
  let unaware = settled.length === 0 ? ([...views.keys()][0] ?? null) : null;
  for (const [key, { members }] of settled) {
    const neighbour = others.answering.get(key)!;
    const known = members.find((member) => member.id === view.id && member.health === 'fine');
    // Not before it knows the new owner, but then also while it holds the slots for the old one's: Valkey 9 takes the
    // new owner's epoch for the old one's too, when the new one answers where the old one was.
    if (known) await forgetFormerIds(neighbour.connection, claim, view.id, members);
    if (known && coversAll(known.slots, slots)) continue;
    unaware ??= key;
    // Also to one that knows it: the message carries the slots, and the next PING may be seconds away.
    const { address, port, busPort } = neighbour.node;
    meet.push(['CLUSTER', 'MEET', address, port, busPort]);
  }
  await connection.pipeline(meet);
  if (unaware === null) await forgetFormerIds(connection, claim, view.id, view.members);
  return unaware;
}

/**
 * Makes one node forget who had this address before, and who has none any more. A replica of the former id keeps it
 * until it follows somebody else.
 */
export async function forgetFormerIds(
  connection: EngineConnection,
  former: Former,
  id: string,
  members: readonly ClusterMember[],
): Promise<void> {
  const ids = members.filter((member) => isFormerSelf(former, id, member)).map((member) => member.id);
  if (ids.length > 0) await connection.pipeline(ids.map((one) => ['CLUSTER', 'FORGET', one]));
}
