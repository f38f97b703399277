/** Rows that the store keeps in memory between two writes: nobody may notice but by the clock. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it, type TestContext } from 'node:test';
import { StaleWrite, type Store } from '../../src/store/contract.ts';
import * as rows from './rows.ts';
import { openStore, temporaryDirectory } from './stores.ts';

const groups = { ...rows.scope, kind: 'replication-group' } as const;
const all = { after: null, limit: 100 };

/** Everything that is kept, read twice: what the second answers comes from memory. */
async function readTwice(store: Store) {
  const read = async () => ({
    groups: await store.resources(groups, all),
    nodes: await store.nodesOf(['cache-1']),
    shard: await store.nodesOf(['cache-1'], '0001'),
    nodeGroups: await store.nodeGroupsOf(['cache-1']),
    endpoints: await store.endpointsOf(['cache-1']),
  });
  const first = await read();
  assert.deepEqual(await read(), first);
  return first;
}

async function filled(t: TestContext) {
  const directory = temporaryDirectory(t);
  const store = await openStore(t, directory);
  const group = rows.replicationGroup('orders');
  const node = rows.cacheNode({ cacheIncarnation: 'cache-1', nodeGroupId: '0001' });
  const nodeGroup = rows.nodeGroup();
  const endpoint = rows.endpoint();
  await store.commit([
    { put: 'resource', row: group },
    { put: 'node', row: node },
    { put: 'node-group', row: nodeGroup },
    { put: 'endpoint', row: endpoint },
  ]);
  const before = {
    groups: [group],
    nodes: [node],
    shard: [node],
    nodeGroups: [nodeGroup],
    endpoints: [endpoint],
  };
  assert.deepEqual(await readTwice(store), before);
  return { directory, store, before, group, node, nodeGroup, endpoint };
}

describe('sqlite store: rows kept between two writes', () => {
  it('shows each row as it was last written', async (t) => {
    const { store, group, node, nodeGroup, endpoint } = await filled(t);
    const next = {
      group: { ...group, version: 2, status: 'deleting' },
      node: { ...node, version: 2, synced: true },
      nodeGroup: { ...nodeGroup, version: 2, targetPrimary: node.incarnation },
      endpoint: { ...endpoint, version: 2, holder: node.incarnation },
    };
    await store.commit([{ put: 'resource', row: next.group }]);
    assert.deepEqual((await readTwice(store)).groups, [next.group]);
    await store.commit([{ put: 'node', row: next.node }]);
    const { nodes, shard } = await readTwice(store);
    assert.deepEqual([nodes, shard], [[next.node], [next.node]]);
    await store.commit([{ put: 'node-group', row: next.nodeGroup }]);
    assert.deepEqual((await readTwice(store)).nodeGroups, [next.nodeGroup]);
    await store.commit([{ put: 'endpoint', row: next.endpoint }]);
    assert.deepEqual((await readTwice(store)).endpoints, [next.endpoint]);
  });

  it('shows no row that was removed', async (t) => {
    const { store, group, node, nodeGroup, endpoint } = await filled(t);
    const { cacheIncarnation, nodeGroupId } = nodeGroup;
    await store.commit([{ remove: 'node', incarnation: node.incarnation }]);
    assert.deepEqual((await readTwice(store)).nodes, []);
    await store.commit([{ remove: 'node-group', cacheIncarnation, nodeGroupId }]);
    assert.deepEqual((await readTwice(store)).nodeGroups, []);
    const { address, port } = endpoint;
    await store.commit([{ remove: 'endpoint', address, port, restUntil: rows.now }]);
    assert.deepEqual((await readTwice(store)).endpoints, []);
    await store.commit([{ remove: 'resource', key: group, version: 1 }]);
    assert.deepEqual((await readTwice(store)).groups, []);
  });

  it('shows nothing of a list of changes that was refused', async (t) => {
    const { store, before, node, group } = await filled(t);
    const refused = store.commit([
      { put: 'node', row: { ...node, version: 2, status: 'deleting' } },
      { put: 'resource', row: group },
    ]);
    await assert.rejects(refused, StaleWrite);
    assert.deepEqual(await readTwice(store), before);
  });

  it('sees what another program wrote into the file', async (t) => {
    const { directory, store } = await filled(t);
    const shell = new DatabaseSync(join(directory, 'state.db'));
    t.after(() => shell.close());
    shell.exec("UPDATE node SET status = 'by hand'");
    assert.deepEqual(
      (await readTwice(store)).nodes.map(({ status }) => status),
      ['by hand'],
    );
  });

  it('gives each reader a list of its own', async (t) => {
    const { store, before } = await filled(t);
    (await store.nodesOf(['cache-1'])).length = 0;
    assert.deepEqual(await readTwice(store), before);
  });

  it('answers also when more was read than it keeps', async (t) => {
    const { store, before } = await filled(t);
    for (let number = 0; number < 5_000; number += 1) await store.endpointsOf([`none-${number}`]);
    assert.deepEqual(await readTwice(store), before);
  });
});
