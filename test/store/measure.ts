/**
 * Speed of the SQLite store, to be run by hand: `node test/store/measure.ts [directory]`. Prints percentiles in
 * milliseconds: a commit (row, event, operation; on disk), a page of 100 groups out of 1,000 with their nodes,
 * one group by id, opening.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { openSqliteStore } from '../../src/store/sqlite/open-sqlite-store.ts';
import * as rows from './rows.ts';

const directory = mkdtempSync(join(process.argv[2] ?? tmpdir(), 'limber-measure-'));
const options = { directory, clock: systemClock, log: silentLog };
const groups = { ...rows.scope, kind: 'replication-group' } as const;
let store = await openSqliteStore(options);

const created = Array.from({ length: 1000 }, (_, index) =>
  rows.replicationGroup(`group-${index.toString().padStart(4, '0')}`),
);
for (const row of created) {
  const node = { cacheIncarnation: row.incarnation, cacheClusterId: row.id };
  await store.commit([
    { put: 'resource', row },
    { put: 'node', row: rows.cacheNode(node) },
    { put: 'node', row: rows.cacheNode(node) },
  ]);
}

let number = 0;
const someGroup = () => {
  number += 7;
  return created[number % 899]!;
};
await measure('commit: resource, event, operation', 3000, () => {
  number += 1;
  const row = created[number % created.length]!;
  const next = { ...row, version: row.version + 1 };
  created[number % created.length] = next;
  return store.commit([
    { put: 'resource', row: next },
    { add: 'event', row: rows.event('available') },
    { put: 'operation', row: rows.operation(`op-${number}`) },
  ]);
});
await measure('commit: one setting', 3000, () => {
  number += 1; // SQLite writes nothing when nothing changes
  return store.commit([{ put: 'setting', row: rows.setting('a', `${number}`, number) }]);
});
await measure('page of 100 groups of 1,000', 500, () =>
  store.resources(groups, { after: someGroup().id, limit: 100 }),
);
await measure('the same with their 200 nodes', 500, async () => {
  const page = await store.resources(groups, {
    after: someGroup().id,
    limit: 100,
  });
  await store.nodesOf(page.map((row) => row.incarnation));
});
await measure('one group by id', 3000, () => store.resource(someGroup()));
await measure('close and open again', 20, async () => {
  await store.close();
  store = await openSqliteStore(options);
});
await store.close();
process.stdout.write(`state.db: ${Math.round(statSync(join(directory, 'state.db')).size / 1024)} KiB\n`);
rmSync(directory, { recursive: true });

async function measure(what: string, times: number, work: () => Promise<unknown>): Promise<void> {
  const taken: number[] = [];
  for (let round = 0; round < times; round += 1) {
    const before = performance.now();
    await work();
    taken.push(performance.now() - before);
  }
  taken.sort((a, b) => a - b);
  const at = (share: number) => taken[Math.floor(share * (taken.length - 1))]!.toFixed(3);
  process.stdout.write(`${what}: p50 ${at(0.5)} p99 ${at(0.99)} max ${at(1)} ms\n`);
}
