/** What survives when the process that holds the SQLite store is killed. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { describe, it, type TestContext } from 'node:test';
import { StoreLocked } from '../../src/store/contract.ts';
import * as rows from './rows.ts';
import { openStore, temporaryDirectory } from './stores.ts';

type Line = { readonly open?: number; readonly child?: number; readonly committed?: number };

interface Writer {
  readonly process: ChildProcess;
  readonly lines: Line[];
  /** Resolves when a line fulfils the condition; rejects when the process ends before. */
  until(condition: (line: Line) => boolean): Promise<Line>;
  /** SIGKILL, and the exit observed. */
  kill(): Promise<void>;
}

function startWriter(t: TestContext, directory: string, task: string, env: object = {}): Writer {
  const child = spawn(process.execPath, [`${import.meta.dirname}/writer-process.ts`, directory, task], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  const lines: Line[] = [];
  const exited = once(child, 'exit');
  createInterface({ input: child.stdout }).on('line', (text) => {
    const line = JSON.parse(text) as Line;
    lines.push(line);
    child.emit('said', line);
  });
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exited;
  };
  t.after(kill);
  const until = (condition: (line: Line) => boolean): Promise<Line> => {
    const said = lines.find(condition);
    if (said !== undefined) return Promise.resolve(said);
    return new Promise((resolve, reject) => {
      child.on('said', (line: Line) => condition(line) && resolve(line));
      child.once('exit', () => reject(new Error(`the writer ended after ${JSON.stringify(lines.at(-1))}`)));
    });
  };
  return { process: child, lines, until, kill };
}

/** The number that all four tables of the writer agree on; 0 when they are all empty. */
async function agreedNumber(t: TestContext, directory: string): Promise<number> {
  const store = await openStore(t, directory);
  const number = Number((await store.setting('number'))?.value ?? 0);
  const orders = await store.resource({ ...rows.scope, kind: 'replication-group', id: 'orders' });
  const node = await store.node('node');
  const filter = { ...rows.scope, from: 0, until: Number.MAX_SAFE_INTEGER };
  const events = await store.events(filter, { before: null, limit: 1_000_000 });
  assert.deepEqual([orders?.version ?? 0, node?.version ?? 0, events.length], [number, number, number]);
  await store.close();
  return number;
}

describe('sqlite store: a killed holder', () => {
  it('leaves only whole commits, and every one that was answered, after kill -9 in a storm of commits', async (t) => {
    const directory = temporaryDirectory(t);
    let answered = 0;
    for (const more of [1, 40, 150, 15, 90]) {
      const writer = startWriter(t, directory, 'storm');
      await writer.until((line) => (line.committed ?? 0) >= answered + more);
      await writer.kill();
      const last = writer.lines.at(-1)?.committed ?? 0;
      answered = await agreedNumber(t, directory);
      assert.ok(answered === last || answered === last + 1, `answered ${last}, found ${answered}`);
    }
  });

  it('leaves nothing of a commit that was killed just before it, and all of one killed just after', async (t) => {
    for (const [faultPoint, found] of [
      ['store-before-commit', 0],
      ['store-after-commit', 1],
    ] as const) {
      const directory = temporaryDirectory(t);
      const writer = startWriter(t, directory, 'one', { LIMBER_FAULT_POINT: faultPoint });
      const [, signal] = await once(writer.process, 'exit');
      assert.equal(signal, 'SIGKILL');
      assert.equal(await agreedNumber(t, directory), found, faultPoint);
    }
  });
});

describe('sqlite store: one holder per data directory', () => {
  it('refuses a second opener and says who holds it, and admits it once the holder was killed', async (t) => {
    const directory = temporaryDirectory(t);
    const holder = startWriter(t, directory, 'hold');
    const { open: pid } = await holder.until((line) => line.open !== undefined);
    await assert.rejects(openStore(t, directory), (error: Error) => {
      assert.ok(error instanceof StoreLocked);
      assert.match(error.message, new RegExp(`\\(pid ${pid}, since .*\\) runs with .*${directory}`));
      return true;
    });
    await holder.kill();
    await openStore(t, directory);
  });

  it('does not hand the lock to the processes that the holder leaves behind', async (t) => {
    const directory = temporaryDirectory(t);
    const holder = startWriter(t, directory, 'hold-with-child');
    const { child } = await holder.until((line) => line.child !== undefined);
    t.after(() => process.kill(child!, 'SIGKILL'));
    await holder.until((line) => line.open !== undefined);
    await holder.kill();
    await openStore(t, directory);
    assert.ok(process.kill(child!, 0), 'the child lives');
  });

  it('refuses a second opener in the same process, which costs the first one nothing', async (t) => {
    const directory = temporaryDirectory(t);
    const first = await openStore(t, directory);
    await assert.rejects(openStore(t, directory), StoreLocked);
    const other = startWriter(t, directory, 'one'); // the refused opener must not have dropped the lock
    await assert.rejects(
      other.until((line) => line.open !== undefined),
      /ended/,
    );
    await first.commit([{ put: 'setting', row: rows.setting('a', '1') }]);
    await first.close();
    const second = await openStore(t, directory);
    assert.equal((await second.setting('a'))?.value, '1');
  });
});
