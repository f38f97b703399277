/** How operations end that cannot go on because of a defect, over a real store. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { giveUpChange, giveUpCreation, goOnTrying } from '../../src/operations/give-up.ts';
import type { GivenUp } from '../../src/operations/operation-kind.ts';
import type { Tools } from '../../src/operations/tools.ts';
import type { Store } from '../../src/store/contract.ts';
import { cacheCluster, cacheNode, replicationGroup } from '../store/rows.ts';
import { openTools } from '../support/parts.ts';

interface Scene {
  readonly store: Store;
  readonly tools: Tools;
  /** Commits what was answered, and reads what is there then. */
  after(given: GivenUp): Promise<{ group: string; members: string[]; nodes: string[]; events: string[] }>;
}

const input = { cacheKind: 'replication-group', cacheId: 'orders', cacheIncarnation: '' } as const;
const inputOf = (group: { incarnation: string }) => ({ ...input, cacheIncarnation: group.incarnation });

const group = { ...replicationGroup('orders'), status: 'modifying' };
const member = (number: number, status: string) => ({
  ...cacheCluster(`orders-00${number}`, { replicationGroupId: 'orders', nodeGroupId: '0001' }),
  status,
});
const nodeOf = (number: number, status: string) =>
  cacheNode({
    incarnation: `${number}`.repeat(16),
    cacheIncarnation: group.incarnation,
    cacheClusterId: `orders-00${number}`,
    status,
    handle: null,
    version: 1,
  });

async function scene(t: TestContext): Promise<Scene> {
  const tools = await openTools(t);
  const { store } = tools.fleet;
  const put = (row: ReturnType<typeof member>) => ({ put: 'resource', row }) as const;
  await store.commit([
    { put: 'resource', row: group },
    put(member(1, 'available')),
    put(member(2, 'creating')),
    put(member(3, 'creating')),
    { put: 'node', row: nodeOf(1, 'available') },
    { put: 'node', row: nodeOf(2, 'creating') },
  ]);
  return {
    store,
    tools,
    async after({ changes }) {
      await store.commit(changes);
      const rows = await store.referrers(group, 10);
      const scope = { account: group.account, region: group.region };
      const until = Number.MAX_SAFE_INTEGER;
      const events = await store.events({ ...scope, from: 0, until }, { before: null, limit: 10 });
      return {
        group: (await store.resource(group))?.status ?? 'gone',
        members: rows.map((row) => `${row.id} ${row.status}`),
        nodes: (await store.nodesOf([group.incarnation])).map(
          (one) => `${one.cacheClusterId} ${one.status} ${one.intent}`,
        ),
        events: events.map(({ eventId }) => eventId),
      };
    },
  };
}

describe('an operation that is given up because of a defect', () => {
  it('leaves a living cache available with every node that it has, and says so', async (t) => {
    const { tools, after } = await scene(t);
    const given = await giveUpChange(tools, 'The addition of replicas', inputOf(group), 'a defect');
    assert.equal(given.ends, true);
    assert.deepEqual(await after(given), {
      group: 'available',
      members: ['orders-001 available', 'orders-002 available'],
      nodes: ['orders-001 available running', 'orders-002 available running'],
      events: ['Limber:OperationGivenUp'],
    });
  });

  it('leaves a creation as create-failed with nothing meant to run, so that it can be deleted', async (t) => {
    const { tools, after } = await scene(t);
    const given = await giveUpCreation(tools, inputOf(group), 'a defect');
    assert.equal(given.ends, true);
    assert.deepEqual(await after(given), {
      group: 'create-failed',
      members: ['orders-001', 'orders-002', 'orders-003'].map((id) => `${id} create-failed`),
      nodes: ['orders-001', 'orders-002'].map((id) => `${id} create-failed stopped`),
      events: ['ElastiCache:CreateReplicationGroupFailed'],
    });
  });

  it('goes on where there is nothing to go back to, and says so', async (t) => {
    const { tools, after } = await scene(t);
    const given = await goOnTrying(tools, 'The deletion', inputOf(group), 'a defect');
    assert.equal(given.ends, false);
    const { group: status, events } = await after(given);
    assert.deepEqual([status, events], ['modifying', ['Limber:OperationStuck']]);
  });

  it('ends without a trace when its cache is gone', async (t) => {
    const { tools } = await scene(t);
    const gone = { ...input, cacheIncarnation: 'e'.repeat(16) };
    assert.deepEqual(await giveUpChange(tools, 'The reboot', gone, 'a defect'), { ends: true, changes: [] });
    assert.deepEqual(await giveUpCreation(tools, gone, 'a defect'), { ends: true, changes: [] });
  });
});
