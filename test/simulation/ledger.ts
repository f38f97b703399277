/** Keeps book of acknowledged writes: where each one is, and whether it was Limber's fault when it is nowhere any more. */
import { append, type Change, type Engine, refusesWrites } from './engine/engine.ts';
import { isConfirmed, membersOf, type Rows } from './rows.ts';
import type { Observer, World } from './world.ts';

/**
 * Why an acknowledged write is lost where that is no fault of Limber. `died`: a fault ended every process that held it,
 * or its user had a node without a copy restarted. `unreplicated`: its primary had not passed it on to whoever leads
 * now. `unconfirmed`: only a copy held it that was never known to be whole.
 */
export type Loss = 'died' | 'unreplicated' | 'unconfirmed';

export interface Ledger extends Observer {
  readonly violations: string[];
  readonly lost: Readonly<Record<Loss, number>>;
  acknowledged(): number;
  promotions(): number;
  /** Limber has committed something. */
  noted(): void;
  /** Clients of every shard write once. */
  write(): void;
  /** A directory is deleted by a fault. */
  wipes(incarnation: string): void;
}

/** Whoever answers again for so long has been seen to. */
const seenAfterMs = 3_000;

export function createLedger(world: World, rows: Rows, say: (what: string) => void): Ledger {
  /** Acknowledged and not lost, with its shard. */
  const open = new Map<number, string>();
  const lost: Record<Loss, number> = { died: 0, unreplicated: 0, unconfirmed: 0 };
  const violations: string[] = [];
  const runningSince = new Map<number, number>();
  /** Processes that were confirmed to hold everything since they were last filled. */
  const confirmed = new Set<number>();
  let [acknowledged, promotions] = [0, 0];

  const nameOf = (incarnation: string): string => rows.nodes.get(incarnation)?.cacheClusterId ?? incarnation;
  const shardOf = (engine: Engine): string | null => rows.nodes.get(engine.incarnation)?.nodeGroupId ?? null;
  const isLeaving = ({ incarnation }: Engine) => rows.nodes.get(incarnation)?.intent === 'deleted';
  const othersOf = (engine: Engine): Engine[] =>
    [...world.all()].filter((one) => one !== engine && shardOf(one) === shardOf(engine));
  const lose = (writes: readonly number[], why: Loss): void => {
    for (const write of writes) open.delete(write);
    lost[why] += writes.length;
  };

  /** Of the engine's writes those that nobody else holds, nor a disk but its own when that goes with it. */
  function alone(engine: Engine, isDiskGone = false): number[] {
    const elsewhere = new Set<number>();
    for (const other of world.all())
      if (other !== engine)
        for (const write of [...other.data, ...(other.incoming?.data ?? [])]) elsewhere.add(write);
    for (const data of world.disks.allData())
      if (!(isDiskGone && data === engine.data)) for (const write of data) elsewhere.add(write);
    return engine.data.filter((write) => open.has(write) && !elsewhere.has(write));
  }

  /** A whole copy that runs and stays. */
  const isWhole = (one: Engine) => one.isComplete && one.condition === 'running' && !isLeaving(one);

  function judgePromotion(engine: Engine, isAsked: boolean) {
    promotions += 1;
    const has = new Set(engine.data);
    const missing = [...open].filter(([write, shard]) => shard === shardOf(engine) && !has.has(write));
    const dropped = new Set(missing.map(([write]) => write));
    if (dropped.size === 0) return;
    // What the engines decide while Limber is away, or waits for one that a client keeps busy, is not its fault.
    if (!isAsked) return lose([...dropped], 'unreplicated');
    const now = world.scheduler.now();
    for (const other of othersOf(engine)) {
      const isSeen =
        other.condition === 'running' && now - (runningSince.get(other.pid) ?? now) > seenAfterMs;
      const more = other.data.filter((write) => dropped.has(write)).length;
      if (more > 0 && isSeen && isConfirmed(rows, other))
        violations.push(
          `${nameOf(engine.incarnation)} is made to lead and lacks ${more} writes that ${nameOf(other.incarnation)} holds`,
        );
    }
    const current = rows.shards.get(shardOf(engine) ?? '')?.currentPrimary ?? '';
    const kept = world.disks.dataOf(current)?.filter((write) => dropped.has(write)).length ?? 0;
    if (engine.durability === 'sync' && kept > 0)
      violations.push(
        `${nameOf(engine.incarnation)} is made to lead over ${kept} writes in files of ${nameOf(current)}`,
      );
    lose([...dropped], 'unreplicated');
  }

  function judgeEnd(engine: Engine, why: Parameters<Observer['ends']>[1]) {
    const gone = alone(engine);
    if (gone.length === 0) return;
    if (why === 'fault' || why === 'crashed') return lose(gone, 'died');
    const members = membersOf(rows, shardOf(engine) ?? '');
    const others = othersOf(engine);
    if (why === 'stopped' && members.length === 1 && others.length === 0) return lose(gone, 'died');
    if (others.some(isWhole) && why !== 'stopped') return lose(gone, 'unreplicated');
    if (!engine.isComplete) return lose(gone, 'unconfirmed');
    violations.push(
      `${nameOf(engine.incarnation)} was ${why} while it ${engine.condition} with ${gone.length} writes that nobody else holds (${others.map((one) => `${nameOf(one.incarnation)} ${one.condition}${one.isComplete ? ' whole' : ''} ${one.role} ${one.link}`).join(', ')})`,
    );
    lose(gone, 'died');
  }

  function judgeEmptied(engine: Engine, by: Engine | null) {
    const gone = alone(engine, true);
    const wasConfirmed = confirmed.delete(engine.pid);
    if (gone.length === 0) return;
    if (!engine.isComplete || !wasConfirmed) return lose(gone, 'unconfirmed');
    violations.push(
      `${nameOf(engine.incarnation)} was emptied by ${by ? nameOf(by.incarnation) : 'nobody'} and alone held ${gone.length} writes`,
    );
    lose(gone, 'died');
  }

  function writersOf(nodeGroupId: string): Engine[] {
    const primary = [...rows.endpoints.values()].find(({ purpose }) => purpose === 'primary')?.address ?? '';
    return [...world.all()].filter(
      (engine) => shardOf(engine) === nodeGroupId && accepts(world, engine, primary),
    );
  }

  return {
    violations,
    lost,
    acknowledged: () => acknowledged,
    promotions: () => promotions,
    changes(engine, what: Change) {
      if (what.kind === 'promoted') {
        say(`${nameOf(engine.incarnation)} leads${what.isAsked ? '' : ', by the engines themselves'}`);
        judgePromotion(engine, what.isAsked);
        // What it lacks was judged; from here on the shard's data are what it has.
        engine.isComplete = true;
      } else if (what.kind === 'emptied') judgeEmptied(engine, what.by);
    },
    ends: judgeEnd,
    wipes(incarnation) {
      const engine = world.of(incarnation);
      const before = world.disks.dataOf(incarnation) ?? [];
      world.disks.wipe(incarnation);
      if (engine) engine.hasFiles = false;
      const left = new Set([...world.disks.allData()].flat());
      for (const one of world.all()) for (const write of one.data) left.add(write);
      lose(
        before.filter((write) => open.has(write) && !left.has(write)),
        'died',
      );
    },
    noted() {
      for (const { synced, handle } of rows.nodes.values()) if (synced && handle) confirmed.add(handle.pid);
    },
    write() {
      for (const engine of world.all())
        if (engine.condition !== 'running') runningSince.delete(engine.pid);
        else if (!runningSince.has(engine.pid)) runningSince.set(engine.pid, world.scheduler.now());
      for (const nodeGroupId of rows.shards.keys()) {
        const writers = writersOf(nodeGroupId);
        if (writers.length > 1)
          violations.push(
            `${writers.map(({ incarnation }) => nameOf(incarnation)).join(' and ')} take writes at once`,
          );
        for (const engine of writers) {
          const write = ++acknowledged;
          append(world, engine, write);
          open.set(write, nodeGroupId);
          world.changed(engine, { kind: 'data' });
        }
      }
    },
  };
}

/** A client of the shard could write to it now. */
function accepts(world: World, engine: Engine, primaryEndpoint: string): boolean {
  const now = world.scheduler.now();
  if (!engine.isListening || engine.condition !== 'running' || engine.role !== 'primary') return false;
  if (engine.pausedUntil > now || refusesWrites(engine)) return false;
  if (engine.cluster) {
    const { cluster } = engine;
    return cluster.isOk && cluster.owned.some(({ id }) => id === cluster.id);
  }
  const isBound = (engine.config.get('bind') ?? '').split(' ').includes(primaryEndpoint);
  if (isBound) engine.clients.add(primaryEndpoint);
  return engine.clients.has(primaryEndpoint);
}
