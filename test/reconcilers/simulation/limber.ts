/**
 * Limber over simulated engines: looks, asks the real `decideShard`, and does its acts step by step as `act.ts` does.
 * Anything may happen between two steps, and Limber may die there: its rows stay, all else is lost.
 */
import type { CacheNode } from '../../../src/model/node.ts';
import { decideShard } from '../../../src/reconcilers/shard/decide/decide.ts';
import type { ShardAct, ShardDecision } from '../../../src/reconcilers/shard/decide/decision.ts';
import type { ShardView } from '../../../src/reconcilers/shard/view.ts';
import { incarnationOf, nodeAt } from '../shard-views.ts';
import { createActs, type Hands } from './acts.ts';
import { createBindings } from './bindings.ts';
import type { Process } from './engines.ts';
import { Failed, newMemory, observeMembers, type Rows, takesTime } from './facts.ts';

export interface Limber {
  readonly rows: Rows;
  /** One line of work. */
  step(): void;
  /** Its memory is lost, and a new one finds what runs. */
  crash(): void;
  readonly lastDecision: ShardDecision | null;
  /** Its process is about to be killed or ended: what is on disk was looked at microseconds ago. */
  isLookedAt(member: number): boolean;
  readonly history: string[];
}

export function createLimber(members: number, automaticFailover: boolean, options: Hands['world']): Limber {
  const { engines, random, durability } = options;
  const rows: Rows = {
    current: incarnationOf(1),
    target: incarnationOf(1),
    nodes: Array.from({ length: members }, (_, index) =>
      nodeAt(index + 1, { handle: null, synced: false, status: 'creating' }),
    ),
    automaticFailover,
  };
  const bindings = createBindings(engines, reach);
  let memory = newMemory();
  const acts = createActs({ world: options, rows, bindings, memory: () => memory, reach, update, observe });
  let work = life();
  let lastDecision: ShardDecision | null = null;
  const history: string[] = [];

  function update(member: number, changes: Partial<CacheNode>): void {
    rows.nodes[member] = { ...rows.nodes[member]!, ...changes };
  }

  /** The process that the row names, when it answers. */
  function reach(member: number): Process {
    const process = engines.processes[member];
    if (process?.pid !== rows.nodes[member]!.handle?.pid || process?.condition !== 'running')
      throw new Failed(`member ${member + 1} cannot be reached`);
    return process;
  }

  function* observe(): Generator<string, ShardView> {
    const rowsNow = { ...rows, nodes: [...rows.nodes] };
    const view = {
      shard: {
        cacheIncarnation: 'cache-1',
        nodeGroupId: '0001',
        version: 1,
        status: 'available' as const,
        isFormed: true,
        slots: '',
        currentPrimary: rowsNow.current,
        targetPrimary: rowsNow.target,
      },
      clusterMode: 'disabled' as const,
      automaticFailover: rowsNow.automaticFailover,
      durability,
      isForming: false,
      switchoverFailures: memory.passes < memory.switchovers.until ? memory.switchovers.failures : 0,
      restartFailures: memory.passes < memory.switchovers.until ? memory.switchovers.failures : 0,
    };
    const isBackingOff = (member: number) => (memory.backingOff.get(member) ?? 0) > memory.passes;
    return {
      ...view,
      members: yield* observeMembers(options, memory.histories, rowsNow.nodes, isBackingOff),
      leaving: [],
    };
  }

  function* life(): Generator<string, never> {
    for (;;) {
      memory.passes += 1;
      const { beside, endedBeside: ended } = memory;
      const view = yield* observe();
      yield 'looked';
      if (ended !== memory.endedBeside) continue;
      const decision = decideShard(view);
      if (decision.sentence !== lastDecision?.sentence) history.push(decision.sentence);
      lastDecision = decision;
      const isSettled = decision.isSettled && decision.acts.length === 0 && beside.size === 0;
      if (isLed(view)) recordRoles(view, view.shard.currentPrimary);
      const isSlow = (act: ShardAct) =>
        takesTime(act) && !(act.kind === 'end' && act.node === view.shard.currentPrimary);
      for (const act of decision.acts)
        if (isSlow(act) && 'node' in act && !beside.has(act.node))
          beside.set(act.node, { kind: act.kind, work: attempt(acts.perform(view, act)) });
      const rest = decision.acts.filter((act) => !isSlow(act) && isFree(view, act));
      yield* sideBySide(rest.map((act) => attempt(acts.perform(view, act))));
      if (isLed(view)) yield* attempt(bindings.bind(view));
      if (isSettled) {
        recordRoles(view);
        yield* attempt(acts.keepWritable(view));
      }
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

  /** As in `worker.ts`. */
  function isFree({ shard }: ShardView, act: ShardAct): boolean {
    const isAwaited = memory.beside.get(shard.currentPrimary ?? '')?.kind === 'start';
    if (act.kind === 'promote-read-only' && isAwaited) return false;
    const moves = act.kind === 'switchover' || act.kind === 'fail-back';
    const leaders = moves
      ? [act.from, act.to]
      : act.kind === 'promote' || act.kind === 'promote-read-only'
        ? [act.node]
        : [];
    return leaders.every((node) => (memory.beside.get(node)?.kind ?? 'confirm-synced') === 'confirm-synced');
  }

  function recordRoles(view: ShardView, only: string | null = null): void {
    for (const [member, { node, engine }] of view.members.entries())
      if (engine && engine.role !== node.role && (only === null || node.incarnation === only))
        update(member, {
          role: engine.role,
          synced: rows.nodes[member]!.synced || engine.role === 'primary',
        });
  }

  return {
    rows,
    history,
    step() {
      const job = random.pick([null, ...memory.beside.keys()]);
      if (job === null) work.next();
      else if (memory.beside.get(job)!.work.next().done) {
        memory.beside.delete(job);
        memory.endedBeside += 1;
      }
    },
    crash() {
      history.push('— Limber is killed —');
      bindings.forgetAll();
      memory = newMemory();
      work = life();
      for (const [member, node] of rows.nodes.entries()) {
        const process = engines.processes[member];
        if (process && process.pid !== node.handle?.pid)
          update(member, { handle: { bootId: 'boot', pid: process.pid, startTime: 1 }, synced: false });
      }
    },
    isLookedAt: (member) => memory.looking.has(incarnationOf(member + 1)),
    get lastDecision() {
      return lastDecision;
    },
  };
}
