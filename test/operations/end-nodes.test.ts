/** The end of nodes with tombstones, over a real store and real processes. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type CacheView, loadCacheView } from '../../src/fleet/cache-view.ts';
import { destroyNodes } from '../../src/operations/members/end-nodes.ts';
import { program, readyAtOnce } from '../runtime/support.ts';
import { cacheCluster, cacheNode } from '../store/rows.ts';
import { openTools } from '../support/parts.ts';

describe('a node that is to vanish', () => {
  it('vanishes with a process that was started anew and never recorded', async (t) => {
    const tools = await openTools(t);
    const { store, runtime } = tools.fleet;
    const cache = cacheCluster('pages', { engine: 'memcached' });
    const node = cacheNode({
      cacheIncarnation: cache.incarnation,
      handle: { bootId: 'earlier', pid: 4_194_303, startTime: 1 },
      intent: 'deleted',
    });
    await runtime.prepare(node.incarnation);
    const handle = await runtime.start(program(node.incarnation), readyAtOnce);
    t.after(() => runtime.fence(handle, { deadlineMs: 5_000 }));
    await store.commit([
      { put: 'resource', row: cache },
      { put: 'node', row: node },
    ]);
    const reference = { cacheKind: 'cache-cluster', cacheIncarnation: cache.incarnation } as const;
    const view = (await loadCacheView(store, reference)) as CacheView;
    await destroyNodes(tools, view.nodes, view, AbortSignal.timeout(10_000));
    assert.notEqual(runtime.inspect(handle).kind, 'running');
    assert.equal(await store.node(node.incarnation), null);
  });
});
