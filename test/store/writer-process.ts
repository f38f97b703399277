/**
 * A process of its own that holds a store, for tests that kill it. Arguments: directory, and what to do:
 * `hold` the store · `hold-with-child`: also leave a detached process behind, as engines are · `storm`: commit
 * numbered lists without end · `one`: commit one list and exit. Prints a JSON line for each thing done.
 */
import { spawn } from 'node:child_process';
import { systemClock } from '../../src/platform/clock.ts';
import { createLog } from '../../src/platform/log.ts';
import { type Change, StoreLocked } from '../../src/store/contract.ts';
import { openSqliteStore } from '../../src/store/sqlite/open-sqlite-store.ts';
import * as rows from './rows.ts';

const [directory, task] = process.argv.slice(2);
if (directory === undefined) throw new Error('give a directory');
const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);
const store = await openSqliteStore({ directory, clock: systemClock, log: createLog('error') }).catch(
  (error) => {
    if (error instanceof StoreLocked) process.exit(3);
    throw error;
  },
);

if (task === 'hold-with-child') {
  const idle = ['-e', 'setInterval(() => {}, 1000)'];
  const child = spawn(process.execPath, idle, { detached: true, stdio: 'ignore' });
  child.unref();
  say({ child: child.pid });
}
say({ open: process.pid });
if (task === 'one') await store.commit(numbered(1));
else if (task === 'storm')
  for (let number = Number((await store.setting('number'))?.value ?? 0) + 1; ; number += 1) {
    await store.commit(numbered(number));
    say({ committed: number });
  }
else setInterval(() => {}, 1000);
if (task === 'one') await store.close();

/** Four rows of four tables that must all say the same number, or none of them. */
function numbered(number: number): Change[] {
  const orders = rows.replicationGroup('orders', { version: number, incarnation: 'orders' });
  return [
    { put: 'resource', row: orders },
    { put: 'node', row: rows.cacheNode({ incarnation: 'node', version: number }) },
    { add: 'event', row: rows.event(`${number}`) },
    { put: 'setting', row: rows.setting('number', `${number}`, number) },
  ];
}
