/**
 * One Limber per data directory. The lock is an open exclusive transaction on a SQLite file of its own: an fcntl
 * lock, which the kernel drops with its holder however that dies, and which the engines that Limber starts do not
 * inherit. (On network file systems it is as good as their fcntl locks: keep data directories on local disks.)
 *
 * Nobody reads or opens the lock file in any other way: closing it would drop the lock. So the holder's pid is in
 * a file beside it, and serves the message only.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Clock } from '../../platform/clock.ts';
import { StoreLocked, StoreUnavailable } from '../contract.ts';
import { makePrivate, type StatePaths } from './data-directory.ts';
import { connect, type Database, sqliteCode } from './database.ts';

export interface DirectoryLock {
  release(): void;
}

const busy = 5;

/** Throws `StoreLocked` at once when another holds it, in this process or any other. */
export function lockDirectory(paths: StatePaths, clock: Clock): DirectoryLock {
  let connection: Database | undefined;
  try {
    makePrivate(paths.lock);
    connection = connect(paths.lock, { readOnly: false, timeoutMs: 0 });
    // An ordinary journal would be a file, and opening a store must not need room on the disk.
    connection.execute('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    connection?.close();
    if (((sqliteCode(error) ?? 0) & 0xff) === busy) throw new StoreLocked(lockedBy(paths), { cause: error });
    throw new StoreUnavailable(`cannot lock ${paths.lock}: ${(error as Error).message}`, { cause: error });
  }
  writeHolder(paths, clock);
  const held = connection;
  return {
    release: () => {
      rmSync(paths.holder, { force: true });
      held.close();
    },
  };
}

function lockedBy(paths: StatePaths): string {
  let who = 'another Limber';
  try {
    const holder = JSON.parse(readFileSync(paths.holder, 'utf8')) as { pid: number; since: string };
    who = `another Limber (pid ${holder.pid}, since ${holder.since})`;
  } catch {
    // The file is for people only; without it the lock stands all the same.
  }
  return `${who} runs with the data directory ${paths.directory}: stop it, or choose another directory`;
}

function writeHolder(paths: StatePaths, clock: Clock): void {
  const holder = { pid: process.pid, since: new Date(clock.now()).toISOString() };
  try {
    writeFileSync(paths.holder, JSON.stringify(holder), { mode: 0o600 });
  } catch {
    rmSync(paths.holder, { force: true }); // full disk: better no name than the name of an earlier holder
  }
}
