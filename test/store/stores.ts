/** The stores that the suite of the contract runs against, and how a test opens one for itself. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type Clock, systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import type { Store } from '../../src/store/contract.ts';
import { openSqliteStore, type SqliteStoreOptions } from '../../src/store/sqlite/open-sqlite-store.ts';

/** A clock that goes on only when told to. */
export function stoppedClock(start = 1_790_000_000_000): Clock & { advance(ms: number): void } {
  let passed = 0;
  return {
    ...systemClock,
    now: () => start + passed,
    monotonic: () => passed,
    advance: (ms) => {
      passed += ms;
    },
  };
}

export function temporaryDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'limber-store-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Opens the SQLite store in a directory, and closes it when the test ends. */
export async function openStore(
  t: TestContext,
  directory: string,
  options: Partial<SqliteStoreOptions> = {},
): Promise<Store> {
  const store = await openSqliteStore({ directory, clock: stoppedClock(), log: silentLog, ...options });
  t.after(() => store.close());
  return store;
}

export interface StoreUnderTest {
  readonly name: string;
  /** An empty store, and how to close and open it again. */
  open(t: TestContext): Promise<{ store: Store; reopen: () => Promise<Store> }>;
}

export const stores: readonly StoreUnderTest[] = [
  {
    name: 'sqlite',
    open: async (t) => {
      const directory = temporaryDirectory(t);
      const store = await openStore(t, directory);
      const reopen = async () => {
        await store.close();
        return openStore(t, directory);
      };
      return { store, reopen };
    },
  },
];
