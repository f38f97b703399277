/** A primary killed with more and more data in it: the kernel frees the memory before it closes the sockets. */
import { fillGroup } from '../failover/fill.ts';
import { limberSystem } from '../failover/limber-system.ts';
import { type Measurement, measureFailover } from '../failover/system.ts';
import { createGroup, deleteGroup, limberFor, untilSettled } from '../lib/limber-under-test.ts';
import { figure, spread } from '../lib/report.ts';
import { summarise } from '../lib/statistics.ts';
import type { Suite, SuiteOptions, Table } from '../lib/suite.ts';
import { cmdName, lossText, type Row, redundancyText } from './failover.ts';

export const failoverWithDataSuite: Suite = {
  name: 'failover-with-data',
  title: 'Failover with much data',
  async run(options) {
    const rows = await measureGrowth(options);
    return { tables: [growthTable(rows)], goals: [], values: rows };
  },
};

async function measureGrowth({
  scope,
  isQuick,
  rounds: wanted,
  say,
}: SuiteOptions): Promise<(Row & { gib: number })[]> {
  const limber = await limberFor(scope);
  const client = limber.client();
  const rows: (Row & { gib: number })[] = [];
  for (const [gib, usual] of isQuick
    ? ([[0.1, 1]] as const)
    : ([
        [1, 9],
        [4, 5],
      ] as const)) {
    const rounds = isQuick ? 1 : (wanted ?? usual);
    const groupId = `with-${Math.round(gib * 1024)}-mib`;
    const shape = { NumNodeGroups: 1, ReplicasPerNodeGroup: 1, CacheNodeType: 'cache.r7g.large' };
    await createGroup(client, { ReplicationGroupId: groupId, ...shape });
    await fillGroup(await untilSettled(limber, groupId), gib);
    const name = `${cmdName}, ${gib} GiB`;
    const system = limberSystem({ limber, name, groupId, isClusterMode: false });
    const row = { system: name, fault: 'kill' as const, repairsItself: true, gib, runs: [] as Measurement[] };
    for (let round = 0; round < rounds; round += 1) {
      const run = await measureFailover(system, {
        fault: 'kill',
        calmMs: 500,
        pauseMs: 1,
        deadlineMs: 120_000,
      });
      say(`${name}: gap ${figure(run.gapMs)} ms, redundant after ${figure(run.redundantMs ?? NaN)} ms`);
      row.runs.push(run);
    }
    rows.push(row);
    await deleteGroup(client, groupId);
  }
  return rows;
}

function growthTable(rows: readonly (Row & { gib: number })[]): Table {
  return {
    title: 'kill -9 with data (cluster mode disabled)',
    columns: ['GiB', 'runs', 'gap ms: median (quartiles)', 'writes lost', 'redundant again s'],
    rows: rows.map((row) => [
      String(row.gib),
      String(row.runs.length),
      spread(summarise(row.runs.map((run) => run.gapMs))),
      lossText(row),
      redundancyText(row),
    ]),
    note: 'Writers pause 1 ms between two writes here.',
  };
}
