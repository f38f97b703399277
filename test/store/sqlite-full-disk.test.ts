/** A disk without room: what can still be recorded, what is refused, and how it heals. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { createLog } from '../../src/platform/log.ts';
import { type Store, StoreUnavailable } from '../../src/store/contract.ts';
import * as rows from './rows.ts';
import { openStore, stoppedClock, temporaryDirectory } from './stores.ts';

/** A file system of its own of 8 MiB; null where that needs rights that we do not have. */
function smallDisk(t: TestContext): string | null {
  const directory = temporaryDirectory(t);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m,mode=700', 'limber-test', directory], {
      stdio: 'pipe',
    });
  } catch {
    return null;
  }
  return directory;
}

function onSmallDisk(title: string, body: (t: TestContext, directory: string) => Promise<void>): void {
  it(title, async (t) => {
    const directory = smallDisk(t);
    if (directory === null) return t.skip('needs the right to mount a tmpfs');
    try {
      await body(t, directory);
    } finally {
      execFileSync('umount', ['--lazy', directory]);
    }
  });
}

/** Writes into a file until there is no room for another page; returns its path. */
function fill(directory: string, name: string): string {
  const path = join(directory, name);
  const file = openSync(path, 'w');
  const page = Buffer.alloc(4096, 1);
  try {
    for (;;) writeSync(file, page);
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC');
  } finally {
    closeSync(file);
  }
  return path;
}

/** One list of two rows that must both be there or not at all. */
const record = (store: Store, number: number, version = number): Promise<void> =>
  store.commit([
    { add: 'event', row: rows.event(`${number} ${'x'.repeat(2000)}`) },
    { put: 'setting', row: rows.setting('number', `${number}`, version) },
  ]);

async function recordUntilRefused(store: Store, first: number): Promise<number> {
  for (let number = first; number < first + 5000; number += 1)
    try {
      await record(store, number);
    } catch (error) {
      assert.ok(error instanceof StoreUnavailable, String(error));
      assert.match(error.message, /make room on its disk; nothing of this change was written/);
      return number - 1;
    }
  throw new Error('never refused');
}

async function assertWhole(store: Store, number: number): Promise<void> {
  const filter = { ...rows.scope, from: 0, until: Number.MAX_SAFE_INTEGER };
  const events = await store.events(filter, { before: null, limit: 10_000 });
  assert.equal((await store.setting('number'))?.value, `${number}`);
  assert.equal(events.length, number);
}

describe('sqlite store: a full disk', () => {
  onSmallDisk('frees its ballast to record what happens then, and says so loudly', async (t, directory) => {
    const lines: string[] = [];
    const log = createLog('error', (line) => lines.push(line));
    const store = await openStore(t, directory, { log });
    const ballast = join(directory, 'state.ballast');
    assert.equal(statSync(ballast).size, 1024 * 1024);
    fill(directory, 'filler');
    for (let number = 1; number <= 30; number += 1) await record(store, number);
    assert.equal(store.diskFull, true);
    assert.equal(existsSync(ballast), false);
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? '', /the disk of the state file is full: make room/);
    await assertWhole(store, 30);
    await store.close();
  });

  onSmallDisk(
    'refuses without ballast, keeps what it has readable, and heals with the disk',
    async (t, directory) => {
      const clock = stoppedClock();
      const store = await openStore(t, directory, { clock });
      const fillers = [fill(directory, 'filler')];
      await record(store, 1);
      fillers.push(fill(directory, 'filler-2'));
      const last = await recordUntilRefused(store, 2);
      await assertWhole(store, last);
      for (const filler of fillers) rmSync(filler);
      await record(store, last + 1);
      assert.equal(store.diskFull, true, 'looks for room only every 10 s');
      clock.advance(10_000);
      await record(store, last + 2);
      assert.equal(store.diskFull, false);
      assert.equal(statSync(join(directory, 'state.ballast')).size, 1024 * 1024);
      await assertWhole(store, last + 2);
      await store.close();
    },
  );

  onSmallDisk('opens on a full disk with the help of its ballast', async (t, directory) => {
    const store = await openStore(t, directory);
    await record(store, 1);
    await store.close();
    fill(directory, 'filler');
    const again = await openStore(t, directory);
    assert.equal(again.diskFull, true);
    await record(again, 2);
    await assertWhole(again, 2);
    await again.close();
  });

  onSmallDisk(
    'refuses to open when even the ballast is gone, and opens once there is room',
    async (t, directory) => {
      const store = await openStore(t, directory);
      await record(store, 1);
      await store.close();
      rmSync(join(directory, 'state.ballast'));
      const filler = fill(directory, 'filler');
      await assert.rejects(openStore(t, directory), StoreUnavailable);
      rmSync(filler);
      const again = await openStore(t, directory);
      await assertWhole(again, 1);
      assert.equal(again.olderCopy, false);
      await again.close();
    },
  );

  it('refuses a whole list when the file may not grow, and goes on when rows were forgotten', async (t) => {
    const store = await openStore(t, temporaryDirectory(t), { pageCountMax: 100 });
    const last = await recordUntilRefused(store, 1);
    assert.ok(last > 10, `refused after ${last}`);
    assert.equal(store.diskFull, true);
    await assertWhole(store, last);
    assert.equal(await store.forgetBefore(rows.now + 1), last);
    await record(store, 1, last + 1);
    await assertWhole(store, 1);
  });
});
