/** What a node starts with: its own target, whatever its cache is to become. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { nodeType } from '../../src/catalog/node-types.ts';
import type { InstalledEngine } from '../../src/engine-store/contract.ts';
import { createEngineStore } from '../../src/engine-store/engine-store.ts';
import { secretNames } from '../../src/fleet/connections.ts';
import { engineOf, nodeSpec } from '../../src/fleet/launch.ts';
import { writeCondition } from '../../src/fleet/parameters.ts';
import type { CacheNode } from '../../src/model/node.ts';
import {
  cacheCluster,
  cacheNode,
  configuration,
  nodeGroup,
  onTarget,
  replicationGroup,
  target,
} from '../store/rows.ts';
import { openTools } from '../support/parts.ts';

const engines = await createEngineStore().installed();
const valkey = engines.find(({ engine, version }) => engine === 'valkey' && version.startsWith('8.'));
const memcached = engines.find(({ engine }) => engine === 'memcached');

async function openParts(t: TestContext) {
  const { fleet } = await openTools(t);
  await fleet.store.commit([
    { put: 'node-group', row: nodeGroup() },
    ...Object.values(secretNames).map(
      (name) => ({ put: 'secret', owner: 'cache-1', name, value: 'x'.repeat(40) }) as const,
    ),
  ]);
  return fleet;
}

/** It was asked for a larger node type and another value since; only some of its nodes are to have them. */
function changedGroup() {
  const group = replicationGroup('orders', { incarnation: 'cache-1', status: 'modifying' });
  const configurations = [
    { ...configuration, overrides: { timeout: '11', 'min-replicas-to-write': '1' } },
    { ...configuration, version: 2, overrides: { timeout: '22', 'min-replicas-to-write': '2' } },
  ];
  return { ...group, desired: { ...group.desired, cacheNodeType: 'cache.r7g.large', configurations } };
}
const before = cacheNode(onTarget);
const after = cacheNode({
  target: { ...target, cacheNodeType: 'cache.r7g.large', configVersion: 2 },
});

describe('the start of a node', () => {
  async function linesOf(t: TestContext, node: CacheNode, engine: InstalledEngine): Promise<string[]> {
    const spec = await nodeSpec(await openParts(t), changedGroup(), node, null, engine);
    return (spec.files['engine.conf'] ?? '').split('\n');
  }
  const maxmemory = (lines: readonly string[]) =>
    Number(lines.find((line) => line.startsWith('maxmemory '))?.split(' ')[1]);

  it('takes node type and parameters from the row of the node, before and after it has got its new target', async (t) => {
    if (!valkey) return t.skip('no Valkey 8 is installed');
    const [old, next] = [await linesOf(t, before, valkey), await linesOf(t, after, valkey)];
    assert.ok(old.includes('timeout 11') && next.includes('timeout 22'));
    const share = (name: string) => Math.floor(nodeType(name).redisMaxmemoryBytes * 0.75);
    assert.deepEqual([maxmemory(old), maxmemory(next)], [share('cache.t4g.small'), share('cache.r7g.large')]);
  });

  it('takes the engine of the row of the node', async (t) => {
    const engineStore = createEngineStore();
    const installed = engines.filter(({ engine }) => engine === 'valkey');
    if (installed.length === 0) return t.skip('no Valkey is installed');
    for (const { version } of installed) {
      const node = cacheNode({ target: { ...target, engineVersion: version } });
      assert.equal((await engineOf({ engineStore }, node)).version, version);
    }
  });

  it('is tried again later when the configuration is not known yet', async (t) => {
    if (!valkey) return t.skip('no Valkey 8 is installed');
    const ahead = cacheNode({ target: { ...target, configVersion: 3 } });
    await assert.rejects(linesOf(t, ahead, valkey), { name: 'UnknownConfiguration' });
  });

  it('of Memcached does the same', async (t) => {
    if (!memcached) return t.skip('no Memcached is installed');
    const family = { ...configuration, family: 'memcached1.6', parameterGroupName: 'items' };
    const configurations = [
      { ...family, overrides: { idle_timeout: '11' } },
      { ...family, version: 2, overrides: { idle_timeout: '22' } },
    ];
    const cluster = cacheCluster('items', {
      engine: 'memcached',
      cacheNodeType: 'cache.r7g.large',
      configurations,
    });
    const fleet = await openParts(t);
    const argumentsOf = async (node: CacheNode) =>
      (await nodeSpec(fleet, cluster, { ...node, engine: 'memcached' }, null, memcached)).args.join(' ');
    assert.match(await argumentsOf(before), / -m \d{4} .*idle_timeout=11/);
    assert.match(await argumentsOf(after), / -m \d{5} .*idle_timeout=22/);
  });
});

describe('the terms on which a primary takes writes', () => {
  it('are those of its own configuration', () => {
    assert.equal(writeCondition(changedGroup(), before).minReplicas, 1);
    assert.equal(writeCondition(changedGroup(), after).minReplicas, 2);
  });

  it('never keep a failover waiting: with an unknown configuration they are those of the newest', () => {
    const unknown = cacheNode({ target: { ...target, configVersion: 9 } });
    assert.equal(writeCondition(changedGroup(), unknown).minReplicas, 2);
  });
});
