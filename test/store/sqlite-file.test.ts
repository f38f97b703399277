/** The state file itself: who may read it, and what is refused at the door without being touched. */
import assert from 'node:assert/strict';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it, type TestContext } from 'node:test';
import { StoreUnavailable } from '../../src/store/contract.ts';
import * as rows from './rows.ts';
import { openStore, stoppedClock, temporaryDirectory } from './stores.ts';

const pageBytes = 4096;

/** A directory as a killed Limber leaves it: half of the state in the file, half in its log. */
async function leftBehind(t: TestContext): Promise<string> {
  const directory = temporaryDirectory(t);
  const live = temporaryDirectory(t);
  await (await openStore(t, live)).close();
  const store = await openStore(t, live);
  for (const id of ['a', 'b', 'c']) await store.commit([{ put: 'resource', row: rows.replicationGroup(id) }]);
  for (const name of ['state.db', 'state.db-wal', 'state.generation'])
    cpSync(join(live, name), join(directory, name));
  await store.close();
  return directory;
}

const filesOf = (directory: string) =>
  ['state.db', 'state.db-wal'].map((name) => readFileSync(join(directory, name)).toString('base64'));

async function refuses(t: TestContext, directory: string, pattern: RegExp): Promise<void> {
  const before = filesOf(directory);
  await assert.rejects(openStore(t, directory), (error: Error) => {
    assert.ok(error instanceof StoreUnavailable, String(error.stack));
    assert.match(error.message, pattern);
    assert.ok(error.message.includes(join(directory, 'state.db')), error.message);
    return true;
  });
  assert.ok(
    filesOf(directory).every((content, index) => content === before[index]),
    'the files were changed',
  );
}

describe('sqlite store: a state file that cannot be trusted', () => {
  it('opens what a killed Limber left behind', async (t) => {
    const store = await openStore(t, await leftBehind(t));
    assert.equal(await store.countResources({ ...rows.scope, kind: 'replication-group' }), 3);
    assert.equal(store.olderCopy, false);
  });

  for (const [what, damage] of [
    ['that does not begin like one', (path: string) => writeFileSync(path, 'x'.repeat(pageBytes))],
    ['that was cut in half', (path: string) => truncateSync(path, 20 * pageBytes + 100)],
    ['that was emptied while its log remains', (path: string) => truncateSync(path, 0)],
    [
      'with overwritten pages',
      (path: string) => {
        const bytes = readFileSync(path);
        bytes.fill(0xa5, 5 * pageBytes, 9 * pageBytes);
        writeFileSync(path, bytes);
      },
    ],
  ] as const)
    it(`refuses a file ${what}, names it, says what to do and changes nothing`, async (t) => {
      const directory = await leftBehind(t);
      damage(join(directory, 'state.db'));
      await refuses(t, directory, /is damaged: .*Put a good copy in its place/);
      await refuses(t, directory, /is damaged/); // and the refusal left no lock behind
    });

  it('refuses a file of a newer schema', async (t) => {
    const directory = await leftBehind(t);
    const raw = new DatabaseSync(join(directory, 'state.db'));
    raw.exec('PRAGMA user_version = 99');
    raw.close();
    writeFileSync(join(directory, 'state.db-wal'), '');
    await refuses(t, directory, /has schema 99, this Limber knows schemas up to \d+/);
  });

  it('refuses a SQLite file of another program', async (t) => {
    const directory = temporaryDirectory(t);
    const raw = new DatabaseSync(join(directory, 'state.db'));
    raw.exec('CREATE TABLE theirs (x)');
    raw.close();
    writeFileSync(join(directory, 'state.db-wal'), '');
    await refuses(t, directory, /not one of Limber's/);
  });

  it('refuses a data directory that is a file, or that cannot be made', async (t) => {
    const file = join(temporaryDirectory(t), 'file');
    writeFileSync(file, '');
    await assert.rejects(openStore(t, file), StoreUnavailable);
    await assert.rejects(openStore(t, join(file, 'below')), StoreUnavailable);
  });

  it('gives up with a clear error when a foreign process keeps the file locked', async (t) => {
    const directory = temporaryDirectory(t);
    const store = await openStore(t, directory);
    const foreign = new DatabaseSync(join(directory, 'state.db'));
    t.after(() => foreign.close());
    foreign.exec('BEGIN IMMEDIATE');
    const commit = () => store.commit([{ put: 'setting', row: rows.setting('a', '1') }]);
    await assert.rejects(commit(), StoreUnavailable);
    foreign.exec('ROLLBACK');
    await commit();
  });
});

describe('sqlite store: who may read the state', () => {
  it('closes the directory and all files to others, whatever they were before', async (t) => {
    const directory = join(temporaryDirectory(t), 'limber', 'data');
    mkdirSync(directory, { recursive: true, mode: 0o755 });
    await (await openStore(t, directory)).close();
    for (const name of readdirSync(directory)) chmodSync(join(directory, name), 0o644);
    chmodSync(directory, 0o755);
    const store = await openStore(t, directory);
    await store.commit([{ put: 'secret', owner: 'o', name: 'n', value: 'v' }]);
    assert.equal(statSync(directory).mode & 0o777, 0o700);
    const secret = ['state.db', 'state.db-wal', 'state.db-shm', 'state.lock'];
    for (const name of secret) assert.equal(statSync(join(directory, name)).mode & 0o777, 0o600, name);
  });

  it("leaves the mode of a directory alone that holds other people's things", async (t) => {
    const directory = temporaryDirectory(t);
    writeFileSync(join(directory, 'theirs'), '');
    chmodSync(directory, 0o755);
    await openStore(t, directory);
    assert.equal(statSync(directory).mode & 0o777, 0o755);
    assert.equal(statSync(join(directory, 'state.db')).mode & 0o777, 0o600);
  });
});

describe('sqlite store: an older copy of the state file', () => {
  const files = ['state.db', 'state.db-wal', 'state.db-shm'];

  it('is noticed at each opening until it is accepted', async (t) => {
    const directory = temporaryDirectory(t);
    const backup = temporaryDirectory(t);
    await (await openStore(t, directory)).close();
    cpSync(join(directory, 'state.db'), join(backup, 'state.db'));
    await (await openStore(t, directory)).close();
    cpSync(join(backup, 'state.db'), join(directory, 'state.db'));

    const first = await openStore(t, directory);
    assert.equal(first.olderCopy, true);
    await first.commit([{ put: 'setting', row: rows.setting('a', '1') }]); // works, and accepts nothing
    await first.close();
    const second = await openStore(t, directory);
    assert.equal(second.olderCopy, true);
    await second.acceptOlderCopy();
    assert.equal(second.olderCopy, false);
    await second.acceptOlderCopy();
    await second.close();
    assert.equal((await openStore(t, directory)).olderCopy, false);
  });

  it('is noticed within one run, to the minute', async (t) => {
    const directory = temporaryDirectory(t);
    const backup = temporaryDirectory(t);
    const clock = stoppedClock();
    const store = await openStore(t, directory, { clock });
    const write = (version: number) =>
      store.commit([{ put: 'setting', row: rows.setting('a', `${version}`, version) }]);
    await write(1);
    for (const name of files) cpSync(join(directory, name), join(backup, name));
    clock.advance(60_000);
    await write(2);
    await store.close();
    for (const name of files) cpSync(join(backup, name), join(directory, name));
    const again = await openStore(t, directory);
    assert.equal((await again.setting('a'))?.value, '1');
    assert.equal(again.olderCopy, true);
  });

  it('counts a missing state file as one, and a new directory not', async (t) => {
    const directory = temporaryDirectory(t);
    const store = await openStore(t, directory);
    assert.equal(store.olderCopy, false);
    await store.close();
    const elsewhere = temporaryDirectory(t);
    cpSync(join(directory, 'state.generation'), join(elsewhere, 'state.generation'));
    assert.equal((await openStore(t, elsewhere)).olderCopy, true);
  });
});
