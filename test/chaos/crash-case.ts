/**
 * One row of the crash table: Limber dies at a named gap in the middle of an operation, a new Limber starts, and what
 * is there then is checked from outside.
 */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import type { WriteChecker } from '../../bench/lib/write-checker.ts';
import type { LimberStatus } from '../../src/cli/admin-client.ts';
import { eventually } from '../support/eventually.ts';
import { type Limber, startLimber } from '../support/limber.ts';
import { type BrokenEngines, brokenEngines, mendEngines } from './broken-engine.ts';
import { type LeadWatch, watchLeads } from './lead-watch.ts';
import { atRest, leftovers, readRows } from './leftovers.ts';

export interface Scene {
  readonly limber: Limber;
  /** Null where the engines cannot be broken. */
  readonly engines: BrokenEngines | null;
  /** A name that only this row uses. */
  readonly id: string;
}

/** What happens before Limber is told where to die, and what is looked at when another one has come to rest. */
export interface Operation {
  readonly title: string;
  /** What must be there before. */
  prepare?(scene: Scene): Promise<unknown>;
  /** Passes the point. The API may break off: Limber dies meanwhile. */
  perform(scene: Scene): Promise<unknown>;
  /** What else breaks while no Limber runs. */
  strike?(scene: Scene): Promise<unknown>;
  /** The end is what was asked for; throws where not. */
  check(scene: Scene, status: LimberStatus): Promise<unknown> | unknown;
  /** Ends what `prepare` and `perform` made, when it is not to stay. */
  clear(scene: Scene): Promise<unknown>;
  /** Clients that write all the while; what they may lose at most. */
  writers?(scene: Scene): Promise<WriteChecker>;
  readonly lostMax?: number;
  /** How often another node may come to take writes; not watched when absent. */
  readonly leadsMax?: number;
}

export interface CrashCase {
  /** As `LIMBER_FAULT_POINT` takes it. */
  readonly point: string;
  readonly operation: Operation;
  /** The Limber that comes after dies too, here. */
  readonly again?: string;
  /** Only with LIMBER_TEST_FULL=1: what it shows is shown by a neighbour too. */
  readonly isFull?: boolean;
}

const isFullRun = process.env.LIMBER_TEST_FULL === '1';
const crashWithinMs = 20_000;

/** All rows on one Limber, one after the other. `canBreak`: with engines that can be told not to start. */
export function describeCrashes(
  title: string,
  cases: readonly CrashCase[],
  { canBreak = false }: { readonly canBreak?: boolean } = {},
): void {
  const chosen = cases.filter((one) => isFullRun || !one.isFull);
  if (chosen.length === 0) return;
  describe(title, () => {
    let limber: Limber;
    let engines: BrokenEngines | null = null;
    const start = () => startLimber(engines ? { env: engines.env } : {});
    before(async () => {
      if (canBreak) engines = await brokenEngines();
      limber = await start();
    });
    after(() => {
      if (engines) rmSync(engines.directory, { recursive: true });
    });
    for (const [index, one] of chosen.entries())
      it(`${one.operation.title}: Limber dies at ${one.point}${one.again ? `, and again at ${one.again}` : ''}`, async () => {
        try {
          await crash(one, { limber, engines, id: `c${index}` });
        } catch (error) {
          // The next row is to begin with nothing.
          if (engines) mendEngines(engines);
          await limber.end();
          limber = await start();
          throw error;
        }
      });
  });
}

async function crash({ point, operation, again }: CrashCase, scene: Scene): Promise<void> {
  const { limber } = scene;
  await operation.prepare?.(scene);
  // What is taken up again at the start may pass the point before Limber is healthy.
  await limber.restart({ env: { LIMBER_FAULT_POINT: point } }).catch(ifAlive(limber));
  const writers = await operation.writers?.(scene);
  const watch: LeadWatch | null = operation.leadsMax === undefined ? null : watchLeads(nodesOf(scene));
  try {
    await Promise.race([operation.perform(scene).catch(ifAlive(limber)), limber.ended]);
    await eventually(() => !limber.isRunning, {
      deadlineMs: crashWithinMs,
    });
    assert.equal(await limber.ended, 'SIGKILL', 'it died at the fault point');
    await operation.strike?.(scene);
    if (again !== undefined) {
      await limber.restart({ env: { LIMBER_FAULT_POINT: again } }).catch(ifAlive(limber));
      await eventually(() => !limber.isRunning, { deadlineMs: crashWithinMs });
    }
    await limber.restart();
    const status = await atRest(limber);
    await writers?.progress(5, 10_000);
    await operation.check(scene, status);
    await nothingLeft(limber);
  } finally {
    await writers?.stop();
    await watch?.stop();
  }
  if (watch)
    assert.ok(
      watch.leads.length <= 1 + operation.leadsMax!,
      `took writes in turn: ${watch.leads.join(', ')}`,
    );
  if (writers) {
    const { lost, wrong, acknowledged } = await writers.verify();
    assert.ok(
      lost <= (operation.lostMax ?? 0) && wrong === 0,
      `of ${acknowledged} acknowledged writes ${lost} are lost, ${wrong} wrong`,
    );
  }
  await operation.clear(scene);
  await atRest(limber);
  await nothingLeft(limber);
}

/** The configuration server hears a moment later what it is to serve no longer. */
const nothingLeft = (limber: Limber): Promise<boolean> =>
  eventually(async (see) => see(await leftovers(limber)).length === 0);

const nodesOf = ({ limber, id }: Scene) => readRows(limber).nodes.filter((node) => node.id.startsWith(id));

/** Whatever a call says when Limber dies under it is no news. */
function ifAlive(limber: Limber): (error: unknown) => Promise<void> {
  return async (error) => {
    await eventually(() => !limber.isRunning, { deadlineMs: 2_000 }).catch(() => {
      throw error;
    });
  };
}
