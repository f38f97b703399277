/**
 * What the nodes of a cluster say to each other. A message carries its sender's role, epoch, slots and whom it knows; who
 * hears of a higher epoch for a slot gives it up, and follows the new owner when it has none left. A claim with a
 * lower epoch is answered with who has the slots (UPDATE).
 */
import { subtract } from '../../../src/engines/valkey/cluster-plan.ts';
import type { SlotRange } from '../../../src/model/slots.ts';
import { assign, type ClusterState, type Known, myself, slotsOf, votersIn } from './cluster-state.ts';
import { type Engine, follow, promote, type Wires } from './engine.ts';

/** What CLUSTER FORGET keeps out. */
export const forgottenMs = 60_000;
/** A booted primary takes no writes for so long. */
const writableDelayMs = 2_000;

type ClusterNode = Engine & { readonly cluster: ClusterState };

export const isClusterNode = (engine: Engine | null): engine is ClusterNode => engine?.cluster != null;

export const timeoutOf = ({ config }: Engine): number => Number(config.get('cluster-node-timeout') ?? 15_000);

const reach = (wires: Wires, endpoint: string): ClusterNode | null => {
  const engine = wires.at(endpoint);
  return isClusterNode(engine) && engine.condition === 'running' ? engine : null;
};

/** A message from one node to another and its answer, if both live then. */
export function exchange(wires: Wires, from: Engine, endpoint: string, isMeeting = false): void {
  wires.scheduler.after(wires.random.next() * 3, () => {
    const [sender, receiver] = [wires.at(from.endpoint), reach(wires, endpoint)];
    if (sender !== from || !isClusterNode(from) || from.condition !== 'running' || !receiver) return;
    if (receiver === from) return;
    if (isMeeting) {
      introduce(wires, receiver, from);
      introduce(wires, from, receiver);
    }
    hear(wires, receiver, from);
    hear(wires, from, receiver);
    wires.changed(receiver, { kind: 'nodes-file' });
    wires.changed(from, { kind: 'nodes-file' });
  });
}

/** To everybody whom it knows. */
export function broadcast(wires: Wires, engine: Engine): void {
  if (isClusterNode(engine))
    for (const { endpoint, id } of engine.cluster.known.values())
      if (id !== engine.cluster.id) exchange(wires, engine, endpoint);
}

function introduce(wires: Wires, node: ClusterNode, other: ClusterNode): void {
  const { cluster } = node;
  const { id } = other.cluster;
  if ((cluster.forgotten.get(id) ?? 0) > wires.scheduler.now() || cluster.known.has(id)) return;
  const { role, primaryId, epoch } = myself(other.cluster);
  // Whoever had this address before is somewhere else, or gone: its line stays until it is forgotten.
  cluster.known.set(id, {
    ...{ id, endpoint: other.endpoint, role, primaryId, epoch, health: 'fine', hasOffset: false },
    votedAt: Number.NEGATIVE_INFINITY,
  });
}

/** `node` takes in what `sender` says. */
function hear(wires: Wires, node: ClusterNode, sender: ClusterNode): void {
  const { cluster } = node;
  const line = cluster.known.get(sender.cluster.id);
  if (!line) return;
  const self = myself(sender.cluster);
  cluster.currentEpoch = Math.max(cluster.currentEpoch, sender.cluster.currentEpoch);
  Object.assign(line, {
    endpoint: sender.endpoint,
    role: self.role,
    primaryId: self.primaryId,
    health: 'fine',
  });
  line.epoch = Math.max(line.epoch, self.epoch);
  line.hasOffset = sender.offset > 0;
  if (self.role === 'replica') assign(cluster, slotsOf(cluster, self.id), null);
  else claim(wires, node, sender, slotsOf(sender.cluster, self.id));
  resolveCollision(node, line);
  for (const other of sender.cluster.known.values()) learn(wires, node, other);
}

function claim(wires: Wires, node: ClusterNode, sender: ClusterNode, ranges: readonly SlotRange[]): void {
  const { cluster } = node;
  const { id, epoch } = myself(sender.cluster);
  const won: SlotRange[] = [];
  for (const owner of cluster.owned) {
    const disputed = subtract([owner], subtract([owner], ranges));
    if (owner.id === id || disputed.length === 0) continue;
    const held = cluster.known.get(owner.id)?.epoch ?? 0;
    if (held < epoch) won.push(...disputed);
    else if (held > epoch) inform(wires, sender, cluster.known.get(owner.id)!, disputed);
  }
  const free = subtract(ranges, cluster.owned);
  take(wires, node, [...won, ...free], id);
}

/** UPDATE: the sender's claim was old. */
function inform(wires: Wires, stale: ClusterNode, owner: Known, ranges: readonly SlotRange[]): void {
  const line = stale.cluster.known.get(owner.id);
  if (!line || line.epoch >= owner.epoch) return;
  Object.assign(line, { epoch: owner.epoch, role: 'primary', primaryId: null });
  stale.cluster.currentEpoch = Math.max(stale.cluster.currentEpoch, owner.epoch);
  take(wires, stale, ranges, owner.id);
}

/** The slots are another's. Who has lost its last one follows who has it now, and so do its replicas. */
function take(wires: Wires, node: ClusterNode, ranges: readonly SlotRange[], id: string): void {
  if (ranges.length === 0) return;
  const { cluster } = node;
  const self = myself(cluster);
  const before = self.role === 'primary' ? self.id : self.primaryId;
  const had = before === null ? 0 : slotsOf(cluster, before).length;
  assign(cluster, ranges, id);
  if (before === null || before === id || had === 0 || slotsOf(cluster, before).length > 0) return;
  replicate(wires, node, id);
}

/** Becomes a replica of a node that it knows. */
export function replicate(wires: Wires, node: ClusterNode, id: string): void {
  const target = node.cluster.known.get(id);
  if (!target) return;
  Object.assign(myself(node.cluster), { role: 'replica', primaryId: id });
  assign(node.cluster, slotsOf(node.cluster, node.cluster.id), null);
  node.pausedUntil = 0;
  follow(wires, node, target.endpoint);
  wires.changed(node, { kind: 'nodes-file' });
  broadcast(wires, node);
}

/** Two primaries with one epoch: the one with the smaller id takes the next. */
function resolveCollision(node: ClusterNode, sender: Known): void {
  const self = myself(node.cluster);
  if (self.role !== 'primary' || sender.role !== 'primary' || self.epoch !== sender.epoch) return;
  if (sender.id <= self.id) return;
  node.cluster.currentEpoch += 1;
  self.epoch = node.cluster.currentEpoch;
}

/** Gossip: a node that it does not know yet is met. */
function learn(wires: Wires, node: ClusterNode, other: Known): void {
  const { cluster } = node;
  if (cluster.known.has(other.id) || other.health === 'joining') return;
  if ((cluster.forgotten.get(other.id) ?? 0) > wires.scheduler.now()) return;
  const living = reach(wires, other.endpoint);
  // Who answers there has another id by now: the handshake ends with nothing.
  if (living?.cluster.id === other.id) exchange(wires, node, other.endpoint, true);
}

/** From its own view: more than half of those with slots can be reached. */
function hasMajority(wires: Wires, node: ClusterNode): boolean {
  const voters = votersIn(node.cluster);
  const reached = voters.filter((id) => {
    const line = node.cluster.known.get(id);
    return line && reach(wires, line.endpoint)?.cluster.id === id;
  });
  return reached.length * 2 > voters.length;
}

/** What a node looks after by itself, some times a second. */
export function tick(wires: Wires, node: Engine): void {
  if (!isClusterNode(node) || node.condition !== 'running') return;
  const { cluster } = node;
  const self = myself(cluster);
  const covered = cluster.owned.reduce((sum, { start, end }) => sum + end - start + 1, 0) === 16_384;
  const isHeld = self.role === 'primary' && wires.scheduler.now() - node.bootedAt < writableDelayMs;
  if (!isHeld || cluster.isOk) cluster.isOk = covered && hasMajority(wires, node);
  if (self.role === 'replica' && self.primaryId !== null) {
    const primary = cluster.known.get(self.primaryId);
    if (primary && node.follows !== primary.endpoint) follow(wires, node, primary.endpoint);
  }
}

/** The replica takes its primary's slots. */
export function takeOver(wires: Wires, node: Engine, epoch: number, isAsked = true): void {
  if (!isClusterNode(node)) return;
  const { cluster } = node;
  const self = myself(cluster);
  const former = self.primaryId;
  if (self.role !== 'replica' || former === null) return;
  const ranges = slotsOf(cluster, former);
  cluster.currentEpoch = Math.max(cluster.currentEpoch, epoch);
  Object.assign(self, { role: 'primary', primaryId: null, epoch });
  promote(wires, node, isAsked);
  assign(cluster, ranges, self.id);
  wires.changed(node, { kind: 'nodes-file' });
  broadcast(wires, node);
}
