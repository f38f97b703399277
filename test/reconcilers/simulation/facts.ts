/** What Limber knows of the simulated engines: its rows, and what it sees when it looks. */
import type { CacheNode } from '../../../src/model/node.ts';
import type { ShardAct } from '../../../src/reconcilers/shard/decision.ts';
import { endpointOf, type Member, type ShardView } from '../../../src/reconcilers/shard/view.ts';
import { nodeAt } from '../shard-views.ts';
import { type Durability, type Engines, type Process, takesWrites } from './engines.ts';
import type { Random } from './random.ts';

/** An act that did not succeed. */
export class Failed extends Error {}

/** What survives Limber. Members count from 0; a member's incarnation is `incarnationOf(member + 1)`. */
export interface Rows {
  current: string | null;
  target: string | null;
  readonly nodes: CacheNode[];
  automaticFailover: boolean;
}

/** The simulation's judge is told of every moment that may break a rule. */
export interface Judge {
  /** Just before a replica is made a primary. */
  promotes(
    process: Process,
    why: 'failover' | 'switchover' | 'restore-source' | 'restore',
    from?: Process,
  ): void;
  fences(process: Process): void;
  /** A restart was asked for. */
  ends(process: Process): void;
}

export interface World {
  readonly engines: Engines;
  readonly random: Random;
  readonly durability: Durability;
}

export const memberOf = (incarnation: string): number => Number(incarnation.split('-')[1]) - 1;

/** A hang and a late answer look alike at first. */
export function observeMember(
  { engines, random, durability }: World,
  node: CacheNode,
  member: number,
  isBackingOff: boolean,
): Member {
  const process = engines.processes[member];
  const facts = { node, isBackingOff, engine: null, data: 'none' as const };
  if (!node.handle) return { ...facts, verdict: 'absent' };
  if (!process || process.pid !== node.handle.pid) {
    const onDisk = engines.disks[member]!.length > 0 ? 'present' : 'missing';
    return { ...facts, verdict: 'dead', data: durability === 'disabled' ? 'none' : onDisk };
  }
  if (process.condition === 'hung')
    return { ...facts, verdict: random.chance(0.5) ? 'hung' : 'unresponsive' };
  if (process.condition === 'busy' || random.chance(0.02)) return { ...facts, verdict: 'unresponsive' };
  const { role, replid, replid2, secondOffset, offset, follows, link } = process;
  const isLoading = link === 'loading';
  return {
    ...facts,
    verdict: 'answering',
    engine: {
      role,
      replicationId: String(replid),
      replicationId2: String(replid2),
      secondOffset: secondOffset + 1,
      // INFO of a replica that has nothing to continue from.
      offset: role === 'replica' && link !== 'up' && !process.hasCache ? 1 : offset,
      follows: follows === null ? null : endpointOf(nodeAt(follows + 1)),
      isLinkUp: link === 'up',
      isSyncing: isLoading || link === 'transfer',
      isLoading,
      holdsData: process.data.length > 0,
    },
  };
}

/** As in `actor.ts`: nobody waits for these. */
export const takesTime = (act: ShardAct): act is ShardAct & { readonly node: string } =>
  act.kind === 'start' || act.kind === 'confirm-synced' || act.kind === 'end' || act.kind === 'follow';

/** As in `act.ts`. */
export function sharesHistory({ members }: ShardView, node: number, primary: number): boolean {
  const [own, leader] = [members[node]!.engine, members[primary]!.engine];
  if (!own || !leader || own.isSyncing || own.isLoading) return false;
  if (own.offset <= 1) return false;
  const isSame = own.replicationId === leader.replicationId && own.offset <= leader.offset;
  return isSame || (own.replicationId === leader.replicationId2 && own.offset < leader.secondOffset);
}

/** Members whose clients' writes are taken. */
export const writersOf = (engines: Engines): Process[] =>
  engines.processes.filter((process): process is Process => process !== null && takesWrites(process));
