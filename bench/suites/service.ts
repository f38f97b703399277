/** Limber itself: how soon it serves, what it takes at rest, how fast it answers with many groups. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Limber } from '../../test/support/limber.ts';
import { createGroup, limberFor, untilSettled } from '../lib/limber-under-test.ts';
import { readUsage } from '../lib/process-usage.ts';
import { figure, spread } from '../lib/report.ts';
import { quantile, summarise } from '../lib/statistics.ts';
import type { Goal, Suite, SuiteOptions, SuiteResult, Table } from '../lib/suite.ts';
import { multiplyGroup } from '../service/multiply-group.ts';
import { timeNpmStart } from '../service/npm-start.ts';
import { openQueryClient } from '../service/query-client.ts';

interface Part {
  readonly table: Table;
  readonly goals: readonly Goal[];
  readonly values: unknown;
}

export const serviceSuite: Suite = {
  name: 'service',
  title: 'Limber itself',
  async run(options): Promise<SuiteResult> {
    const parts = [await measureStart(options), await measureRest(options), await measureDescribe(options)];
    return {
      tables: parts.map(({ table }) => table),
      goals: parts.flatMap(({ goals }) => goals),
      values: parts.map(({ values }) => values),
    };
  },
};

async function measureStart({ scope, isQuick, rounds, say }: SuiteOptions): Promise<Part> {
  const limber = await limberFor(scope);
  const count = isQuick ? 1 : (rounds ?? 11);
  const times = { up: [] as number[], npm: [] as number[] };
  for (let round = 0; round < count; round += 1) {
    await limber.stop();
    const startedAt = performance.now();
    await limber.restart();
    times.up.push(performance.now() - startedAt);
    if (!isQuick) times.npm.push(await timeNpmStart());
  }
  const up = summarise(times.up);
  const rows = [['`limber up`', String(up.count), spread(up)]];
  if (times.npm.length > 0)
    rows.push(['`npm start`', String(times.npm.length), spread(summarise(times.npm))]);
  say(`up: ${figure(up.median)} ms`);
  const worst = times.npm.length > 0 ? summarise(times.npm).median : up.median;
  return {
    table: {
      title: 'Start',
      columns: ['started by', 'runs', 'ms until healthy: median (quartiles)'],
      rows,
      note: 'Everything is set up, no caches. Healthy: `GET /healthz` answers with the new process’s pid, asked every 10 ms.',
    },
    goals: [
      {
        what: 'healthy after the start, when set up',
        goal: '≤ 0.8 s',
        measured: `${figure(worst)} ms`,
        isMet: worst <= 800,
      },
    ],
    values: times,
  };
}

async function measureRest({ scope, isQuick, say }: SuiteOptions): Promise<Part> {
  const limber = await limberFor(scope);
  const client = limber.client();
  const groups = isQuick ? 1 : 10;
  for (let number = 0; number < groups; number += 1)
    await createGroup(client, {
      ReplicationGroupId: `rest-${number}`,
      NumNodeGroups: 1,
      ReplicasPerNodeGroup: 1,
    });
  for (let number = 0; number < groups; number += 1) await untilSettled(limber, `rest-${number}`);
  // Creation has ended, and what it left behind in memory may be collected.
  await delay(isQuick ? 0 : 5_000);
  const seconds = isQuick ? 1 : 30;
  const before = readUsage(limber.pid);
  await delay(seconds * 1_000);
  const after = readUsage(limber.pid);
  const cpu = ((after.cpuMs - before.cpuMs) / (seconds * 1_000)) * 100;
  const { rssMiB, privateMiB } = after;
  say(`at rest: ${figure(rssMiB)} MiB, ${figure(cpu)} % of a core`);
  return {
    table: {
      title: `At rest with ${groups * 2} nodes (${groups} groups 1+1)`,
      columns: ['resident MiB', 'private MiB', '% of a core'],
      rows: [[figure(rssMiB), figure(privateMiB), figure(cpu)]],
      note: `Limber's process alone, over ${seconds} s, some seconds after the last creation; nobody asks anything.`,
    },
    goals: [
      {
        what: 'memory of Limber at rest (resident)',
        goal: '≤ 150 MB',
        measured: `${figure((rssMiB * 2 ** 20) / 1e6)} MB`,
        isMet: (rssMiB * 2 ** 20) / 1e6 <= 150,
      },
      {
        what: 'processor time of Limber at rest',
        goal: '≤ 2 % of a core',
        measured: `${figure(cpu)} %`,
        isMet: cpu <= 2,
      },
    ],
    values: { before, after, seconds },
  };
}

async function measureDescribe({ scope, isQuick, say }: SuiteOptions): Promise<Part> {
  const limber = await limberFor(scope);
  const count = isQuick ? 100 : 1_000;
  await fill(limber, count);
  const ask = openQueryClient(scope, limber);
  const repeat = async (times: number, parameters: (turn: number) => Record<string, string>) => {
    const values: number[] = [];
    for (let turn = 0; turn < times; turn += 1) {
      const startedAt = performance.now();
      const answer = await ask({ Action: 'DescribeReplicationGroups', ...parameters(turn) });
      values.push(performance.now() - startedAt);
      if (!answer.includes('<ReplicationGroupId>')) throw new Error(`not what was asked: ${answer}`);
    }
    return values;
  };
  const byId = (turn: number) => ({ ReplicationGroupId: `copy-${String(turn % count).padStart(4, '0')}` });
  await repeat(20, byId); // compiled by then
  const samples = {
    'a page of 100': await repeat(isQuick ? 5 : 500, () => ({ MaxRecords: '100' })),
    'one by id': await repeat(isQuick ? 20 : 2_000, byId),
  };
  const worst = Math.max(...Object.values(samples).map((values) => quantile(values, 0.99)));
  say(`Describe: p99 ${figure(worst)} ms`);
  return {
    table: {
      title: `DescribeReplicationGroups with ${count} groups in the store`,
      columns: ['what', 'calls', 'p50 ms', 'p99 ms', 'max ms'],
      rows: Object.entries(samples).map(([what, values]) => [
        what,
        String(values.length),
        ...[0.5, 0.99, 1].map((part) => figure(quantile(values, part))),
      ]),
      note: 'Signed requests one after the other on one connection, from before it is sent until the last byte is there.',
    },
    goals: [
      {
        what: `Describe with ${count} groups, p99`,
        goal: '≤ 15 ms',
        measured: `${figure(worst)} ms`,
        isMet: worst <= 15,
      },
    ],
    values: samples,
  };
}

/** One real group, copied in the store while Limber is away. */
async function fill(limber: Limber, count: number): Promise<void> {
  await createGroup(limber.client(), {
    ReplicationGroupId: 'pattern',
    NumNodeGroups: 1,
    ReplicasPerNodeGroup: 1,
  });
  await untilSettled(limber, 'pattern');
  await limber.stop();
  await multiplyGroup(limber.dataDirectory, 'pattern', count);
  await limber.restart();
}
