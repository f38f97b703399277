/**
 * One worker per shard: look, decide, act, look again, until there is nothing to do; then sleep until somebody
 * wakes it. Engine notifications and socket closes only wake it; it always decides from fresh facts.
 */

import type { Timer } from '../../platform/clock.ts';
import { StaleWrite } from '../../store/contract.ts';
import { finishStarts } from './acts/bring-up.ts';
import { allowAll } from './acts/calm-clients.ts';
import { bindEndpoints, giveEndpointAway } from './acts/endpoints.ts';
import { keepWritable } from './acts/keep-writable.ts';
import { performAct } from './acts/perform-act.ts';
import { keyText, type ShardContext, type ShardKey } from './context.ts';
import { decide } from './decide/decide.ts';
import type { ShardAct, ShardDecision } from './decide/decision.ts';
import { createDirectoryWatch } from './directories.ts';
import { observeShard, type ShardFacts } from './observe/observe-shard.ts';
import { recordLeader, recordRoles } from './record.ts';
import { recovered } from './recovery.ts';
import { createRedundancyWatch } from './redundancy.ts';
import { createSynchronisationWatch } from './synchronisations.ts';
import { createWorkBeside } from './work-beside.ts';

export interface ShardReport {
  readonly isSettled: boolean;
  readonly sentence: string;
  /** What a person should know of it, though it may pass by itself; null while all is well. */
  readonly concern: string | null;
}

export interface ShardWorker {
  readonly key: ShardKey;
  wake(): void;
  /** To be called when something was changed for the shard: it is not settled before its worker has looked again. */
  recheck(): void;
  report(): ShardReport;
  /** Takes no further step; resolves when the present one has ended. */
  stop(): Promise<void>;
}

/** Between two looks while something is waited for: engines take a moment to load, to sync, to come back. */
const waitMs = { first: 5, max: 500 } as const;
/** Between two looks with nothing to do: they notice a replica that is filled anew, and whatever else woke nobody. */
const idleMs = 5_000;

/** Until the same failure is logged again. */
const complainAgainMs = 60_000;

const slowKinds = ['start', 'confirm-synced', 'end', 'follow', 'apply-config', 'calm-clients'] as const;
type SlowAct = Extract<ShardAct, { readonly kind: (typeof slowKinds)[number] }>;

/** Acts that the loop does not wait for: a primary may die meanwhile, and that must be seen at once. */
const takesTime = (act: ShardAct): act is SlowAct => slowKinds.some((kind) => kind === act.kind);

function concernOf(concerns: readonly (string | null)[]): string | null {
  const present = concerns.filter((concern) => concern !== null);
  return present.length === 0 ? null : present.join('; ');
}

/** Whom an act makes lead, or takes the lead from. */
function leadersOf(act: ShardAct): readonly string[] {
  if (act.kind === 'switchover' || act.kind === 'fail-back') return [act.from, act.to];
  return act.kind === 'promote' || act.kind === 'promote-read-only' || act.kind === 'end' ? [act.node] : [];
}

export function createShardWorker(
  context: ShardContext,
  key: ShardKey,
  onReport: (worker: ShardWorker) => void,
): ShardWorker {
  const { log, clock } = context.fleet;
  let report: ShardReport = { isSettled: false, sentence: 'not looked at yet', concern: null };
  let timer: Timer | null = null;
  let isStopped = false;
  let isAwake = false;
  let wakeAgain = false;
  let pauseMs: number = waitMs.first;
  let running: Promise<void> = Promise.resolve();
  const redundancy = createRedundancyWatch(context);
  const directories = createDirectoryWatch(context);
  const synchronisations = createSynchronisationWatch(context);
  const beside = createWorkBeside<SlowAct['kind']>(clock, () => wake());
  /** The last failure of an act, since when it is the same (monotonic milliseconds), and how often in a row. */
  let complaint = { act: '', reason: '', at: 0, count: 0 };
  /** On each endpoint that somebody else holds. */
  let unserved: readonly string[] = [];
  /** The acts that were done last, and how often in a row. */
  let repeated = { acts: '', count: 0 };

  function sleep(ms: number): void {
    if (isStopped) return;
    timer = clock.after(ms, wake);
  }

  function setReport(decision: Pick<ShardDecision, 'isSettled' | 'sentence'>): void {
    // Woken in the middle of a pass: what this pass has seen may be old.
    const isSettled = decision.isSettled && !wakeAgain;
    const isNews = decision.sentence !== report.sentence || isSettled !== report.isSettled;
    report = { ...report, isSettled, sentence: decision.sentence };
    if (!isNews) return;
    log.info(decision.sentence, { shard: keyText(key), isSettled });
    onReport(worker);
  }

  /** True when the shard's primary stands, so that the endpoints may be bound whatever else is to be done. */
  function isLed({ view }: ShardFacts): boolean {
    const { currentPrimary, targetPrimary } = view.shard;
    const leader = view.members.find((member) => member.node.incarnation === currentPrimary);
    return !view.isForming && currentPrimary === targetPrimary && leader?.engine?.role === 'primary';
  }

  const runBeside = (facts: ShardFacts, act: SlowAct): boolean =>
    beside.begin(act, () => performAct(context, facts, act).catch((error: unknown) => complain(act, error)));

  /** False while a node that the act makes lead is busy: a node that begins to follow, starts or ends is not made to lead in the same moment. */
  function isFree({ view }: ShardFacts, act: ShardAct): boolean {
    // The primary may come up with its own files just now: nobody else is promoted before that is known.
    const isAwaited = beside.kindOf(view.shard.currentPrimary ?? '') === 'start';
    if (act.kind === 'promote-read-only' && isAwaited) return false;
    return leadersOf(act).every((node) => (beside.kindOf(node) ?? 'confirm-synced') === 'confirm-synced');
  }

  function complain(act: ShardAct, error: unknown): void {
    // A row that the act was decided on has changed since: nothing was done, and all is decided anew.
    if (error instanceof StaleWrite)
      log.debug(`an act on a shard came too late: ${act.kind}`, { shard: keyText(key), error });
    else
      log[isNewComplaint(act, error) ? 'warn' : 'debug'](`an act on a shard failed: ${act.kind}`, {
        shard: keyText(key),
        error,
      });
  }

  /** What fails again and again for one reason is not logged each time. */
  function isNewComplaint(act: ShardAct, error: unknown): boolean {
    const [text, reason] = [JSON.stringify(act), error instanceof Error ? error.message : String(error)];
    const isSame = complaint.act === text && complaint.reason === reason;
    const isNew = !isSame || clock.monotonic() - complaint.at >= complainAgainMs;
    const at = isNew ? clock.monotonic() : complaint.at;
    complaint = { act: text, reason, at, count: isSame ? complaint.count + 1 : 1 };
    return isNew;
  }

  /** What is to be done, and why that does not come about. */
  function sentenceOf({ sentence, acts }: ShardDecision): string {
    const isStuck = complaint.count >= 3 && acts.some((act) => JSON.stringify(act) === complaint.act);
    return isStuck ? `${sentence}, which fails: ${complaint.reason}` : sentence;
  }

  /** Starts what may run beside, and waits for the rest. True when something was begun or done. */
  async function perform(facts: ShardFacts, acts: readonly ShardAct[]): Promise<boolean> {
    // Its replicas are the only copies while a primary ends: nothing else is decided before it has.
    const isBeside = (act: ShardAct) => !(act.kind === 'end' && act.node === facts.view.shard.currentPrimary);
    const begun = acts.filter((act) => takesTime(act) && isBeside(act) && runBeside(facts, act)).length;
    const rest = acts.filter((act) => !(takesTime(act) && isBeside(act)) && isFree(facts, act));
    const results = await Promise.allSettled(rest.map((act) => performAct(context, facts, act)));
    for (const [index, result] of results.entries())
      if (result.status === 'rejected') complain(rest[index]!, result.reason);
    // An act that came too late is decided anew at once.
    const isNews = (result: PromiseSettledResult<void>) =>
      result.status === 'fulfilled' || result.reason instanceof StaleWrite;
    return begun > 0 || results.some(isNews);
  }

  /** The same acts again, after all of them were done, have changed nothing: they are done later each time. */
  function pauseIfRepeated(acts: readonly ShardAct[]): number | null {
    const text = JSON.stringify(acts);
    repeated = { acts: text, count: repeated.acts === text ? repeated.count + 1 : 0 };
    return repeated.count === 0 ? null : Math.min(waitMs.max, waitMs.first * 2 ** repeated.count);
  }

  /** One pass. Resolves to how long to sleep, or null to look again at once. */
  async function pass(): Promise<number | null> {
    const ended = beside.ended();
    const facts = await observeShard(context, key);
    // What ended in the meantime has changed what was seen before: a node would be started twice.
    if (ended !== beside.ended()) return null;
    if (!facts) {
      setReport({ isSettled: true, sentence: 'the cache is gone' });
      return idleMs;
    }
    for (const { node } of facts.view.members) context.monitor.watch(node);
    if (facts.view.clusterMode === 'enabled' && !facts.view.isForming)
      for (const { node } of facts.view.members) context.bus.watch(node);
    if (await finishStarts(context, facts)) return null;
    const decision = decide(facts.view);
    if (decision.acts.length === 0) repeated = { acts: '', count: 0 };
    await giveEndpointAway(context, facts);
    // Endpoints are bound before the shard is reported as settled: whoever waits for that connects to them at once.
    if (decision.acts.length === 0 && isLed(facts)) unserved = await bindEndpoints(context, facts);
    if (isLed(facts)) await recordLeader(context, facts.view);
    const isServed = unserved.length === 0;
    const isSettled = decision.isSettled && decision.acts.length === 0 && beside.isIdle() && isServed;
    setReport({ sentence: [sentenceOf(decision), ...unserved].join('; '), isSettled });
    const didSomething = await perform(facts, decision.acts);
    if (decision.acts.length > 0 && isLed(facts)) unserved = await bindEndpoints(context, facts);
    await redundancy.look(facts, report.sentence);
    await directories.look(facts);
    await synchronisations.look(facts);
    if (didSomething) {
      pauseMs = waitMs.first;
      return decision.acts.every(takesTime) ? waitMs.max : pauseIfRepeated(decision.acts);
    }
    // Work that is put off: nothing happens before.
    const putOffMs = decision.acts.filter(takesTime).map((act) => beside.putOffMs(act.node));
    if (putOffMs.some((ms) => ms > 0)) return Math.min(...putOffMs.filter((ms) => ms > 0));
    if (isSettled) {
      await recordRoles(context, facts.view);
      await keepWritable(context, facts);
      await allowAll(context, facts, true);
      // Of nodes that recovered while no event could be recorded.
      for (const { node } of facts.view.members) await recovered(context, node);
      pauseMs = waitMs.first;
      return idleMs;
    }
    await allowAll(context, facts, false);
    pauseMs = Math.min(waitMs.max, pauseMs * 1.5);
    return pauseMs;
  }

  async function run(): Promise<void> {
    isAwake = true;
    for (;;) {
      wakeAgain = false;
      let rest: number | null = waitMs.max;
      try {
        rest = await pass();
      } catch (error) {
        // A row that was looked at has changed since, and is looked at again.
        if (error instanceof StaleWrite) rest = waitMs.first;
        else {
          log.error('a shard could not be looked after', { shard: keyText(key), error });
          setReport({ isSettled: false, sentence: `looking after it failed: ${(error as Error).message}` });
        }
      }
      if (isStopped) break;
      if (rest === null || wakeAgain) continue;
      isAwake = false;
      sleep(rest);
      break;
    }
    isAwake = false;
  }

  function wake(): void {
    if (isStopped) return;
    timer?.stop();
    timer = null;
    if (isAwake) {
      wakeAgain = true;
      return;
    }
    isAwake = true;
    running = run();
  }

  const worker: ShardWorker = {
    key,
    wake,
    recheck() {
      report = { ...report, isSettled: false };
      wake();
    },
    report: () => ({
      ...report,
      concern: concernOf([redundancy.concern(), directories.concern(), ...unserved]),
    }),
    async stop() {
      isStopped = true;
      timer?.stop();
      await running;
      await beside.settled();
    },
  };
  return worker;
}
