/** State files of an earlier Limber: what its rows mean after an upgrade. */
import assert from 'node:assert/strict';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { describe, it, type TestContext } from 'node:test';
import { applicationId, readMigrations } from '../../src/store/sqlite/migrate.ts';
import * as rows from './rows.ts';
import { openStore, temporaryDirectory } from './stores.ts';

/** A state file as it was before the migration of that name, and a way to put rows into it. */
function fileBefore(t: TestContext, name: string) {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'state.db');
  const database = new DatabaseSync(path);
  t.after(() => database.isOpen && database.close());
  const earlier = readMigrations().slice(
    0,
    readMigrations().findIndex((one) => one.name.endsWith(`-${name}.sql`)),
  );
  for (const { sql } of earlier) database.exec(sql);
  database.exec(`PRAGMA user_version = ${earlier.length}; PRAGMA application_id = ${applicationId}`);
  chmodSync(path, 0o600);
  return {
    insert(table: string, row: Readonly<Record<string, unknown>>) {
      const values = Object.values(row).map(
        (value): SQLInputValue =>
          typeof value === 'object' ? JSON.stringify(value) : (value as SQLInputValue),
      );
      const columns = Object.keys(row).join(', ');
      database.prepare(`INSERT INTO ${table} (${columns}) VALUES (${values.map(() => '?')})`).run(...values);
    },
    open() {
      database.close();
      return openStore(t, directory);
    },
  };
}

describe('a state file from before nodes had targets', () => {
  const at = { account: rows.scope.account, region: rows.scope.region };
  const settled = { runningVersion: '8.1.1', parameterApplyStatus: 'in-sync', cacheNodeIdsToReboot: [] };
  const resource = (
    kind: string,
    id: string,
    desired: object,
    observed: object = {},
    status = 'available',
  ) => ({
    ...at,
    ...{ kind, id, incarnation: `cache-${id}`, version: 3, status, tags: [], desired, observed },
    ...{ created_at: 1, updated_at: 2 },
  });
  const node = (cache: string, cluster: string, more: object = {}) => ({
    incarnation: `${cluster}-${JSON.stringify(more)}`,
    version: 5,
    ...at,
    cache_incarnation: `cache-${cache}`,
    ...{ cache_cluster_id: cluster, cache_node_id: '0001', engine: 'valkey', engine_version: '8.1.1' },
    ...{ availability_zone: 'a', host: 'here', address: '127.0.0.2', port: 6379, status: 'available' },
    ...{ intent: 'running', synced: 1, handle: { pid: 1 }, created_at: 1 },
    ...more,
  });
  const settings = { cacheNodeType: 'cache.t4g.small', parameterGroupName: 'default.valkey8' };

  it('gives each node what it runs as its target, and each cache its parameters as configuration 1', async (t) => {
    const file = fileBefore(t, 'node-targets');
    file.insert(
      'resource',
      resource('parameter-group', 'mine', { family: 'valkey8', overrides: { timeout: '9' } }),
    );
    file.insert(
      'resource',
      resource(
        'replication-group',
        'orders',
        { ...settings, parameterGroupName: 'mine' },
        { ...settled, isFormed: true },
      ),
    );
    file.insert(
      'resource',
      resource('cache-cluster', 'orders-001', { ...settings, replicationGroupId: 'orders' }, settled),
    );
    const clustered = { ...settings, parameterGroupName: 'default.valkey8.cluster.on' };
    file.insert(
      'resource',
      resource('replication-group', 'shards', clustered, { ...settled, isFormed: false }, 'creating'),
    );
    file.insert('node', node('orders', 'orders-001'));
    file.insert('node', node('orders', 'orders-002', { handle: null }));
    for (const cache of ['orders', 'shards'])
      file.insert('node_group', {
        ...{ cache_incarnation: `cache-${cache}`, node_group_id: '0001', version: 1, slots: '' },
      });
    const store = await file.open();
    const [group, member, shards] = await Promise.all([
      store.resource({ ...at, kind: 'replication-group', id: 'orders' }),
      store.resource({ ...at, kind: 'cache-cluster', id: 'orders-001' }),
      store.resource({ ...at, kind: 'replication-group', id: 'shards' }),
    ]);
    const one = { version: 1, family: 'valkey8' };
    assert.deepEqual(group?.desired.configurations, [
      { ...one, parameterGroupName: 'mine', overrides: { timeout: '9' } },
    ]);
    assert.deepEqual(group?.observed, { runningVersion: '8.1.1' });
    assert.deepEqual(member?.desired.configurations, []);
    assert.deepEqual(shards?.desired.configurations, [
      { ...one, parameterGroupName: clustered.parameterGroupName, overrides: { 'cluster-enabled': 'yes' } },
    ]);
    const [running, absent] = await store.nodesOf(['cache-orders']);
    const { target } = rows;
    assert.deepEqual(
      [running, absent].map(
        (row) => row && { target: row.target, started: row.started, applied: row.applied },
      ),
      [
        { target, started: target, applied: rows.onTarget.applied },
        { target, started: null, applied: null },
      ],
    );
    const nodeGroups = await store.nodeGroupsOf(['cache-orders', 'cache-shards']);
    assert.deepEqual(
      nodeGroups.map(({ cacheIncarnation, status, isFormed }) => [cacheIncarnation, status, isFormed]),
      [
        ['cache-orders', 'available', true],
        ['cache-shards', 'creating', false],
      ],
    );
  });

  it('does not know with which configuration a node was started that waits for a reboot', async (t) => {
    const file = fileBefore(t, 'node-targets');
    const waiting = { ...settled, parameterApplyStatus: 'pending-reboot', isFormed: true };
    const memcached = { ...settings, parameterGroupName: 'default.memcached1.6' };
    file.insert(
      'resource',
      resource('cache-cluster', 'items', memcached, { ...waiting, cacheNodeIdsToReboot: ['0002'] }),
    );
    file.insert('node', node('items', 'items'));
    file.insert('node', node('items', 'items', { cache_node_id: '0002' }));
    file.insert(
      'resource',
      resource('replication-group', 'orders', settings, { ...waiting, cacheNodeIdsToReboot: ['orders-001'] }),
    );
    file.insert('node', node('orders', 'orders-001'));
    const store = await file.open();
    const nodes = await store.nodesOf(['cache-items', 'cache-orders']);
    assert.deepEqual(
      nodes.map(({ cacheClusterId, started, applied }) => [cacheClusterId, started?.configVersion, applied]),
      [
        ['items', 1, null],
        ['items', 0, null],
        ['orders-001', 0, null],
      ],
    );
  });

  it('begins a change of parameters anew that was under way, and no other', async (t) => {
    const file = fileBefore(t, 'node-targets');
    for (const [id, kind] of [
      ['a', 'apply-parameters'],
      ['b', 'add-members'],
    ] as const)
      file.insert('operation', {
        ...{
          id,
          version: 1,
          ...at,
          kind,
          lock: 'x',
          input: {},
          state: { step: 'applying' },
          status: 'running',
        },
        ...{ attempts: 0, sentence: '', created_at: 1, updated_at: 1 },
      });
    const operations = await (await file.open()).openOperations();
    assert.deepEqual(
      operations.map(({ state }) => state),
      [null, { step: 'applying' }],
    );
  });
});
