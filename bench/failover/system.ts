/** Something that fails over, as the measurement sees it, and one measurement of it. */
import { setTimeout as delay } from 'node:timers/promises';
import { type Address, askOnce, connectResp, type RespClient } from '../lib/resp-client.ts';
import type { Route } from '../lib/routes.ts';
import { startWriteChecker } from '../lib/write-checker.ts';

export const faults = ['kill', 'hang', 'planned'] as const;
export type Fault = (typeof faults)[number];

/** One shard in good health: a primary and a replica that holds all its data. */
export interface Target {
  readonly route: Route;
  /** Where the primary and the replica are, whatever endpoint leads to them. */
  readonly primary: Address;
  readonly replica: Address;
  /** True when the primary that is struck (not on purpose) comes back and leads again: with its own files. */
  readonly returnsToLead?: boolean;
  /** Cluster: texts whose slots the shard serves. */
  readonly hashTags?: readonly string[];
  /** kill: SIGKILL; hang: SIGSTOP, both to the primary's process; planned: by whatever the system offers. */
  strike(fault: Fault): void | Promise<void>;
  /** After the measurement: brings the node back where the system does not do so. */
  repair(): Promise<void>;
}

export interface FailoverSystem {
  readonly name: string;
  /** True: the dead node comes back without anybody's help. */
  readonly repairsItself: boolean;
  /** Waits until everything is well. */
  ready(): Promise<Target>;
}

export interface Measurement {
  /** The longest time without any acknowledgement after the fault, milliseconds. */
  readonly gapMs: number;
  /** The longest that one of the connections waited. */
  readonly longestOfOneMs: number;
  /** The same before the fault: the noise of the writers themselves. */
  readonly calmGapMs: number;
  /** From the fault until a replica has acknowledged a new write; null when not measured. */
  readonly redundantMs: number | null;
  readonly acknowledged: number;
  readonly lost: number;
  readonly wrong: number;
}

export interface MeasureOptions {
  readonly fault: Fault;
  /** Writing before the fault, milliseconds. */
  readonly calmMs: number;
  /** Pause of each connection between two writes, milliseconds; default 0. */
  readonly pauseMs?: number;
  readonly deadlineMs: number;
}

/** Sentinel tells clients to move about a second after the replica was promoted. */
const afterPlannedMs = 2_000;

/** Leaves the system repaired, but not yet in good health: `ready` waits for that. */
export async function measureFailover(
  system: FailoverSystem,
  { fault, calmMs, pauseMs = 0, deadlineMs }: MeasureOptions,
): Promise<Measurement> {
  const target = await system.ready();
  const { route, hashTags } = target;
  const checker = startWriteChecker({ route, pauseMs, ...(hashTags ? { hashTags } : {}) });
  try {
    await checker.progress(10, deadlineMs);
    checker.mark();
    await delay(calmMs);
    const calmGapMs = checker.gap().longestMs;
    const struckAt = checker.mark();
    await target.strike(fault);
    if (fault === 'planned') {
      await untilLeads(target.replica, deadlineMs);
      // Who goes on writing to the old primary meanwhile is a part of the measurement.
      await delay(afterPlannedMs);
    }
    await checker.progress(50, deadlineMs);
    const { longestMs, longestOfOneMs } = checker.gap();
    const redundantMs =
      system.repairsItself && fault !== 'planned'
        ? (await untilRedundant(target, deadlineMs)) - struckAt
        : null;
    await checker.stop();
    const leader = target.returnsToLead && fault !== 'planned' ? target.primary : target.replica;
    const { acknowledged, lost, wrong } = await checker.verify(leader);
    await checker.clear(leader);
    return { gapMs: longestMs, longestOfOneMs, calmGapMs, redundantMs, acknowledged, lost, wrong };
  } finally {
    await checker.stop();
    await target.repair();
    route.close();
  }
}

async function untilLeads(node: Address, deadlineMs: number): Promise<void> {
  const end = performance.now() + deadlineMs;
  while (!(await askOnce(node, 'INFO', 'replication').then(saysPrimary, () => false))) {
    if (performance.now() > end) throw new Error(`${node.address} does not lead after ${deadlineMs} ms`);
    await delay(2);
  }
}

const saysPrimary = (info: unknown): boolean => /^role:master/m.test(String(info));

/**
 * When a replica has acknowledged a write made after the fault: link up or `state=online` would be too early, since a
 * replica shows both up to a second before it takes part.
 */
async function untilRedundant({ route, hashTags }: Target, deadlineMs: number): Promise<number> {
  const key = `bench:{${hashTags?.[0] ?? ''}}:redundant`;
  const end = performance.now() + deadlineMs;
  let client: RespClient | null = null;
  while (performance.now() < end) {
    try {
      // A writer may have just been sent to the other node, which is not there yet.
      client ??= await connectResp(route.current());
      await client.ask('SET', key, 1);
      if (Number(await client.ask('WAIT', 1, 50)) < 1) continue;
      client.close();
      return performance.now();
    } catch {
      client?.close();
      client = null;
      await delay(1);
    }
  }
  client?.close();
  throw new Error(`no replica holds the data ${deadlineMs} ms after the failover`);
}

/** As many texts as connections, whose slots a node serves; asked from the engine. */
export async function hashTagsOf(
  node: Address,
  ranges: readonly (readonly [first: number, last: number])[],
  count = 8,
): Promise<{ hashTags: string[]; slot: number }> {
  const client = await connectResp(node);
  const hashTags: string[] = [];
  let slot = 0;
  for (let number = 0; hashTags.length < count; number += 1) {
    const of = Number(await client.ask('CLUSTER', 'KEYSLOT', `t${number}`));
    if (!ranges.some(([first, last]) => of >= first && of <= last)) continue;
    hashTags.push(`t${number}`);
    slot = of;
  }
  client.close();
  return { hashTags, slot };
}
