/**
 * Limber over simulated engines: looks, asks the real `decideShard`, and does its acts step by step as `act.ts` does.
 * Anything may happen between two steps, and Limber may die there: its rows stay, all else is lost.
 */
import type { CacheNode } from '../../../src/model/node.ts';
import { decideShard } from '../../../src/reconcilers/shard/decide.ts';
import type { ShardAct, ShardDecision } from '../../../src/reconcilers/shard/decision.ts';
import type { Member, ShardView } from '../../../src/reconcilers/shard/view.ts';
import { incarnationOf, nodeAt } from '../shard-views.ts';
import { createBindings } from './bindings.ts';
import type { Process } from './engines.ts';
import {
  Failed,
  type Judge,
  memberOf,
  observeMember,
  type Rows,
  sharesHistory,
  takesTime,
  type World,
} from './facts.ts';

export interface Limber {
  readonly rows: Rows;
  /** One line of work. */
  step(): void;
  /** Its memory is lost, and a new one finds what runs. */
  crash(): void;
  readonly lastDecision: ShardDecision | null;
  readonly history: string[];
}

interface Options extends World {
  readonly judge: Judge;
  /** How often a start fails. */
  readonly failing: { chance: number };
}

/** A wait with a deadline looks so often. */
const looks = 60;
const handOverMemoryPasses = 40;

export function createLimber(members: number, automaticFailover: boolean, options: Options): Limber {
  const { engines, random, judge, durability, failing } = options;
  const rows: Rows = {
    current: incarnationOf(1),
    target: incarnationOf(1),
    nodes: Array.from({ length: members }, (_, index) =>
      nodeAt(index + 1, { handle: null, synced: false, status: 'creating' }),
    ),
    automaticFailover,
  };
  const bindings = createBindings(engines, reach);
  let backingOff = new Map<number, number>();
  /** Acts that nobody waits for, by node. */
  let beside = new Map<string, { kind: ShardAct['kind']; work: Generator<string, void> }>();
  let endedBeside = 0;
  let handOvers = { failures: 0, until: 0 };
  let work = life();
  let passes = 0;
  let lastDecision: ShardDecision | null = null;
  const history: string[] = [];

  const update = (member: number, changes: Partial<CacheNode>) => {
    rows.nodes[member] = { ...rows.nodes[member]!, ...changes };
  };

  /** The process that the row names, when it answers. */
  function reach(member: number): Process {
    const process = engines.processes[member];
    if (process?.pid !== rows.nodes[member]!.handle?.pid || process?.condition !== 'running')
      throw new Failed(`member ${member + 1} cannot be reached`);
    return process;
  }

  function observe(): ShardView {
    return {
      shard: {
        cacheIncarnation: 'cache-1',
        nodeGroupId: '0001',
        version: 1,
        slots: '',
        currentPrimary: rows.current,
        targetPrimary: rows.target,
      },
      clusterMode: 'disabled',
      automaticFailover: rows.automaticFailover,
      durability,
      isForming: false,
      handOverFailures: passes < handOvers.until ? handOvers.failures : 0,
      members: rows.nodes.map((node, member) =>
        observeMember(options, node, member, (backingOff.get(member) ?? 0) > passes),
      ),
    };
  }

  function* life(): Generator<string, never> {
    for (;;) {
      passes += 1;
      const ended = endedBeside;
      const view = observe();
      yield 'looked';
      if (ended !== endedBeside) continue;
      const decision = decideShard(view);
      if (decision.sentence !== lastDecision?.sentence) history.push(decision.sentence);
      lastDecision = decision;
      const isSettled = decision.isSettled && decision.acts.length === 0 && beside.size === 0;
      if (isLed(view)) recordRoles(view, view.shard.currentPrimary);
      const isSlow = (act: ShardAct) =>
        takesTime(act) && !(act.kind === 'end' && act.node === view.shard.currentPrimary);
      for (const act of decision.acts)
        if (isSlow(act) && 'node' in act && !beside.has(act.node))
          beside.set(act.node, { kind: act.kind, work: attempt(perform(view, act)) });
      const rest = decision.acts.filter((act) => !isSlow(act) && isFree(act));
      yield* sideBySide(rest.map((act) => attempt(perform(view, act))));
      if (isLed(view)) yield* attempt(bindings.bind(view));
      if (isSettled) recordRoles(view);
      yield 'rested';
    }
  }

  function* attempt(job: Generator<string, void>): Generator<string, void> {
    try {
      yield* job;
    } catch (error) {
      if (!(error instanceof Failed)) throw error;
    }
  }

  function* sideBySide(jobs: Generator<string, void>[]): Generator<string, void> {
    const open = [...jobs];
    while (open.length > 0) {
      const job = random.pick(open);
      const { done, value } = job.next();
      if (done) open.splice(open.indexOf(job), 1);
      else yield value;
    }
  }

  function isLed({ shard, members: all }: ShardView): boolean {
    const leader = all.find((member) => member.node.incarnation === shard.currentPrimary);
    return shard.currentPrimary === shard.targetPrimary && leader?.engine?.role === 'primary';
  }

  function requireLivingCopy(view: ShardView, incarnation: string): void {
    const copies = view.members.filter(
      ({ node, verdict }) => node.incarnation !== incarnation && node.synced && verdict !== 'dead',
    );
    const isDead = ({ node }: Member) =>
      engines.processes[memberOf(node.incarnation)]?.pid !== node.handle?.pid;
    if (copies.length > 0 && copies.every(isDead)) throw new Failed('the only other copy has just died');
  }

  function isFree(act: ShardAct): boolean {
    const moves = act.kind === 'switchover' || act.kind === 'restore-lead';
    const leaders = moves
      ? [act.from, act.to]
      : act.kind === 'promote' || act.kind === 'lend-lead'
        ? [act.node]
        : [];
    return leaders.every((node) => (beside.get(node)?.kind ?? 'confirm-synced') === 'confirm-synced');
  }

  function recordRoles(view: ShardView, only: string | null = null): void {
    for (const [member, { node, engine }] of view.members.entries())
      if (engine && engine.role !== node.role && (only === null || node.incarnation === only))
        update(member, {
          role: engine.role,
          synced: rows.nodes[member]!.synced || engine.role === 'primary',
        });
  }

  function* perform(view: ShardView, act: ShardAct): Generator<string, void> {
    switch (act.kind) {
      case 'start':
        return yield* start(view, memberOf(act.node), act.follow === null ? null : memberOf(act.follow));
      case 'end': {
        const process = engines.processes[memberOf(act.node)];
        if (process && process.pid === rows.nodes[memberOf(act.node)]!.handle?.pid) {
          requireLivingCopy(view, act.node);
          judge.ends(process);
          engines.stop(memberOf(act.node));
        }
        return;
      }
      case 'fence': {
        const process = engines.processes[memberOf(act.node)];
        if (process && process.pid === rows.nodes[memberOf(act.node)]!.handle?.pid) {
          requireLivingCopy(view, act.node);
          judge.fences(process);
          engines.kill(memberOf(act.node));
        }
        yield 'fence:done';
        return;
      }
      case 'intend':
        leadOn(view, act.node);
        rows.target = act.node;
        rows.current ??= act.reason === 'found' ? act.node : null;
        yield `${act.reason}:intended`;
        return;
      case 'promote': {
        const process = reach(memberOf(act.node));
        promote(process, 'failover');
        yield 'failover:promoted';
        return yield* bindings.bind(view, act.node);
      }
      case 'switchover':
        return yield* handOver(view, memberOf(act.from), memberOf(act.to));
      case 'confirm-primary': {
        const before = view.shard.currentPrimary;
        reach(memberOf(act.node)).refusesWrites = false;
        yield 'failover:accepts';
        rows.current = rows.target = act.node;
        yield 'failover:confirmed';
        update(memberOf(act.node), { role: 'primary', synced: true });
        yield 'failover:role-recorded';
        if (before !== null) update(memberOf(before), { role: 'replica' });
        return;
      }
      case 'follow': {
        const member = memberOf(act.node);
        reach(member);
        if (!sharesHistory(view, member, memberOf(act.primary))) {
          reach(member).isConfirmed = false;
          update(member, { synced: false });
        }
        yield 'follow:doubted';
        follow(reach(member), memberOf(act.primary));
        yield 'follow:told';
        reach(member).refusesWrites = false;
        return;
      }
      case 'doubt':
        reach(memberOf(act.node)).isConfirmed = false;
        update(memberOf(act.node), { synced: false });
        return;
      case 'confirm-synced': {
        const member = memberOf(act.node);
        if (yield* isConfirmed(memberOf(act.primary), member))
          update(member, { synced: true, role: 'replica' });
        return;
      }
      case 'lend-lead':
        return yield* lendLead(memberOf(act.node));
      case 'restore-lead':
        return yield* restoreLead(memberOf(act.from), memberOf(act.to));
      case 'claim-slots':
        throw new Error('the simulated shards have no slots');
      default:
        return act satisfies never;
    }
  }

  function promote(process: Process, why: Parameters<Judge['promotes']>[1], from?: Process): void {
    if (process.link === 'loading') throw new Failed('LOADING');
    if (process.role === 'replica') judge.promotes(process, why, from);
    engines.promote(process);
  }

  function follow(process: Process, primary: number): void {
    if (process.link === 'loading') throw new Failed('LOADING');
    engines.follow(process, primary);
  }

  function* start(view: ShardView, member: number, leader: number | null): Generator<string, void> {
    bindings.forget(member);
    yield 'start:prepared';
    if (random.chance(failing.chance)) {
      backingOff.set(member, passes + 3);
      throw new Failed('it does not start');
    }
    const survivor = engines.processes[member];
    const process = survivor ?? engines.spawn(member, leader);
    yield 'node-spawned-not-recorded';
    const node = rows.nodes[member]!;
    const keepsData = leader === null && durability !== 'disabled';
    const synced = node.synced && keepsData;
    const handle = { bootId: 'boot', pid: process.pid, startTime: 1 };
    update(member, { handle, synced, role: null, intent: 'running', status: 'available' });
    yield 'start:recorded';
    if (leader !== null) return;
    for (const [other, one] of view.members.entries())
      if (other !== member && one.node.synced) {
        update(other, { synced: false });
        yield 'start:doubted';
      }
  }

  /** Proven only once the primary streams to it. */
  function* isConfirmed(primary: number, replica: number): Generator<string, boolean> {
    for (let look = 0; look < looks; look += 1) {
      const [from, to] = [reach(primary), engines.processes[replica]];
      const isOnline = to?.follows === primary && to.upstreamPid === from.pid && to.link === 'up';
      if (isOnline && to.isStreaming && to.offset >= from.offset) {
        to.isConfirmed = to.isComplete = true;
        return true;
      }
      yield 'confirm:waited';
    }
    return false;
  }

  /** A hand-over was given up: the primary takes writes again. */
  function leadOn(view: ShardView, incarnation: string): void {
    const seen = view.members[memberOf(incarnation)];
    if (incarnation !== view.shard.currentPrimary || seen?.engine?.role !== 'primary') return;
    reach(memberOf(incarnation)).refusesWrites = false;
  }

  function* handOver(view: ShardView, from: number, to: number): Generator<string, void> {
    try {
      yield* switchOver(view, from, to);
      handOvers = { failures: 0, until: 0 };
    } catch (error) {
      handOvers = { failures: view.handOverFailures + 1, until: passes + handOverMemoryPasses };
      throw error;
    }
  }

  function* switchOver(view: ShardView, from: number, to: number): Generator<string, void> {
    reach(from);
    if (reach(to).role === 'replica') yield* takeTheLead(from, to);
    yield* bindings.bind(view, incarnationOf(to + 1));
    yield 'switchover:endpoint-moved';
    follow(reach(from), to);
    yield 'switchover:old-follows';
    reach(from).refusesWrites = false;
  }

  function* takeTheLead(from: number, to: number): Generator<string, void> {
    yield 'switchover:writes-held';
    reach(from).refusesWrites = true;
    yield 'switchover:writes-refused';
    for (let look = 0; ; look += 1) {
      const [old, next] = [reach(from), reach(to)];
      if (old.replid === next.replid && next.link === 'up' && next.offset >= old.offset) break;
      if (look === looks) {
        old.refusesWrites = false;
        throw new Failed('it did not catch up');
      }
      yield 'switchover:waited';
    }
    promote(reach(to), 'switchover', reach(from));
    yield 'switchover:promoted';
  }

  function* lendLead(member: number): Generator<string, void> {
    reach(member).refusesWrites = true;
    yield 'restore-lead:refused';
    promote(reach(member), 'restore-source');
    yield 'restore-lead:source-leads';
  }

  function* restoreLead(from: number, to: number): Generator<string, void> {
    yield* lendLead(from);
    follow(reach(to), from);
    for (let round = 0; !(yield* isConfirmed(from, to)); round += 1)
      if (round === 3) throw new Failed('it has not taken the data yet');
    promote(reach(to), 'restore', reach(from));
    yield 'restore-lead:restored';
    follow(reach(from), to);
    yield 'restore-lead:source-follows';
    reach(from).refusesWrites = false;
    yield 'restore-lead:accepts';
    update(to, { role: 'primary', synced: true });
    yield 'restore-lead:role-recorded';
    update(from, { role: 'replica' });
  }

  return {
    rows,
    history,
    step() {
      const job = random.pick([null, ...beside.keys()]);
      if (job === null) work.next();
      else if (beside.get(job)!.work.next().done) {
        beside.delete(job);
        endedBeside += 1;
      }
    },
    crash() {
      history.push('— Limber is killed —');
      bindings.forgetAll();
      backingOff = new Map();
      beside = new Map();
      handOvers = { failures: 0, until: 0 };
      work = life();
      for (const [member, node] of rows.nodes.entries()) {
        const process = engines.processes[member];
        if (process && process.pid !== node.handle?.pid)
          update(member, { handle: { bootId: 'boot', pid: process.pid, startTime: 1 }, synced: false });
      }
    },
    get lastDecision() {
      return lastDecision;
    },
  };
}
