/** The embedded store: one SQLite file in the data directory. See ../README.md for the files and their limits. */

import type { Resource, ResourceKind, Scope } from '../../model/resource.ts';
import type { Clock } from '../../platform/clock.ts';
import { faultPoint } from '../../platform/fault-points.ts';
import type { Log } from '../../platform/log.ts';
import { type Change, type Page, type Store, StoreUnavailable } from '../contract.ts';
import { applyChange } from './apply-change.ts';
import { type Ballast, createBallast } from './ballast.ts';
import * as credentials from './credentials.ts';
import { prepareDirectory, statePaths } from './data-directory.ts';
import { asStoreError, type Database } from './database.ts';
import { type DirectoryLock, lockDirectory } from './directory-lock.ts';
import * as endpoints from './endpoints.ts';
import * as events from './events.ts';
import { createGeneration, type Generation } from './generation.ts';
import { keepRows } from './kept-rows.ts';
import * as nodes from './nodes.ts';
import { openDatabase } from './open-database.ts';
import * as operations from './operations.ts';
import * as resources from './resources.ts';
import { readSetting } from './settings.ts';

export interface SqliteStoreOptions {
  /** Made (0700) when it is missing. */
  readonly directory: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Upper bound of the state file in pages of 4096 bytes; default: none. */
  readonly pageCountMax?: number;
}

/** Rows that one call of `forgetBefore` deletes per table, so that it never blocks for long (≈10 ms). */
const forgottenAtOnce = 1000;

/**
 * Throws `StoreLocked` when another Limber uses the directory; `StoreUnavailable` when the state file is damaged,
 * newer than this Limber, or cannot be written.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const { clock, log } = options;
  const paths = statePaths(options.directory);
  prepareDirectory(paths, log);
  const lock = lockDirectory(paths, clock);
  let database: Database | undefined;
  try {
    const ballast = createBallast(paths.ballast, clock, log);
    const opened = ballast.withRoom(() => openDatabase(paths.database, log, options.pageCountMax));
    database = opened;
    const generation = createGeneration(opened, paths.generation, clock, log);
    const advanced = ballast.withRoom(() => opened.transaction(() => generation.advance()));
    if (advanced !== null) generation.remember(advanced);
    ballast.refill();
    return createStore({ path: paths.database, database: opened, lock, ballast, generation });
  } catch (error) {
    database?.close();
    lock.release();
    throw asStoreError(error, paths.database);
  }
}

/** The parts of a store that is open. */
interface StoreParts {
  readonly path: string;
  readonly database: Database;
  readonly lock: DirectoryLock;
  readonly ballast: Ballast;
  readonly generation: Generation;
}

/** Makes the store over a database that the caller has opened and migrated; the store closes it. */
export function createStore(parts: StoreParts): Store {
  const { path, database, ballast, generation } = parts;
  let isOpen = true;

  /** All access to the database goes through here: refused once the store is closed, and with errors that callers know. */
  const guarded = async <Result>(work: (database: Database) => Result): Promise<Result> => {
    if (!isOpen) throw new StoreUnavailable(`state file ${path} is closed`);
    try {
      return work(database);
    } catch (error) {
      throw asStoreError(error, path);
    }
  };
  const write = <Result>(work: () => Result): Promise<Result> =>
    guarded(() => {
      let advanced: number | null = null;
      const result = ballast.withRoom(() =>
        database.transaction(
          () => {
            advanced = generation.advance();
            return work();
          },
          () => faultPoint('store-before-commit'),
        ),
      );
      faultPoint('store-after-commit');
      if (advanced !== null) generation.remember(advanced);
      ballast.refill();
      return result;
    });

  return {
    get olderCopy() {
      return generation.isOlderCopy();
    },
    get diskFull() {
      return ballast.isDiskFull();
    },
    commit: async (changes: readonly Change[]) => {
      if (changes.length === 0) return;
      await write(() => {
        for (const change of changes) applyChange(database, change);
      });
    },
    acceptOlderCopy: async () => {
      if (!generation.isOlderCopy()) return;
      generation.remember(await write(() => generation.accept()));
    },
    ...readers(guarded),
    forgetBefore: (time) =>
      write(() => {
        endpoints.forgetRests(database, time);
        const forgotten = events.forgetEvents(database, time, forgottenAtOnce);
        return forgotten + operations.forgetOperations(database, time, forgottenAtOnce);
      }),
    close: async () => {
      if (!isOpen) return;
      isOpen = false;
      database.close();
      parts.lock.release();
    },
  };
}

type Guarded = <Result>(work: (database: Database) => Result) => Promise<Result>;
type Writers = 'commit' | 'forgetBefore' | 'close' | 'acceptOlderCopy' | 'olderCopy' | 'diskFull';

function readers(read: Guarded): Omit<Store, Writers> {
  const resourcesOf = keepRows(resources.readResources);
  const nodesOf = keepRows(nodes.readNodesOf);
  const nodeGroupsOf = keepRows(nodes.readNodeGroupsOf);
  const endpointsOf = keepRows(endpoints.readEndpointsOf);
  return {
    resource: (key) => read((database) => resources.readResource(database, key)),
    resourceByIncarnation: (kind, incarnation) =>
      read((database) => resources.readResourceByIncarnation(database, kind, incarnation)),
    resources: <K extends ResourceKind>(scope: Scope & { readonly kind: K }, page: Page) =>
      read((database) => resourcesOf(database, scope, page) as Resource<K>[]),
    cachesWithPendingValues: () => read((database) => resources.readWithPendingValues(database)),
    cachesWithLogDelivery: () => read((database) => resources.readWithLogDelivery(database)),
    countResources: (scope) => read((database) => resources.countResources(database, scope)),
    referrers: (key, limit) => read((database) => resources.readReferrers(database, key, limit)),
    node: (incarnation) => read((database) => nodes.readNode(database, incarnation)),
    nodesOf: (caches, nodeGroupId) => read((database) => nodesOf(database, caches, nodeGroupId)),
    nodesOnHost: (host, page) => read((database) => nodes.readNodesOnHost(database, host, page)),
    countNodes: (scope) => read((database) => nodes.countNodes(database, scope)),
    nodeGroup: (cache, id) => read((database) => nodes.readNodeGroup(database, cache, id)),
    nodeGroupsOf: (caches) => read((database) => nodeGroupsOf(database, caches)),
    endpointsOf: (caches) => read((database) => endpointsOf(database, caches)),
    takenAddresses: (now) => read((database) => endpoints.readTakenAddresses(database, now)),
    endpointsByName: (name) => read((database) => endpoints.readEndpointsByName(database, name)),
    operation: (id) => read((database) => operations.readOperation(database, id)),
    openOperations: () => read((database) => operations.readOpenOperations(database)),
    endedOperations: (lock, limit) =>
      read((database) => operations.readEndedOperations(database, lock, limit)),
    events: (filter, page) => read((database) => events.readEvents(database, filter, page)),
    secret: (owner, name) => read((database) => credentials.readSecret(database, owner, name)),
    accessKey: (id) => read((database) => credentials.readAccessKey(database, id)),
    accessKeys: () => read((database) => credentials.readAccessKeys(database)),
    setting: (name) => read((database) => readSetting(database, name)),
  };
}
