/** What Limber knows of the simulated engines: its rows, and what it sees when it looks. */
import type { CacheNode } from '../../../src/model/node.ts';
import type { ShardAct } from '../../../src/reconcilers/shard/decide/decision.ts';
import { type SeenHistories, wasRefilled } from '../../../src/reconcilers/shard/observe/refilled.ts';
import { type EngineFacts, endpointOf, type Member } from '../../../src/reconcilers/shard/view.ts';
import type { Random } from '../../support/random.ts';
import { nodeAt } from '../shard-views.ts';
import { type Durability, type Engines, type Process, takesWrites } from './engines.ts';

/** An act that did not succeed. */
export class Failed extends Error {}

/** What survives Limber. Members count from 0; a member's incarnation is `incarnationOf(member + 1)`. */
export interface Rows {
  current: string | null;
  target: string | null;
  readonly nodes: CacheNode[];
  automaticFailover: boolean;
}

/** What does not survive it. */
export interface Memory {
  readonly backingOff: Map<number, number>;
  readonly histories: SeenHistories;
  /** Acts that nobody waits for, by node. */
  readonly beside: Map<string, { readonly kind: ShardAct['kind']; readonly work: Generator<string, void> }>;
  endedBeside: number;
  /** Nodes between the last look and the deed. */
  readonly looking: Set<string>;
  switchovers: { readonly failures: number; readonly until: number };
  passes: number;
}

export const newMemory = (): Memory => ({
  backingOff: new Map(),
  histories: new Map(),
  beside: new Map(),
  endedBeside: 0,
  looking: new Set(),
  switchovers: { failures: 0, until: 0 },
  passes: 0,
});

/** The simulation's judge is told of every moment that may break a rule. */
export interface Judge {
  /** Just before a replica is made a primary. */
  promotes(
    process: Process,
    why: 'failover' | 'switchover' | 'read-only' | 'fail-back',
    from?: Process,
  ): void;
  fences(process: Process): void;
  /** A restart was asked for. `isPassedOn`: others were to hold all of its writes first. */
  ends(process: Process, isPassedOn: boolean): void;
}

export interface World {
  readonly engines: Engines;
  readonly random: Random;
  readonly durability: Durability;
}

/** As in `observe.ts`: who is dead or hangs is seen first, and then each of the others answers in its own time. */
export function* observeMembers(
  world: World,
  histories: SeenHistories,
  nodes: readonly CacheNode[],
  isBackingOff: (member: number) => boolean,
): Generator<string, Member[]> {
  const look = (node: CacheNode, member: number) =>
    observeMember(world, histories, node, member, isBackingOff(member));
  const seen = nodes.map(look);
  const open = [...seen.keys()].filter((member) => isAlive(seen[member]!));
  while (open.length > 0) {
    if (world.random.chance(0.2)) yield 'looking';
    const member = world.random.pick(open);
    open.splice(open.indexOf(member), 1);
    seen[member] = look(nodes[member]!, member);
  }
  return seen;
}

const isAlive = ({ verdict }: Member): boolean => verdict === 'answering' || verdict === 'unresponsive';

export const memberOf = (incarnation: string): number => Number(incarnation.split('-')[1]) - 1;

/** A hang and a late answer look alike at first. */
export function observeMember(
  { engines, random, durability }: World,
  histories: SeenHistories,
  node: CacheNode,
  member: number,
  isBackingOff: boolean,
): Member {
  const process = engines.processes[member];
  const keepsData = durability === 'disabled' || engines.disks[member]!.length > 0;
  const facts = { node, isBackingOff, engine: null, data: 'none' as const, keepsData };
  if (!node.handle) return { ...facts, verdict: 'absent' };
  if (!process || process.pid !== node.handle.pid) {
    const onDisk = engines.disks[member]!.length > 0 ? 'present' : 'missing';
    return { ...facts, verdict: 'dead', data: durability === 'disabled' ? 'none' : onDisk };
  }
  if (process.condition === 'hung')
    return { ...facts, verdict: random.chance(0.5) ? 'hung' : 'unresponsive' };
  if (process.condition === 'busy' || random.chance(0.02)) return { ...facts, verdict: 'unresponsive' };
  const engine = factsOf(process);
  return {
    ...facts,
    verdict: 'answering',
    engine: { ...engine, wasRefilled: wasRefilled(histories, node, engine) },
  };
}

/** INFO. */
export function factsOf(process: Process): EngineFacts {
  const { role, replid, replid2, secondOffset, offset, follows, link } = process;
  const isLoading = link === 'loading';
  return {
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
  };
}

/** As in `worker.ts`: nobody waits for these. */
export const takesTime = (act: ShardAct): act is ShardAct & { readonly node: string } =>
  act.kind === 'start' || act.kind === 'confirm-synced' || act.kind === 'end' || act.kind === 'follow';

/** Members whose clients' writes are taken. */
export const writersOf = (engines: Engines): Process[] =>
  engines.processes.filter((process): process is Process => process !== null && takesWrites(process));
