/**
 * One worker per shard: look, decide, act, look again, until there is nothing to do; then sleep until somebody
 * wakes it. Engine notifications and socket closes only wake it; it always decides from fresh facts.
 */
import { performAct } from './act.ts';
import { keyText, type ShardContext, type ShardKey } from './context.ts';
import { decideShard, type ShardDecision } from './decide.ts';
import { decideMemcached } from './decide-memcached.ts';
import { bindEndpoints } from './endpoints.ts';
import { observeShard, type ShardFacts } from './observe.ts';
import { recordRoles } from './record.ts';

export interface ShardReport {
  readonly isSettled: boolean;
  readonly sentence: string;
}

export interface ShardActor {
  readonly key: ShardKey;
  wake(): void;
  /** Something was changed for it: it is not settled before it has looked again. */
  recheck(): void;
  report(): ShardReport;
  /** Takes no further step; resolves when the present one has ended. */
  stop(): Promise<void>;
}

/** While something is waited for: engines take a moment to load, to sync, to come back. */
const waitMs = { first: 5, max: 500 } as const;
/** With nothing to do: notices a replica that is filled anew, and whatever else nobody told. */
const idleMs = 2_000;

export function createShardActor(
  context: ShardContext,
  key: ShardKey,
  onReport: (actor: ShardActor) => void,
): ShardActor {
  const { log } = context.fleet;
  let report: ShardReport = { isSettled: false, sentence: 'not looked at yet' };
  let timer: NodeJS.Timeout | null = null;
  let isStopped = false;
  let isAwake = false;
  let wakeAgain = false;
  let pauseMs: number = waitMs.first;
  let running: Promise<void> = Promise.resolve();

  function sleep(ms: number): void {
    if (isStopped) return;
    timer = setTimeout(wake, ms);
    timer.unref();
  }

  function tell(decision: Pick<ShardDecision, 'isSettled' | 'sentence'>): void {
    // Woken in the middle of a pass: what this pass has seen may be old.
    const isSettled = decision.isSettled && !wakeAgain;
    const isNews = decision.sentence !== report.sentence || isSettled !== report.isSettled;
    report = { isSettled, sentence: decision.sentence };
    if (!isNews) return;
    log.info(decision.sentence, { shard: keyText(key), isSettled });
    onReport(actor);
  }

  /** Its primary stands, so that the endpoints may be bound whatever else is to be done. */
  function isLed({ view }: ShardFacts): boolean {
    const { currentPrimary, targetPrimary } = view.shard;
    const leader = view.members.find((member) => member.node.incarnation === currentPrimary);
    return !view.isForming && currentPrimary === targetPrimary && leader?.engine?.role === 'primary';
  }

  function decide(facts: ShardFacts): ShardDecision {
    return key.nodeGroupId === null ? decideMemcached(facts.view.members) : decideShard(facts.view);
  }

  /** One pass. Resolves to how long to sleep, or null to look again at once. */
  async function pass(): Promise<number | null> {
    const facts = await observeShard(context, key);
    if (!facts) {
      tell({ isSettled: true, sentence: 'the cache is gone' });
      return idleMs;
    }
    for (const { node } of facts.view.members) context.monitor.watch(node);
    const decision = decide(facts);
    tell(decision.acts.length > 0 ? { ...decision, isSettled: false } : decision);
    if (decision.acts.length > 0) {
      const work = decision.acts.map((act) => performAct(context, facts, act));
      // Endpoints do not wait for a node that starts or is asked about its data.
      if (isLed(facts)) work.push(bindEndpoints(context, facts));
      const results = await Promise.allSettled(work);
      const failures = results.filter((result) => result.status === 'rejected');
      for (const failure of failures)
        log.warn('an act on a shard failed', { shard: keyText(key), error: failure.reason });
      if (failures.length < results.length) {
        pauseMs = waitMs.first;
        return null;
      }
    } else if (!facts.view.isForming) await bindEndpoints(context, facts);
    if (decision.isSettled) {
      await recordRoles(context, facts.view);
      pauseMs = waitMs.first;
      return idleMs;
    }
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
        log.error('a shard could not be looked after', { shard: keyText(key), error });
        tell({ isSettled: false, sentence: `looking after it failed: ${(error as Error).message}` });
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
    if (timer) clearTimeout(timer);
    timer = null;
    if (isAwake) {
      wakeAgain = true;
      return;
    }
    isAwake = true;
    running = run();
  }

  const actor: ShardActor = {
    key,
    wake,
    recheck() {
      report = { ...report, isSettled: false };
      wake();
    },
    report: () => report,
    async stop() {
      isStopped = true;
      if (timer) clearTimeout(timer);
      await running;
    },
  };
  return actor;
}
