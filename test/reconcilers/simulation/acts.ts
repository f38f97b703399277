/** The acts of a shard's worker over simulated engines, step by step as `act.ts` does them. Anything may happen between two. */
import type { CacheNode } from '../../../src/model/node.ts';
import type { ShardAct } from '../../../src/reconcilers/shard/decide/decision.ts';
import {
  copiesBeside,
  countsOnItsFiles,
  type FinalAct,
  heirsOf,
  whyNotDue,
} from '../../../src/reconcilers/shard/decide/recheck.ts';
import { sharesHistory } from '../../../src/reconcilers/shard/decide/shares-history.ts';
import type { ShardView } from '../../../src/reconcilers/shard/view.ts';
import { incarnationOf } from '../shard-views.ts';
import type { Bindings } from './bindings.ts';
import type { Process } from './engines.ts';
import { Failed, factsOf, type Judge, type Memory, memberOf, type Rows, type World } from './facts.ts';

/** What the acts are done with. */
export interface Hands {
  readonly world: World & {
    readonly judge: Judge;
    /** How often a start fails. */
    readonly failing: { chance: number };
  };
  readonly rows: Rows;
  readonly bindings: Bindings;
  /** Lost when Limber dies. */
  memory(): Memory;
  /** The process that the row names, when it answers. */
  reach(member: number): Process;
  update(member: number, changes: Partial<CacheNode>): void;
  observe(): Generator<string, ShardView>;
}

export interface Acts {
  perform(view: ShardView, act: ShardAct): Generator<string, void>;
  keepWritable(view: ShardView): Generator<string, void>;
}

/** A wait with a deadline looks so often. */
const looks = 60;
const switchoverMemoryPasses = 40;

export function createActs({ world, rows, bindings, memory, reach, update, observe }: Hands): Acts {
  const { engines, random, judge, durability, failing } = world;

  function* perform(view: ShardView, act: ShardAct): Generator<string, void> {
    switch (act.kind) {
      case 'start':
        return yield* start(view, act);
      case 'end':
        return yield* end(act);
      case 'fence':
        return yield* fence(act);
      case 'set-target-primary':
        leadOn(view, act.node);
        rows.target = act.node;
        rows.current ??= act.reason === 'found' ? act.node : null;
        yield `${act.reason}:target-set`;
        return;
      case 'promote': {
        const process = reach(memberOf(act.node));
        promote(process, 'failover');
        yield 'failover:promoted';
        return yield* bindings.bind(view, act.node);
      }
      case 'switchover':
        return yield* counted(view, switchOver(view, memberOf(act.from), memberOf(act.to)));
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
        const [own, leader] = [view.members[member]!.engine, view.members[memberOf(act.primary)]!.engine];
        if (!own || !leader || !sharesHistory(own, leader)) {
          invalidateSync(member);
        }
        yield 'follow:invalidated';
        follow(reach(member), memberOf(act.primary));
        yield 'follow:told';
        reach(member).refusesWrites = false;
        return;
      }
      case 'invalidate-sync':
        invalidateSync(memberOf(act.node));
        return;
      case 'confirm-synced': {
        const member = memberOf(act.node);
        if (yield* isConfirmed(memberOf(act.primary), member))
          update(member, { synced: true, role: 'replica' });
        return;
      }
      case 'promote-read-only':
        return yield* promoteReadOnly(memberOf(act.node));
      case 'fail-back':
        return yield* failBack(memberOf(act.from), memberOf(act.to));
      case 'withdraw-tombstone':
        throw new Error('no member is removed from the simulated shards');
      case 'claim-slots':
        throw new Error('the simulated shards have no slots');
      case 'calm-clients':
        return; // who does not answer there runs none
      case 'apply-config':
        throw new Error('the simulated nodes always run with their configuration');
      default:
        return act satisfies never;
    }
  }

  function invalidateSync(member: number): void {
    const process = engines.processes[member];
    if (process) process.isConfirmed = false;
    update(member, { synced: false });
  }

  function promote(process: Process, why: Parameters<Judge['promotes']>[1], from?: Process): void {
    if (process.link === 'loading') throw new Failed('LOADING');
    if (process.role === 'replica') judge.promotes(process, why, from);
    engines.promote(process);
    // What it lacks was judged; from here on the shard's data are what it has.
    process.isComplete = process.isConfirmed = true;
  }

  function follow(process: Process, primary: number): void {
    if (process.link === 'loading') throw new Failed('LOADING');
    engines.follow(process, primary);
  }

  /** Between its look and its deed lies a fraction of a millisecond. */
  function demote(from: number, to: number): void {
    if (!sharesHistory(factsOf(reach(from)), factsOf(reach(to)))) invalidateSync(from);
    follow(reach(from), to);
  }

  function* start(view: ShardView, act: Extract<ShardAct, { kind: 'start' }>): Generator<string, void> {
    const [member, leader] = [memberOf(act.node), act.follow === null ? null : memberOf(act.follow)];
    bindings.forget(member);
    yield 'start:prepared';
    if (countsOnItsFiles(view, act)) yield* lookAgain(act);
    if (random.chance(failing.chance)) {
      memory().backingOff.set(member, memory().passes + 3);
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
        invalidateSync(other);
        yield 'start:invalidated';
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

  function* keepWritable(view: ShardView): Generator<string, void> {
    const leader = reach(memberOf(view.shard.currentPrimary!));
    if (leader.role === 'primary') leader.refusesWrites = false;
    yield 'kept writable';
  }

  /** Planned work that writers wait for: it is tried a few times only when it fails again and again. */
  function* counted(view: ShardView, work: Generator<string, void>): Generator<string, void> {
    try {
      yield* work;
      memory().switchovers = { failures: 0, until: 0 };
    } catch (error) {
      memory().switchovers = {
        failures: view.switchoverFailures + 1,
        until: memory().passes + switchoverMemoryPasses,
      };
      throw error;
    }
  }

  function* switchOver(view: ShardView, from: number, to: number): Generator<string, void> {
    reach(from);
    if (reach(to).role === 'replica') yield* takeTheLead(from, to);
    yield* bindings.bind(view, incarnationOf(to + 1));
    yield 'switchover:endpoint-moved';
    demote(from, to);
    yield 'switchover:old-follows';
    reach(from).refusesWrites = false;
  }

  function* takeTheLead(from: number, to: number): Generator<string, void> {
    yield 'switchover:writes-held';
    reach(from).refusesWrites = true;
    yield 'switchover:writes-refused';
    yield* areEqual(from, to);
    promote(reach(to), 'switchover', reach(from));
    yield 'switchover:promoted';
  }

  /** Says so by returning, while writes are refused; else takes them again. */
  function* areEqual(from: number, to: number): Generator<string, void> {
    for (let look = 0; ; look += 1) {
      const [old, next] = [reach(from), reach(to)];
      if (old.replid === next.replid && next.link === 'up' && next.offset >= old.offset) return;
      if (look === looks) {
        old.refusesWrites = false;
        throw new Failed('it did not catch up');
      }
      yield 'offsets:waited';
    }
  }

  function* promoteReadOnly(member: number): Generator<string, void> {
    reach(member).refusesWrites = true;
    yield 'fail-back:refused';
    promote(reach(member), 'read-only');
    yield 'fail-back:source-leads';
    update(member, { synced: true });
  }

  function* failBack(from: number, to: number): Generator<string, void> {
    yield* promoteReadOnly(from);
    follow(reach(to), from);
    for (let round = 0; !(yield* isConfirmed(from, to)); round += 1)
      if (round === 3) throw new Failed('it has not taken the data yet');
    promote(reach(to), 'fail-back', reach(from));
    yield 'fail-back:restored';
    demote(from, to);
    yield 'fail-back:source-follows';
    reach(from).refusesWrites = false;
    yield 'fail-back:accepts';
    update(to, { role: 'primary', synced: true });
    yield 'fail-back:role-recorded';
    update(from, { role: 'replica' });
  }

  function* lookAgain(act: FinalAct): Generator<string, ShardView> {
    const fresh = yield* observe();
    const reason = whyNotDue(fresh, act);
    if (reason !== null) throw new Failed(`things have changed: ${reason}`);
    if (countsOnItsFiles(fresh, act) && engines.disks[memberOf(act.node)]!.length === 0)
      throw new Failed('its files have just vanished');
    memory().looking.add(act.node);
    try {
      yield 'looked again';
    } finally {
      memory().looking.delete(act.node);
    }
    return fresh;
  }

  /** A suspension shows in /proc at once, another hang does not. */
  function requireLivingCopies(view: ShardView, incarnation: string): void {
    for (const { node } of copiesBeside(view, incarnation)) {
      const process = engines.processes[memberOf(node.incarnation)];
      const isSeen = process?.condition === 'hung' && random.chance(0.5);
      if (process?.pid !== node.handle?.pid || isSeen)
        throw new Failed('a copy has just died or been suspended');
    }
  }

  /** The process that the row named when it was looked at; null when it is gone. */
  function processIn(view: ShardView, member: number): Process | null {
    const process = engines.processes[member];
    return process && process.pid === view.members[member]!.node.handle?.pid ? process : null;
  }

  function* end(act: FinalAct): Generator<string, void> {
    const view = yield* lookAgain(act);
    const member = memberOf(act.node);
    const heirs = heirsOf(view, act.node).map(({ node }) => memberOf(node.incarnation));
    const check = () => requireLivingCopies(view, act.node);
    if (heirs.length === 0) check();
    else yield* counted(view, drainWrites(member, heirs, check));
    const process = processIn(view, member);
    if (!process) return;
    judge.ends(process, heirs.length > 0);
    engines.stop(member);
    yield 'end:stopped';
  }

  function* fence(act: FinalAct): Generator<string, void> {
    const view = yield* lookAgain(act);
    requireLivingCopies(view, act.node);
    const process = processIn(view, memberOf(act.node));
    if (process) {
      judge.fences(process);
      engines.kill(process.member);
    }
    yield 'fence:done';
  }

  /** As in `drain-writes.ts`. */
  function* drainWrites(from: number, heirs: readonly number[], check: () => void): Generator<string, void> {
    try {
      reach(from).refusesWrites = true;
      yield 'drain:writes-refused';
      for (const heir of heirs) yield* areEqual(from, heir);
      check();
    } catch (error) {
      reach(from).refusesWrites = false;
      throw error;
    }
  }

  return { perform, keepWritable };
}
