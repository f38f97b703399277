/** Random steps with a seed, then the account: everything is as it was asked for, and no write is lost unexplained. */
import { randomInt } from 'node:crypto';
import { copyFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { wholeAgain } from '../e2e/faults.ts';
import { eventually } from '../support/eventually.ts';
import { type Random, seeded } from '../support/random.ts';
import { atRest, leftovers } from './leftovers.ts';
import type { Step } from './step-kit.ts';
import { steps } from './steps.ts';
import { configurationServerOf, createWorld, groups, type World } from './world.ts';

export interface ChaosReport {
  readonly seed: number;
  readonly steps: number;
  readonly seconds: number;
  readonly primaryDeaths: number;
  readonly acknowledged: number;
  /** Acknowledged within the replication lag before a primary's unplanned death, and gone with it. */
  readonly explained: number;
  /** Everything else that is missing, or wrong: must be empty. */
  readonly unexplained: readonly string[];
  /** What else is not as it should be, above all a state that does not end: must be empty. */
  readonly problems: readonly string[];
}

export interface ChaosOptions {
  readonly seed: number;
  readonly steps: number;
  /** Called with each line of the story. */
  readonly tell?: (line: string) => void;
}

interface Scope {
  after(end: () => Promise<void>): void;
}

/**
 * What asynchronous replication may lose: writes acknowledged this long before the death of their primary. The engine
 * sends each write to its replicas in the same turn of its loop; on two busy cores the turn is what takes its time.
 */
const lagMs = 250;
const settleDeadlineMs = 60_000;

export const chosenSeed = (): number => Number(process.env.LIMBER_TEST_SEED ?? randomInt(1, 2 ** 31));

export async function runChaos(scope: Scope, options: ChaosOptions): Promise<ChaosReport> {
  const { seed } = options;
  const random = seeded(seed);
  const story: string[] = [];
  const began = performance.now();
  const say = (what: string) => {
    const line = `${((performance.now() - began) / 1000).toFixed(2)} s  ${what}`;
    story.push(line);
    options.tell?.(line);
  };
  say(`seed ${seed}, ${options.steps} steps`);
  const world = await createWorld(scope, random, say);
  say('all caches are available');
  let number = 0;
  try {
    while (number < options.steps) {
      number += 1;
      await takeStep(world, number);
    }
    const report = await account(world, options, began);
    if (report.unexplained.length > 0 || report.problems.length > 0) keepEvidence(world, seed, story);
    return report;
  } catch (error) {
    // Whatever is waited for in vain, by a step or afterwards: the run cannot go on from there.
    say(`after step ${number}: ${(error as Error).message}`);
    await Promise.all(world.ledgers.map((ledger) => ledger.stop()));
    keepEvidence(world, seed, story);
    throw new Error(`seed ${seed}: a state that does not end, after step ${number}: ${story.at(-2)}`, {
      cause: error,
    });
  }
}

async function takeStep(world: World, number: number): Promise<void> {
  const { random, limber, say } = world;
  for (;;) {
    const step = choose(random);
    const said = await step.perform(world);
    if (said === null) {
      // It does not fit now; another one may, and in the end Limber mends what it lacks.
      await delay(10);
      continue;
    }
    say(`${number}. ${said}`);
    break;
  }
  if (random.chance(0.4)) await atRest(limber, settleDeadlineMs);
  else await delay(random.below(150));
}

function choose(random: Random): Step {
  let at = random.below(steps.reduce((sum, step) => sum + step.weight, 0));
  return steps.find((step) => {
    at -= step.weight;
    return at < 0;
  })!;
}

async function account(
  world: World,
  { seed, steps: count }: ChaosOptions,
  began: number,
): Promise<ChaosReport> {
  const { limber, ledgers, deaths, beside, say } = world;
  await Promise.all(beside);
  await atRest(limber, settleDeadlineMs);
  await Promise.all(
    Object.values(groups).map((id) => wholeAgain(limber, id, { deadlineMs: settleDeadlineMs })),
  );
  await eventually(async () => configurationServerOf(world));
  let problems: readonly string[] = [];
  await eventually(async () => {
    problems = await leftovers(limber);
    return problems.length === 0;
  }).catch(() => {});
  say('everything is at rest');
  await Promise.all(ledgers.map((ledger) => ledger.stop()));
  const unexplained: string[] = [];
  let [acknowledged, explained] = [0, 0];
  for (const ledger of ledgers) {
    const audit = await ledger.audit();
    acknowledged += audit.acknowledged;
    unexplained.push(...audit.wrong.map((key) => `${ledger.name}: ${key} holds another value`));
    const own = deaths.filter(({ group, shard }) => group === ledger.group && shard === ledger.shard);
    for (const { what, acknowledgedAt } of audit.lost) {
      const isExplained =
        ledger.group !== groups.durable && own.some(({ at }) => Math.abs(acknowledgedAt - at) < lagMs);
      if (isExplained) explained += 1;
      else
        unexplained.push(
          `${ledger.name}: ${what}, acknowledged at ${((acknowledgedAt - began) / 1000).toFixed(2)} s`,
        );
    }
  }
  const seconds = (performance.now() - began) / 1000;
  const primaryDeaths = deaths.length;
  return { seed, steps: count, seconds, primaryDeaths, acknowledged, explained, unexplained, problems };
}

/** The folder of the run is cleared away at its end: what tells why stays. */
function keepEvidence({ limber, say }: World, seed: number, story: readonly string[]): void {
  const base = join(tmpdir(), `limber-chaos-${seed}`);
  copyFileSync(join(limber.dataDirectory, '..', 'limber.log'), `${base}.log`);
  say(`Limber's log and the story of this run are kept: ${base}.log, ${base}.story`);
  writeFileSync(`${base}.story`, `${story.join('\n')}\n`);
}
