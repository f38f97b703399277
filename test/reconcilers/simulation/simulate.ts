/**
 * One random life of a shard. Its worker brings it up; then processes die, hang, are busy and go on, starts fail, nodes
 * are asked to restart, the machine or Limber dies, while clients write through the primary endpoint; then faults end
 * and it has to settle. Rules are checked after each step.
 */

import { seeded } from '../../support/random.ts';
import { incarnationOf } from '../shard-views.ts';
import { createEngines, type Durability, type Engines, type Process } from './engines.ts';
import { type Judge, writersOf } from './facts.ts';
import { createLimber, type Limber } from './limber.ts';

export interface Outcome {
  readonly seed: number;
  readonly title: string;
  /** Rules that were broken, in the order in which it was seen. */
  readonly violations: readonly string[];
  readonly acknowledged: number;
  readonly lost: Readonly<Record<Loss, number>>;
  readonly failovers: number;
  readonly switchovers: number;
  /** Sentences of the worker and the faults between them. */
  readonly history: readonly string[];
}

/**
 * Why an acknowledged write is nowhere any more, where that is no fault of Limber. `died`: every process that held it
 * was killed by a fault or, without another copy, on demand. `unreplicated`: the dead primary had not passed it on to
 * the replica that leads now. `unconfirmed`: only copies held it that were never known to be whole.
 */
export type Loss = 'died' | 'unreplicated' | 'unconfirmed';

const chaosTicks = 400;
const settleTicks = 6_000;

export function simulate(seed: number): Outcome {
  const random = seeded(seed);
  const members = 1 + random.below(4);
  const automaticFailover = members > 1 && random.chance(0.6);
  const durability: Durability = random.chance(0.6) ? 'disabled' : random.pick(['async', 'sync'] as const);
  const title = `seed ${seed}: ${members} members, automatic failover ${automaticFailover}, durability ${durability}`;
  const engines = createEngines(members, durability, random);
  const violations: string[] = [];
  const failing = { chance: 0 };
  const ledger = createLedger(engines, durability, violations);
  const limber = createLimber(members, automaticFailover, {
    engines,
    random,
    durability,
    judge: ledger.judge,
    failing,
  });
  const tick = (cause: string, deed: () => void) => {
    const before = violations.length === 0 ? stateOf(limber, engines) : '';
    deed();
    ledger.check(cause);
    if (violations.length > 0 && before) limber.history.push(`— before: ${before} —`);
  };

  function world(): void {
    const process = random.pick(engines.processes);
    if (!process) return;
    const choice = random.below(10);
    if (choice < 2) tick('a write', () => ledger.acknowledge(engines.write()));
    else if (choice === 2) engines.ping(process);
    else tick('replication', () => engines.replicate(process));
  }

  function fault(): void {
    const member = random.below(members);
    const process = engines.processes[member];
    const say = (what: string) => limber.history.push(`— ${what} —`);
    const choice = random.below(100);
    if (choice < 5) {
      say('the machine is switched off');
      tick('a fault', () => {
        for (let one = 0; one < members; one += 1) engines.kill(one);
      });
      limber.crash();
    } else if (choice < 25) limber.crash();
    else if (choice < 30) {
      rows(limber, member).intent = 'restarting';
      say(`${member + 1} is to restart`);
    } else if (choice < 33 && members > 1) {
      limber.rows.automaticFailover = !limber.rows.automaticFailover;
      say(`automatic failover is ${limber.rows.automaticFailover ? 'enabled' : 'disabled'}`);
    } else if (choice < 35 && durability !== 'disabled' && !limber.isLookedAt(member)) {
      say(`the directory of ${member + 1} is wiped`);
      tick('a fault', () => engines.wipe(member));
    } else if (!process) return;
    else if (choice < 60) {
      say(`${member + 1} is killed`);
      tick('a fault', () => engines.kill(member));
    } else if (choice < 75) {
      say(`${member + 1} hangs`);
      process.condition = 'hung';
    } else if (choice < 85) {
      say(`${member + 1} is busy`);
      process.condition = 'busy';
    } else if (process.condition !== 'running') {
      say(`${member + 1} goes on`);
      process.condition = 'running';
    }
  }

  const live = (ticks: number, faults: number, isOver: () => boolean): boolean => {
    for (let count = 0; count < ticks; count += 1) {
      if (violations.length > 0) limber.history.push(`— broken: ${stateOf(limber, engines)} —`);
      if (isOver() || violations.length > 0) return true;
      if (random.chance(faults)) fault();
      else if (random.chance(0.5)) world();
      else tick('Limber', () => limber.step());
    }
    return isOver();
  };

  live(settleTicks, 0, () => isHealthy(limber, engines));
  limber.history.push('— faults begin —');
  failing.chance = 0.1;
  live(chaosTicks, random.pick([0.01, 0.03, 0.08]), () => false);
  limber.history.push('— faults end —');
  failing.chance = 0;
  for (const process of engines.processes) if (process) process.condition = 'running';
  const isSettled = live(settleTicks, 0, () => isHealthy(limber, engines));
  if (!isSettled) violations.push(`it does not settle: ${stateOf(limber, engines)}`);
  return {
    seed,
    title,
    violations,
    acknowledged: ledger.acknowledged(),
    lost: ledger.lost,
    failovers: ledger.promotions.failover,
    switchovers: ledger.promotions.switchover,
    history: limber.history,
  };
}

function rows(limber: Limber, member: number) {
  const changed = { ...limber.rows.nodes[member]! } as {
    -readonly [K in keyof (typeof limber.rows.nodes)[0]]: (typeof limber.rows.nodes)[0][K];
  };
  limber.rows.nodes[member] = changed;
  return changed;
}

/** One leader that is recorded, has the endpoint and takes writes; everybody else follows it and holds its data. */
function isHealthy(
  { rows: { current, target, nodes }, lastDecision }: Limber,
  { processes }: Engines,
): boolean {
  const leader = processes.find((process) => process && incarnationOf(process.member + 1) === current);
  if (!lastDecision?.isSettled || current !== target || !leader) return false;
  return (
    leader.role === 'primary' &&
    leader.isBound &&
    leader.hasClients &&
    !leader.refusesWrites &&
    processes.every(
      (process, member) =>
        process !== null &&
        nodes[member]!.intent === 'running' &&
        (process === leader ||
          (process.follows === leader.member &&
            process.link === 'up' &&
            process.isStreaming &&
            nodes[member]!.synced &&
            !process.hasClients)),
    )
  );
}

function stateOf({ rows: { current, target, nodes }, lastDecision }: Limber, engines: Engines): string {
  const of = (process: Process | null, member: number) =>
    `${member + 1}: ${
      process
        ? `${process.condition}${process.isConfirmed ? ' confirmed' : process.isComplete ? ' whole' : ''} ${process.role}${process.follows === null ? '' : ` of ${process.follows + 1} (${process.link})`}${process.refusesWrites ? ' refusing' : ''}${process.isBound ? ' bound' : ''}${process.hasClients ? ' clients' : ''}`
        : 'dead'
    }${nodes[member]!.synced ? ' synced' : ''} ${nodes[member]!.intent}`;
  return `current ${current}, target ${target}; ${engines.processes.map(of).join('; ')}; "${lastDecision?.sentence}"`;
}

/** Keeps book of acknowledged writes: where each one is, and why it was lost. */
function createLedger(engines: Engines, durability: Durability, violations: string[]) {
  /** Write → whether a whole copy, one that did not hang, held it when last looked at. */
  const open = new Map<number, 'whole' | 'hung' | 'unconfirmed'>();
  const lost: Record<Loss, number> = { died: 0, unreplicated: 0, unconfirmed: 0 };
  const promotions = { failover: 0, switchover: 0, 'fail-back': 0, 'read-only': 0 };
  let acknowledged = 0;

  const lose = (write: number, why: Loss) => {
    open.delete(write);
    lost[why] += 1;
  };
  /** What that process does not have, of what the endpoint's clients were promised. */
  const missing = (process: Process): number[] => {
    const has = new Set(process.data);
    return [...open.keys()].filter((write) => !has.has(write));
  };
  const violate = (sentence: string) => void violations.push(sentence);

  const judge: Judge = {
    promotes(process, why, from) {
      promotions[why] += 1;
      const gone = missing(process);
      if (from && (why === 'switchover' || why === 'fail-back')) {
        const there = new Set(from.data);
        const dropped = gone.filter((write) => there.has(write));
        if (dropped.length > 0) violate(`${why} to ${process.member + 1} loses ${dropped.length} writes`);
        // A copy that had more did not answer when the source was chosen.
        else if (why === 'fail-back') for (const write of gone) lose(write, 'unreplicated');
        return;
      }
      const better = engines.processes.find(
        (other) =>
          other &&
          other !== process &&
          other.isConfirmed &&
          other.condition === 'running' &&
          missing(other).length < gone.length,
      );
      if (!process.isConfirmed && better)
        violate(`${process.member + 1} is promoted unsynced, ${better.member + 1} has more`);
      const rival = engines.processes.find(
        (other) => other && other !== process && writersOf(engines).includes(other),
      );
      if (rival && why === 'failover')
        violate(`${process.member + 1} is promoted while ${rival.member + 1} takes writes`);
      for (const write of gone) lose(write, 'unreplicated');
    },
    ends(process, isPassedOn) {
      // Planned, and there is somebody to take it: nothing may be lost.
      if (isPassedOn) return;
      // A node without replicas: its restart empties it, as its user was told.
      if (engines.processes.length === 1)
        for (const write of process.data) if (open.has(write)) lose(write, 'died');
      // It was told to stop in good order, and hung on the way: it is killed in the end.
      // In good order it waits for its replicas, if one can be waited for.
      const isWaitedFor = (other: Process | null) =>
        other?.upstreamPid === process.pid && other.isStreaming && other.condition === 'running';
      if (
        process.condition === 'running' &&
        process.role === 'primary' &&
        engines.processes.some(isWaitedFor)
      )
        return;
      judge.fences(process);
      if (durability !== 'disabled')
        for (const write of process.data.slice(-3)) if (open.has(write)) lose(write, 'died');
    },
    fences(process) {
      const others = engines.processes.filter((other) => other && other !== process && other.isComplete);
      // The hung primary goes because a whole copy lives: what it had not passed on is lost with it.
      if (others.length === 0) return;
      const elsewhere = new Set(
        engines.processes.flatMap((other) => (other && other !== process ? other.data : [])),
      );
      for (const write of process.data)
        if (open.has(write) && !elsewhere.has(write)) lose(write, 'unreplicated');
    },
  };

  return {
    judge,
    lost,
    promotions,
    acknowledged: () => acknowledged,
    acknowledge(writes: readonly number[]) {
      acknowledged += writes.length;
      for (const write of writes) open.set(write, 'whole');
    },
    check(cause: string) {
      const writers = writersOf(engines);
      if (writers.length > 1)
        violate(
          `${writers.map(({ member }) => member + 1).join(' and ')} take the endpoint's writes at once`,
        );
      const holders = new Map<number, 'whole' | 'hung' | 'unconfirmed'>();
      for (const disk of engines.disks) for (const write of disk) holders.set(write, 'unconfirmed');
      const better = { whole: 2, hung: 1, unconfirmed: 0 };
      for (const process of engines.processes) {
        if (!process) continue;
        const kind = !process.isConfirmed ? 'unconfirmed' : process.condition === 'hung' ? 'hung' : 'whole';
        for (const write of process.data) {
          const known = holders.get(write);
          if (!known || better[known] < better[kind]) holders.set(write, kind);
        }
      }
      const destroyed = { whole: 0, hung: 0 };
      for (const [write, before] of [...open]) {
        const now = holders.get(write);
        if (now) open.set(write, now);
        else if (cause === 'a fault') lose(write, 'died');
        else if (before === 'unconfirmed') lose(write, 'unconfirmed');
        else {
          destroyed[before] += 1;
          lose(write, 'died');
        }
      }
      for (const [kind, count] of Object.entries(destroyed))
        if (count > 0) violate(`${cause} destroyed ${count} writes that a living ${kind} copy held`);
    },
  };
}
