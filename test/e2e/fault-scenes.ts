/** What the fault matrix is made of: the faults, whom they hit, and what was going on. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { open, readdir, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connectResp } from '../../bench/lib/resp-client.ts';
import { probeConfigurationServer } from '../../src/endpoints/memcached-configuration/control.ts';
import { eventually } from '../support/eventually.ts';
import type { Limber } from '../support/limber.ts';
import { directoryOf, isAlive, kill, type Node, resume, suspend } from './faults.ts';
import { manifestOf } from './kept-data.ts';

export const faults = [
  'kill -9',
  'hang',
  'slow',
  'wiped directory',
  'corrupt AOF',
  'damaged manifest',
  'full disk',
  'OOM',
] as const;
export const targets = [
  'primary',
  'replica',
  'two nodes',
  'all nodes',
  'Limber',
  'configuration endpoint',
] as const;
export const situations = [
  'idle',
  'under load',
  'during create',
  'during failover',
  'during delete',
] as const;

export type Fault = (typeof faults)[number];
export type Target = (typeof targets)[number];
export type Situation = (typeof situations)[number];

export interface FaultCase {
  readonly fault: Fault;
  readonly target: Target;
  readonly situation: Situation;
}

export const titleOf = ({ fault, target, situation }: FaultCase): string =>
  `${fault} × ${target} × ${situation}`;

/** Why a combination is no case of its own; null when it is one. */
export function whyNot({ fault, target, situation }: FaultCase): string | null {
  const isProcessFault = fault === 'kill -9' || fault === 'hang' || fault === 'slow';
  if (target === 'Limber' && !isProcessFault)
    return 'the state file has tests of its own (test/store), and an OOM kill is a kill -9';
  if (target === 'configuration endpoint') {
    if (!isProcessFault) return 'it keeps one small file, which Limber writes again';
    if (situation === 'during failover') return 'Memcached has none';
  }
  if (fault === 'full disk' && target !== 'all nodes') return 'all nodes of a machine share one disk';
  return null;
}

/** The nodes that a fault hits. `nodes`: those that live, the primary or who is to lead next first. */
export function victimsOf<T>(target: Target, nodes: readonly T[]): readonly T[] {
  switch (target) {
    case 'primary':
      return nodes.slice(0, 1);
    case 'replica':
      return nodes.slice(-1);
    case 'two nodes':
      return nodes.slice(0, 2);
    default:
      return nodes;
  }
}

/** 20 ms on, 20 ms off. */
async function slowDown(processes: readonly { readonly pid: number }[], forMs: number): Promise<void> {
  const end = performance.now() + forMs;
  while (performance.now() < end) {
    for (const one of processes) if (isAlive(one)) suspend(one);
    await delay(20);
    for (const one of processes) if (isAlive(one)) resume(one);
    await delay(20);
  }
}

async function damageFiles(limber: Limber, node: Node): Promise<void> {
  const folder = join(directoryOf(limber, node), 'data', 'appendonlydir');
  for (const name of await readdir(folder).catch(() => [])) {
    if (name.endsWith('.manifest')) continue;
    const file = await open(join(folder, name), 'r+');
    const { size } = await file.stat();
    await file.write(Buffer.alloc(Math.min(200, size), 'X'), 0, Math.min(200, size), Math.floor(size / 3));
    await file.close();
  }
}

/** The nodes may have no more memory than they have, and whoever leads is told to take some: their allocator ends them. */
async function exhaust(nodes: readonly Node[], victims: readonly Node[]): Promise<void> {
  for (const { pid } of victims) {
    const kib = Number(/^VmSize:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
    execFileSync('prlimit', ['--pid', String(pid), `--as=${(kib + 4096) * 1024}`]);
  }
  await eventually(async () => {
    for (const node of nodes) {
      const client = await connectResp(node, 1_000).catch(() => null); // starting, or dead
      await client?.send('SETRANGE', 'large', 96 * 2 ** 20, 'x').catch(() => {});
      client?.close();
    }
    return victims.every((victim) => !isAlive(victim));
  });
}

/** Brings it about on nodes. Gives the way to end what does not end by itself. */
export async function strikeNodes(
  limber: Limber,
  fault: Fault,
  victims: readonly Node[],
  nodes: readonly Node[],
): Promise<() => void> {
  const living = victims.filter(isAlive);
  switch (fault) {
    case 'kill -9':
      kill(...living);
      break;
    case 'hang':
      for (const one of living) suspend(one);
      return () => {
        for (const one of living) if (isAlive(one)) resume(one);
      };
    case 'slow':
      await slowDown(living, 1_200);
      break;
    case 'wiped directory':
      for (const one of living)
        await rm(directoryOf(limber, one), { recursive: true, force: true, maxRetries: 9 });
      kill(...living.filter(isAlive));
      break;
    case 'corrupt AOF':
      for (const one of living) await damageFiles(limber, one);
      kill(...living.filter(isAlive));
      break;
    case 'damaged manifest':
      for (const one of living) suspend(one); // or an engine would still write it anew
      for (const one of living) await truncate(manifestOf(limber, one), 10).catch(() => {}); // not made yet
      kill(...living.filter(isAlive));
      break;
    case 'OOM':
      await exhaust(nodes, living);
      break;
    case 'full disk':
      throw new Error('a full disk is brought about by the test');
    default:
      fault satisfies never;
  }
  return () => {};
}

/** On Limber, or on the process of the configuration endpoint. */
export async function strikeProcess(limber: Limber, fault: Fault, target: Target): Promise<void> {
  const server = target === 'Limber' ? limber : await configurationServer(limber);
  if (fault === 'slow') return slowDown([server], 1_200);
  if (fault === 'hang') {
    suspend(server);
    if (target !== 'Limber') return;
    await delay(1_500);
    resume(server);
    return;
  }
  if (target !== 'Limber') return kill(server);
  await limber.kill();
  await limber.restart();
}

async function configurationServer(limber: Limber): Promise<{ readonly pid: number }> {
  const server = await probeConfigurationServer(join(limber.dataDirectory, 'endpoints', 'memcached'));
  if (!server) throw new Error('the configuration server does not run');
  return server;
}
