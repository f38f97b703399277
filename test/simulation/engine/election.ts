/** How a replica of a simulated cluster comes to lead: asked to, with a vote or without one, or by itself. */
import { type ClusterState, myself, votersIn } from './cluster-state.ts';
import type { Engine, Wires } from './engine.ts';
import { isClusterNode, takeOver, timeoutOf } from './gossip.ts';

/** A planned failover that has not come to its end by then is given up, and writers go on. */
const plannedMs = 5_000;

/** Asks every primary with slots; leads when more than half agree. `isAsked`: by a person, so that nobody has to find the primary dead. */
export function askForVotes(wires: Wires, node: Engine, isAsked: boolean): void {
  if (!isClusterNode(node)) return;
  node.cluster.currentEpoch += 1;
  const epoch = node.cluster.currentEpoch;
  wires.scheduler.after(8 + wires.random.next() * 25, () => {
    const former = wires.at(node.endpoint) === node ? myself(node.cluster).primaryId : null;
    if (former === null || node.condition !== 'running' || myself(node.cluster).role !== 'replica') return;
    const voters = votersIn(node.cluster);
    const agreed = voters.filter((id) => {
      const line = node.cluster.known.get(id);
      const voter = line ? wires.at(line.endpoint) : null;
      return isClusterNode(voter) && voter.cluster.id === id && votes(wires, voter, former, epoch, isAsked);
    });
    if (agreed.length * 2 > voters.length) takeOver(wires, node, epoch, isAsked);
  });
}

function votes(
  wires: Wires,
  voter: Engine & { readonly cluster: ClusterState },
  former: string,
  epoch: number,
  isAsked: boolean,
): boolean {
  const { cluster } = voter;
  const line = cluster.known.get(former);
  if (voter.condition !== 'running' || myself(cluster).role !== 'primary' || !line) return false;
  if (cluster.lastVoteEpoch >= epoch || cluster.currentEpoch > epoch) return false;
  const now = wires.scheduler.now();
  // One vote in twice the timeout for a replica of the same primary.
  if (now - line.votedAt < 2 * timeoutOf(voter)) return false;
  if (!isAsked && wires.downFor(line.endpoint) < timeoutOf(voter)) return false;
  cluster.currentEpoch = cluster.lastVoteEpoch = epoch;
  line.votedAt = now;
  return true;
}

/** CLUSTER FAILOVER: the primary holds its writers, the replica catches up with it, and then asks for votes. */
export function planFailover(wires: Wires, node: Engine): void {
  if (!isClusterNode(node)) return;
  const { scheduler } = wires;
  const end = scheduler.now() + plannedMs;
  node.cluster.failoverUntil = end;
  const isOver = () =>
    wires.at(node.endpoint) !== node || node.role === 'primary' || node.cluster.failoverUntil !== end;
  scheduler.after(1, () => {
    const primary = wires.at(node.follows);
    if (isOver() || primary?.condition !== 'running' || primary.role !== 'primary') return;
    primary.pausedUntil = end;
    const look = (): void => {
      if (isOver() || scheduler.now() >= end) return;
      const isEqual = node.isStreaming && node.upstreamPid === primary.pid && node.offset >= primary.offset;
      if (node.condition === 'running' && isEqual) askForVotes(wires, node, true);
      else scheduler.after(1 + wires.random.next() * 10, look);
    };
    look();
  });
}

/** The engines' own: a replica whose primary is down for the node timeout asks for votes, about once a second. */
export function failOverAlone(wires: Wires, node: Engine): void {
  if (!isClusterNode(node) || node.condition !== 'running') return;
  const self = myself(node.cluster);
  const primary = self.primaryId === null ? undefined : node.cluster.known.get(self.primaryId);
  if (self.role !== 'replica' || !primary || wires.downFor(primary.endpoint) < timeoutOf(node)) return;
  if ((node.data.length === 0 && !node.wasUp) || node.cluster.electionAt > wires.scheduler.now()) return;
  node.cluster.electionAt = wires.scheduler.now() + 4 * timeoutOf(node);
  wires.scheduler.after(wires.random.next() * 500, () => {
    if (wires.at(node.endpoint) === node && wires.downFor(primary.endpoint) >= timeoutOf(node))
      askForVotes(wires, node, false);
  });
}
