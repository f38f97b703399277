/** Acts of real kinds over a real store, where everything that can be waited for never comes. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { EngineConnection } from '../../src/engines/valkey/client.ts';
import { addMembersKind } from '../../src/operations/add-members.ts';
import { connectionTo } from '../../src/operations/connection-to.ts';
import { createCacheKind } from '../../src/operations/create-cache.ts';
import { createFromPrimaryKind } from '../../src/operations/create-from-primary.ts';
import { deleteCacheKind } from '../../src/operations/delete-cache.ts';
import type { AnyOperationKind } from '../../src/operations/operation-kind.ts';
import { removeMembersKind } from '../../src/operations/remove-members.ts';
import { resizeMemcachedKind } from '../../src/operations/resize-memcached.ts';
import { testFailoverKind } from '../../src/operations/test-failover.ts';
import type { Tools } from '../../src/operations/tools.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { NotInTime } from '../../src/platform/until-aborted.ts';
import type { ProcessState } from '../../src/runtime/contract.ts';
import { cacheCluster, cacheNode, nodeGroup, replicationGroup } from '../store/rows.ts';
import { openTools } from '../support/parts.ts';

const never = () => new Promise<never>(() => {});
const handle = { bootId: 'b', pid: 4_194_303, startTime: 1 };

const group = replicationGroup('orders');
const clustered = replicationGroup('shards', {
  desired: { ...replicationGroup('').desired, clusterMode: 'enabled' },
});
const single = cacheCluster('single');
const memcached = cacheCluster('pages', { engine: 'memcached' });
const caches = [group, clustered, single, memcached];

const memberId = (cacheId: string, number: number) => `${cacheId}-0001-00${number}`;

/** Two nodes of every cache; the second one is marked for deletion, so that there is something to destroy. */
async function hangingTools(t: TestContext): Promise<Tools> {
  const tools = await openTools(t);
  const { fleet, shards, configurationServer } = tools;
  const { store } = fleet;
  for (const cache of caches) {
    const owner = { cacheIncarnation: cache.incarnation };
    const isGroup = cache.kind === 'replication-group';
    const nodes = [1, 2].map((number) =>
      cacheNode({
        ...owner,
        handle,
        engine: cache.desired.engine,
        cacheClusterId: isGroup ? memberId(cache.id, number) : cache.id,
        cacheNodeId: isGroup ? '0001' : `000${number}`,
        intent: number === 2 ? 'deleted' : 'running',
      }),
    );
    const primary = nodes[0]?.incarnation ?? null;
    await store.commit([
      { put: 'resource', row: cache },
      ...(isGroup
        ? nodes.map(({ cacheClusterId }) => {
            const desired = { replicationGroupId: cache.id, nodeGroupId: '0001' };
            return { put: 'resource', row: cacheCluster(cacheClusterId, desired) } as const;
          })
        : []),
      ...nodes.map((row) => ({ put: 'node', row }) as const),
      {
        put: 'node-group',
        row: nodeGroup({
          ...owner,
          nodeGroupId: '0001',
          version: 1,
          slots: cache === clustered ? '0-16383' : '',
          currentPrimary: primary,
          targetPrimary: primary,
        }),
      },
      {
        put: 'endpoint',
        row: {
          ...owner,
          ...{ address: `127.0.0.${caches.indexOf(cache) + 1}`, port: 1, version: 1, dnsName: cache.id },
          ...{ purpose: 'configuration', nodeGroupId: null, nodeIncarnation: null },
          holder: nodes[1]?.incarnation ?? null,
        },
      },
    ]);
  }
  const alive: ProcessState = { kind: 'running', cpuMs: 0, isWaitingForDisk: false, rssBytes: 0 };
  return {
    fleet: {
      ...fleet,
      connections: { ...fleet.connections, of: never },
      engineStore: { ...fleet.engineStore, resolve: never },
      runtime: { ...fleet.runtime, fence: never, stop: never, findProcesses: never, inspect: () => alive },
    },
    shards: { ...shards, forget: never, look: never },
    configurationServer: { ...configurationServer, publish: never },
  };
}

/** Where one of several nodes was not reached, that is the cause. */
const isLate = (error: unknown) =>
  error instanceof NotInTime || (error instanceof Error && error.cause instanceof NotInTime);

const inputOf = ({ kind, id, incarnation }: (typeof caches)[number]) => ({
  cacheKind: kind,
  cacheId: id,
  cacheIncarnation: incarnation,
});

/** Kind, act, cache, and what else its input has. */
const acts: readonly (readonly [
  (tools: Tools) => AnyOperationKind,
  unknown,
  (typeof caches)[number],
  object?,
])[] = [
  [createCacheKind, 'place', group],
  [createCacheKind, 'form', clustered],
  [createCacheKind, 'publish', memcached],
  [createCacheKind, 'stop', group],
  [addMembersKind, 'place', group, { members: [memberId('orders', 2)] }],
  [addMembersKind, 'spread', clustered, { members: [memberId('shards', 2)] }],
  [addMembersKind, 'undo', group, { members: [memberId('orders', 2)] }],
  [addMembersKind, 'undo', clustered, { members: [memberId('shards', 2)] }],
  [removeMembersKind, { kind: 'mark', members: [memberId('orders', 2)] }, group],
  [removeMembersKind, { kind: 'release', members: [memberId('shards', 2)] }, clustered],
  [removeMembersKind, { kind: 'destroy', members: [memberId('orders', 2)] }, group],
  [
    createFromPrimaryKind,
    'adopt',
    group,
    { primary: { clusterId: 'single', clusterIncarnation: single.incarnation } },
  ],
  [createFromPrimaryKind, 'place', group, { primary: { clusterId: memberId('orders', 1) } }],
  [createFromPrimaryKind, 'return', group, { primary: { clusterId: memberId('orders', 1) } }],
  [deleteCacheKind, 'mark-others', group],
  [deleteCacheKind, 'destroy-others', group],
  [deleteCacheKind, 'retain', group],
  [deleteCacheKind, 'mark', group],
  [deleteCacheKind, 'destroy', group],
  [deleteCacheKind, 'remove-rows', group],
  [resizeMemcachedKind, 'place', memcached, { add: [], remove: [] }],
  [resizeMemcachedKind, 'publish', memcached, { add: [], remove: [] }],
  [resizeMemcachedKind, 'destroy', memcached, { add: [], remove: [] }],
  [resizeMemcachedKind, 'undo', memcached, { add: [{ cacheNodeId: '0001' }], remove: [] }],
  [testFailoverKind, { kill: { node: 'n1', handle } }, group, { nodeGroupId: '0001' }],
];

describe('an act whose deadline passes while it waits', () => {
  for (const [kindOf, what, cache, more] of acts) {
    const name =
      typeof what === 'string' ? what : 'kind' in (what as object) ? (what as { kind: string }).kind : 'kill';
    it(`${kindOf({} as Tools).name}: ${name} of ${cache.id} ends within a second, as failed`, async (t) => {
      const tools = await hangingTools(t);
      const alive = setInterval(() => {}, 1_000);
      t.after(() => clearInterval(alive));
      const input = { ...inputOf(cache), ...more };
      const startedAt = performance.now();
      await assert.rejects(kindOf(tools).perform(what, input, AbortSignal.timeout(50)), isLate);
      const tookMs = performance.now() - startedAt;
      assert.ok(tookMs >= 45 && tookMs < 1_050, `${tookMs} ms`);
    });
  }
});

describe("an act's connection to a node", () => {
  it('sends nothing any more once the deadline has passed', async (t) => {
    const sent: string[] = [];
    const { connections } = (await openTools(t)).fleet;
    const connection: EngineConnection = {
      ...{ address: '127.0.0.1', port: 6379, isOpen: true, clock: systemClock },
      call: async (command) => void sent.push(command),
      callWithin: async (_deadlineMs, command) => void sent.push(command),
      pipeline: async () => [],
      insist: async () => false,
      another: async () => connection,
      onClose: () => () => {},
      close() {},
    };
    const deadline = new AbortController();
    const parts = { connections: { ...connections, of: async () => connection } };
    const within = await connectionTo(parts, cacheNode(), deadline.signal);
    await within.call('PING');
    deadline.abort();
    await assert.rejects(within.call('FLUSHALL'), { name: 'NotInTime' });
    assert.deepEqual(sent, ['PING']);
  });
});
