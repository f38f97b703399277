/** The real store over a database in memory; what a life of Limber commits is answered a moment later. */
import { silentLog } from '../../src/platform/log.ts';
import type { Change, Store } from '../../src/store/contract.ts';
import { connect } from '../../src/store/sqlite/database.ts';
import { migrate, readMigrations } from '../../src/store/sqlite/migrate.ts';
import { createStore } from '../../src/store/sqlite/open-sqlite-store.ts';
import type { Random } from '../support/random.ts';
import type { Life } from './life.ts';

const migrations = readMigrations();

/** Nothing of it is on a disk: it is as durable as the test. */
export function openMemoryStore(): Store {
  const database = connect(':memory:', { readOnly: false, timeoutMs: 0 });
  migrate(database, migrations, silentLog);
  return createStore({
    path: ':memory:',
    database,
    lock: { release: () => {} },
    ballast: { isDiskFull: () => false, withRoom: (work) => work(), refill: () => {} },
    generation: { isOlderCopy: () => false, advance: () => null, accept: () => 0, remember: () => {} },
  });
}

/** The store as one life sees it. A commit is done at once, as SQLite's are; Limber may die before it hears of it. */
export function storeOf(
  store: Store,
  life: Life,
  random: Random,
  onCommit: (changes: readonly Change[]) => void,
): Store {
  return {
    ...store,
    get olderCopy() {
      return store.olderCopy;
    },
    get diskFull() {
      return store.diskFull;
    },
    async commit(changes: readonly Change[]) {
      if (life.isOver()) return new Promise(() => {});
      let failure: unknown = null;
      await store.commit(changes).catch((error: unknown) => {
        failure = error;
      });
      if (!failure) onCommit(changes);
      await life.clock.delay(random.next() * 2);
      if (failure) throw failure;
    },
  };
}
