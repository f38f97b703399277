/** What one node of a simulated cluster knows of it, and keeps in its nodes.conf. */
import { subtract } from '../../../src/engines/valkey/cluster-plan.ts';
import type { SlotRange } from '../../../src/model/slots.ts';

/** A node as another one (or itself) knows it. */
export interface Known {
  readonly id: string;
  endpoint: string;
  role: 'primary' | 'replica';
  primaryId: string | null;
  epoch: number;
  health: 'fine' | 'joining' | 'failed';
  /** It has told its replication offset: before that CLUSTER SLOTS leaves a replica out. */
  hasOffset: boolean;
  /** When this node last voted for a replica of it, milliseconds of simulated time. */
  votedAt: number;
}

export interface Owned extends SlotRange {
  readonly id: string;
}

export interface ClusterState {
  readonly id: string;
  currentEpoch: number;
  lastVoteEpoch: number;
  /** By id; itself among them. */
  readonly known: Map<string, Known>;
  owned: readonly Owned[];
  isOk: boolean;
  /** A planned failover of its own is under way until then. */
  failoverUntil: number;
  /** Not before this it asks for votes by itself again. */
  electionAt: number;
  /** Ids that it was told to forget, and until when gossip does not bring them back. */
  readonly forgotten: Map<string, number>;
}

/** What nodes.conf holds. */
export interface NodesFile {
  readonly id: string;
  readonly currentEpoch: number;
  readonly lastVoteEpoch: number;
  readonly known: readonly Known[];
  readonly owned: readonly Owned[];
}

export function newCluster(id: string, endpoint: string, file: NodesFile | null): ClusterState {
  const own: Known = {
    ...{ id: file?.id ?? id, endpoint, role: 'primary', primaryId: null, epoch: 0, health: 'fine' },
    ...{ hasOffset: true, votedAt: Number.NEGATIVE_INFINITY },
  } as Known;
  const known = (file?.known ?? [own]).map((one) => ({ ...one }));
  return {
    id: own.id,
    currentEpoch: file?.currentEpoch ?? 0,
    lastVoteEpoch: file?.lastVoteEpoch ?? 0,
    known: new Map(known.map((one) => [one.id, one])),
    owned: file?.owned ?? [],
    isOk: false,
    failoverUntil: 0,
    electionAt: 0,
    forgotten: new Map(),
  };
}

export const fileOf = ({ id, currentEpoch, lastVoteEpoch, known, owned }: ClusterState): NodesFile => ({
  ...{ id, currentEpoch, lastVoteEpoch, owned },
  known: [...known.values()].filter((one) => one.health !== 'joining').map((one) => ({ ...one })),
});

export const myself = (cluster: ClusterState): Known => cluster.known.get(cluster.id)!;

export const slotsOf = (cluster: ClusterState, id: string): SlotRange[] =>
  cluster.owned.filter((one) => one.id === id).map(({ start, end }) => ({ start, end }));

/** From now on `id` has these slots, whoever had them; null: nobody has. */
export function assign(cluster: ClusterState, ranges: readonly SlotRange[], id: string | null): void {
  const rest = cluster.owned.flatMap((one) =>
    subtract([one], ranges).map(({ start, end }): Owned => ({ start, end, id: one.id })),
  );
  const added = id === null ? [] : ranges.map(({ start, end }): Owned => ({ start, end, id }));
  cluster.owned = joined([...rest, ...added].sort((a, b) => a.start - b.start));
}

function joined(owned: readonly Owned[]): Owned[] {
  const all: Owned[] = [];
  for (const one of owned) {
    const last = all.at(-1);
    if (last && last.id === one.id && last.end + 1 === one.start)
      all[all.length - 1] = { ...last, end: one.end };
    else all.push(one);
  }
  return all;
}

/** Ids of the primaries that have slots, as this node knows it: they vote. */
export const votersIn = (cluster: ClusterState): string[] => [...new Set(cluster.owned.map(({ id }) => id))];
