/** What every store does with nodes and node groups, whatever it is made of. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { StaleWrite } from '../../src/store/contract.ts';
import * as rows from './rows.ts';
import { stores } from './stores.ts';

for (const kind of stores) {
  describe(`${kind.name} store: nodes and node groups`, () => {
    it('keeps a node as it was written, with and without a handle', async (t) => {
      const { store } = await kind.open(t);
      const node = rows.cacheNode();
      await store.commit([{ put: 'node', row: node }]);
      assert.deepEqual(await store.node(node.incarnation), node);
      const gone = { ...node, version: 2, handle: null, role: null, started: null, applied: null };
      await store.commit([{ put: 'node', row: gone }]);
      assert.deepEqual(await store.node(node.incarnation), gone);
      await assert.rejects(store.commit([{ put: 'node', row: gone }]), StaleWrite);
      await store.commit([{ remove: 'node', incarnation: node.incarnation }]);
      await store.commit([{ remove: 'node', incarnation: node.incarnation }]); // may be repeated
      assert.equal(await store.node(node.incarnation), null);
    });

    it('refuses what was decided on another version of a node than the present one', async (t) => {
      const { store } = await kind.open(t);
      const node = rows.cacheNode();
      const { incarnation } = node;
      const shard = rows.nodeGroup({ targetPrimary: incarnation });
      const decidedOn = (version: number) =>
        store.commit([
          { put: 'node-group', row: shard },
          { require: 'node', incarnation, version },
        ]);
      await assert.rejects(decidedOn(1), StaleWrite);
      await store.commit([{ put: 'node', row: node }]);
      await store.commit([{ put: 'node', row: { ...node, version: 2, intent: 'deleted' } }]);
      await assert.rejects(decidedOn(1), StaleWrite);
      assert.equal(await store.nodeGroup(shard.cacheIncarnation, shard.nodeGroupId), null);
      await decidedOn(2);
      assert.deepEqual(await store.nodeGroup(shard.cacheIncarnation, shard.nodeGroupId), shard);
    });

    it('lists the nodes of several caches by cluster and node id', async (t) => {
      const { store } = await kind.open(t);
      const places = [
        ['c1', 'orders-0002-001', '0001'],
        ['c2', 'mem', '0002'],
        ['c2', 'mem', '0001'],
        ['c1', 'orders-0001-001', '0001'],
        ['c3', 'other', '0001'],
      ] as const;
      for (const [cacheIncarnation, cacheClusterId, cacheNodeId] of places)
        await store.commit([
          { put: 'node', row: rows.cacheNode({ cacheIncarnation, cacheClusterId, cacheNodeId }) },
        ]);
      const listed = await store.nodesOf(['c1', 'c2', 'c2']);
      assert.deepEqual(
        listed.map((node) => `${node.cacheClusterId} ${node.cacheNodeId}`),
        ['mem 0001', 'mem 0002', 'orders-0001-001 0001', 'orders-0002-001 0001'],
      );
      assert.deepEqual(await store.nodesOf([]), []);
      assert.equal(await store.countNodes(rows.scope), 5);
      assert.equal(await store.countNodes(rows.elsewhere), 0);
    });

    it('pages through the nodes of a host', async (t) => {
      const { store } = await kind.open(t);
      const nodes = [1, 2, 3].map(() => rows.cacheNode());
      const far = rows.cacheNode({ host: 'there' });
      for (const row of [...nodes, far]) await store.commit([{ put: 'node', row }]);
      const first = await store.nodesOnHost('here', { after: null, limit: 2 });
      const second = await store.nodesOnHost('here', { after: first[1]!.incarnation, limit: 2 });
      assert.deepEqual([...first, ...second], nodes);
    });

    it('keeps node groups under the same versions', async (t) => {
      const { store } = await kind.open(t);
      const second = rows.nodeGroup({ nodeGroupId: '0002', status: 'modifying', isFormed: false });
      const first = rows.nodeGroup();
      await store.commit([
        { put: 'node-group', row: second },
        { put: 'node-group', row: first },
      ]);
      assert.deepEqual(await store.nodeGroupsOf(['cache-1']), [first, second]);
      const promoting = { ...first, version: 2, targetPrimary: 'n2' };
      await store.commit([{ put: 'node-group', row: promoting }]);
      await assert.rejects(store.commit([{ put: 'node-group', row: { ...first, version: 2 } }]), StaleWrite);
      await store.commit([{ remove: 'node-group', cacheIncarnation: 'cache-1', nodeGroupId: '0002' }]);
      assert.deepEqual(await store.nodeGroupsOf(['cache-1', 'x']), [promoting]);
    });
  });
}
