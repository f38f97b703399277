/** The primary endpoint of a Limber group against the same engine, with the same settings, started by hand. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { InstalledEngine } from '../../src/engine-store/contract.ts';
import type { Limber } from '../../test/support/limber.ts';
import { bareAddresses } from '../lib/bare-addresses.ts';
import { engineOfVersion, runEngineProgram, startBareEngine } from '../lib/bare-engine.ts';
import { createGroup, limberFor, untilSettled } from '../lib/limber-under-test.ts';
import { figure, interval } from '../lib/report.ts';
import { type Address, askOnce } from '../lib/resp-client.ts';
import type { Scope } from '../lib/scope.ts';
import { median, ratioOfMedians } from '../lib/statistics.ts';
import type { Suite, SuiteOptions, SuiteResult } from '../lib/suite.ts';

interface Pair {
  readonly shape: string;
  readonly engine: InstalledEngine;
  readonly limber: Address;
  readonly bare: Address;
}

interface Row {
  readonly shape: string;
  readonly pipeline: number;
  readonly test: string;
  /** Requests a second, a value per round; the same round at the same place. */
  readonly limber: number[];
  readonly bare: number[];
}

/** Enough for a second or more each, so that starting the program does not count. */
const workloads = [
  { pipeline: 1, requests: 150_000 },
  { pipeline: 16, requests: 800_000 },
] as const;

export const endpointSuite: Suite = {
  name: 'endpoint',
  title: 'Primary endpoint against the bare engine',
  async run(options): Promise<SuiteResult> {
    const rows = await measure(options);
    const results = rows.map((row) => ({ row, ratio: ratioOfMedians(row.limber, row.bare) }));
    const worst = results.reduce((a, b) => (b.ratio.high < a.ratio.high ? b : a));
    return {
      tables: [
        {
          title: 'Throughput',
          columns: ['group', 'pipeline', 'command', 'bare requests/s', 'Limber requests/s', 'ratio [95 %]'],
          rows: results.map(({ row, ratio }) => [
            row.shape,
            String(row.pipeline),
            row.test,
            figure(median(row.bare)),
            figure(median(row.limber)),
            interval(ratio),
          ]),
          note:
            `Medians of ${rows[0]!.bare.length} interleaved rounds with the engine's own benchmark program: 50 connections, 100 ` +
            'bytes, 100,000 keys. The bare engine runs the config file of the Limber node, without its users, passwords and ' +
            'endpoint address; in "1+1" both have a replica.',
        },
      ],
      goals: [
        {
          what: 'primary endpoint / bare engine, worst of all',
          goal: '≥ 0.97 within its confidence interval',
          measured: `${interval(worst.ratio)} (${worst.row.shape}, ${worst.row.test}, pipeline ${worst.row.pipeline})`,
          isMet: results.every(({ ratio }) => ratio.high >= 0.97),
        },
      ],
      values: rows,
    };
  },
};

async function measure({ scope, isQuick, rounds: wanted, say }: SuiteOptions): Promise<Row[]> {
  const limber = await limberFor(scope);
  const pairs = [await startPair(scope, limber, 0)];
  if (!isQuick) pairs.push(await startPair(scope, limber, 1));
  const rows: Row[] = [];
  const rounds = isQuick ? 1 : (wanted ?? 11);
  for (let round = 0; round < rounds; round += 1) {
    for (const { shape, engine, ...sides } of pairs)
      for (const { pipeline, requests } of workloads) {
        // The one that goes first changes: the second finds a warmer machine.
        const order = round % 2 === 0 ? (['limber', 'bare'] as const) : (['bare', 'limber'] as const);
        for (const side of order) {
          const results = await runBenchmark(engine, sides[side], pipeline, isQuick ? 5_000 : requests);
          for (const [test, perSecond] of results)
            rowOf(rows, { shape, pipeline, test })[side].push(perSecond);
        }
      }
    say(`round ${round + 1} of ${rounds}`);
  }
  return rows;
}

function rowOf(rows: Row[], key: Pick<Row, 'shape' | 'pipeline' | 'test'>): Row {
  const { shape, pipeline, test } = key;
  const known = rows.find((row) => row.shape === shape && row.pipeline === pipeline && row.test === test);
  if (known) return known;
  const row: Row = { ...key, limber: [], bare: [] };
  rows.push(row);
  return row;
}

async function startPair(scope: Scope, limber: Limber, replicas: 0 | 1): Promise<Pair> {
  const id = `endpoint-${replicas}`;
  await createGroup(limber.client(), {
    ReplicationGroupId: id,
    NumNodeGroups: 1,
    ReplicasPerNodeGroup: replicas,
    CacheNodeType: 'cache.r7g.large',
  });
  const { members, endpoints, version } = await untilSettled(limber, id);
  const engine = await engineOfVersion(version!);
  const directory = await scope.directory();
  const [first, second] = bareAddresses(2) as [string, string];
  const node = async (address: string, like: Address) =>
    await startBareEngine(scope, {
      engine,
      address,
      port: 6379,
      directory: join(directory, address),
      lines: await settingsOf(limber, like),
    });
  const primary = members.find((member) => member.role === 'primary')!;
  const bare = await node(first, primary);
  const replica = members.find((member) => member.role === 'replica');
  if (replica) {
    const bareReplica = await node(second, replica);
    await askOnce(bareReplica, 'REPLICAOF', first, 6379);
    while (Number(await askOnce(bare, 'WAIT', 1, 1_000)) < 1);
  }
  const endpoint = endpoints.find(({ purpose }) => purpose === 'primary')!;
  return { shape: `1+${replicas}`, engine, limber: endpoint, bare };
}

/** What belongs to the node, and what only Limber needs. */
const notShared =
  /^(bind|bind-source-addr|port|dir|logfile|protected-mode|user|replicaof|(primary|master)(user|auth))\s/;

/** The config file of that node of Limber's, as far as a bare engine can have the same. */
async function settingsOf({ dataDirectory }: Limber, { address }: Address): Promise<string[]> {
  const nodes = join(dataDirectory, 'nodes');
  for (const incarnation of (await readdir(nodes)).filter((name) => !name.startsWith('.'))) {
    const lines = (await readFile(join(nodes, incarnation, 'engine.conf'), 'utf8')).split('\n');
    if (lines.includes(`bind ${address}`)) return lines.filter((line) => line && !notShared.test(line));
  }
  throw new Error(`no node in Limber's directory is bound to ${address}`);
}

async function runBenchmark(
  engine: InstalledEngine,
  { address, port }: Address,
  pipeline: number,
  requests: number,
): Promise<[test: string, perSecond: number][]> {
  const args = [
    '-h',
    address,
    '-p',
    port,
    '-c',
    50,
    '-d',
    100,
    '-r',
    100_000,
    '-P',
    pipeline,
    '-n',
    requests,
  ];
  const csv = await runEngineProgram(engine, 'benchmark', [...args.map(String), '-t', 'set,get', '--csv']);
  const rows = [...csv.matchAll(/^"(SET|GET)[^"]*","([\d.]+)"/gm)];
  if (rows.length !== 2)
    throw new Error(`the benchmark program printed something else: ${csv.slice(0, 500)}`);
  return rows.map(([, test, perSecond]) => [test!, Number(perSecond)]);
}
