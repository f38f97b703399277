/** One look at whom a cluster node knows, against the records; who is in none is forgotten at once. */
import type { EngineConnection } from '../../engines/valkey/client.ts';
import { keyOf } from '../../engines/valkey/cluster-plan.ts';
import { type ClusterMember, readMembers } from '../../engines/valkey/cluster-view.ts';
import { forgetAll, isLeftover, slotsOf, strangersAmong } from '../../engines/valkey/strangers.ts';
import type { Fleet } from '../../fleet/fleet.ts';
import { isUnrecordedNode } from '../../fleet/unrecorded.ts';
import type { CacheNode } from '../../model/node.ts';
import { formatSlots } from '../../model/slots.ts';
import { faultPoint } from '../../platform/fault-points.ts';
import { ghostOf } from '../shard/view.ts';

interface BusSeen {
  /** In no record; the node was told to forget them. */
  readonly foreign: readonly ClusterMember[];
  /** Those of them that it keeps: it follows one, or did so a moment ago. */
  readonly kept: readonly ClusterMember[];
  /** Of this data directory, and in no record: left alone. */
  readonly ours: readonly ClusterMember[];
  readonly hadGhosts: boolean;
  /** Nodes of the cluster that are to run and that it does not know. */
  readonly missing: readonly CacheNode[];
  /** Its own role and slots. */
  readonly self: string;
  /** How many nodes the cluster has. */
  readonly nodes: number;
}

export async function lookAtBus(
  fleet: Fleet,
  node: CacheNode,
  connection: EngineConnection,
): Promise<BusSeen> {
  const members = await readMembers(connection);
  // The rows after the engine: whoever is introduced by Limber has a row before.
  const rows = await fleet.store.nodesOf([node.cacheIncarnation]);
  const isGhost = (one: ClusterMember) => rows.some((row) => ghostOf(row) === keyOf(one));
  const known = new Set(rows.map(keyOf));
  const found = rows.length === 0 ? [] : strangersAmong(members, known).filter((one) => !isGhost(one));
  const ours: ClusterMember[] = [];
  // One that is just being introduced is no member yet, whoever it is; and there is no time to lose with it.
  for (const one of found)
    if (one.health !== 'joining' && (await isUnrecordedNode(fleet, one))) ours.push(one);
  const foreign = found.filter((one) => !ours.includes(one));
  // A ghost has no part in the cluster once its primary leads, which keeps it until then.
  const ghosts = members.filter(isGhost);
  const going = [...foreign, ...ghosts];
  const kept = going.length === 0 ? [] : await forgetAll(connection, going);
  if (foreign.length > 0) faultPoint('bus-guard:forgotten');
  return {
    foreign: foreign.filter((one) => !isLeftover(one)),
    kept: kept.filter((one) => !isGhost(one)),
    ours,
    hadGhosts: ghosts.length > 0,
    missing: missingIn(members, rows),
    self: describeSelf(members),
    nodes: rows.length,
  };
}

/** Nothing while it has no part in the cluster itself: then it claims its slots, or follows, before it meets anybody. */
function missingIn(members: readonly ClusterMember[], rows: readonly CacheNode[]): CacheNode[] {
  const self = members.find(({ isMyself }) => isMyself);
  if (!self || self.epoch === 0) return [];
  const known = new Set(members.filter(({ health }) => health !== 'no-address').map(keyOf));
  return rows.filter(
    (row) => row.intent === 'running' && row.handle !== null && row.role !== null && !known.has(keyOf(row)),
  );
}

function describeSelf(members: readonly ClusterMember[]): string {
  const self = members.find(({ isMyself }) => isMyself);
  return `${self?.role} ${self?.primaryId} ${formatSlots(slotsOf(self ? [self] : []))}`;
}
