/** What is taken back of new members, and what is not, over a real store. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { decideCreateFromPrimary } from '../../src/operations/create-from-primary.ts';
import { noneKept, takeBack } from '../../src/operations/members/take-back.ts';
import type { Tools } from '../../src/operations/tools.ts';
import type { ShardFacts } from '../../src/reconcilers/shard/observe/observe-shard.ts';
import type { Member } from '../../src/reconcilers/shard/view.ts';
import type { ProcessState } from '../../src/runtime/contract.ts';
import type { Store } from '../../src/store/contract.ts';
import { primaryAt, replicaAt, viewOf } from '../reconcilers/shard-views.ts';
import { cacheNode, nodeGroup, replicationGroup } from '../store/rows.ts';
import { openTools } from '../support/parts.ts';
import { input, node, untried, view, well } from './member-views.ts';

const group = replicationGroup('orders');
const owner = { cacheIncarnation: group.incarnation };
const [first, second, third] = ['001', '002', '003'].map((number) =>
  cacheNode({
    ...owner,
    cacheClusterId: `orders-${number}`,
    handle: { bootId: 'b', pid: Number(number), startTime: 1 },
  }),
) as [ReturnType<typeof cacheNode>, ReturnType<typeof cacheNode>, ReturnType<typeof cacheNode>];

const alive: ProcessState = { kind: 'running', cpuMs: 0, isWaitingForDisk: false, rssBytes: 0 };

/** What is seen of the shard: all members answer but those that are dead. */
async function factsOf(store: Store, dead: readonly string[]): Promise<ShardFacts> {
  const shard = await store.nodeGroup(group.incarnation, '0001');
  const members = (await store.nodesOf([group.incarnation])).map((row): Member => {
    const { engine } = row.incarnation === shard?.currentPrimary ? primaryAt(1) : replicaAt(2, 1);
    const isDead = dead.includes(row.incarnation);
    return {
      ...{ node: row, isBackingOff: false, data: 'none' },
      ...(isDead ? { verdict: 'dead', engine: null } : { verdict: 'answering', engine }),
    };
  });
  const isLeaving = ({ node: { intent } }: Member) => intent === 'deleted';
  const seen = viewOf(
    members.filter((one) => !isLeaving(one)),
    { leaving: members.filter(isLeaving) },
  );
  return { cache: group, endpoints: [], view: { ...seen, shard: shard! } };
}

async function scene(
  t: TestContext,
  primary: string,
  dead: readonly string[] = [],
): Promise<{ store: Store; tools: Tools }> {
  const tools = await openTools(t);
  const { store } = tools.fleet;
  const shard = nodeGroup({ ...owner, version: 1, currentPrimary: primary, targetPrimary: primary });
  await store.commit([
    { put: 'resource', row: group },
    ...[first, second, third].map((row) => ({ put: 'node', row }) as const),
    { put: 'node-group', row: shard },
  ]);
  const runtime = {
    ...tools.fleet.runtime,
    inspect: () => alive,
    fence: async () => 'fenced' as const,
    findProcesses: async () => new Map(),
  };
  const shards = { ...tools.shards, look: () => factsOf(store, dead) };
  return { store, tools: { ...tools, fleet: { ...tools.fleet, runtime }, shards } };
}

const left = async (store: Store) =>
  (await store.nodesOf([group.incarnation])).map((one) => `${one.cacheClusterId} ${one.intent}`);

async function takeBackNew(t: TestContext, primary: string, ...dead: string[]): Promise<string[]> {
  const { store, tools } = await scene(t, primary, dead);
  const rows = { ...view({ nodes: [] }), cache: group };
  await takeBack(tools, rows, [second, third], AbortSignal.timeout(5_000));
  return left(store);
}

describe('new members that are taken back', () => {
  it('vanish, and the others stay', async (t) => {
    assert.deepEqual(await takeBackNew(t, first.incarnation), ['orders-001 running']);
  });

  it('stay where they lead, since the data is there and nowhere else', async (t) => {
    assert.deepEqual(await takeBackNew(t, second.incarnation), ['orders-001 running', 'orders-002 running']);
  });
});

describe('new members that are taken back while the primary is dead', () => {
  const all = ['orders-001 running', 'orders-002 running', 'orders-003 running'];

  it('stay, since they are copies of what it held', async (t) => {
    assert.deepEqual(await takeBackNew(t, first.incarnation, first.incarnation), all);
  });

  it('vanish where they hold nothing', async (t) => {
    const dead = [first.incarnation, third.incarnation];
    assert.deepEqual(await takeBackNew(t, first.incarnation, ...dead), all.slice(0, 2));
  });
});

describe('a group around an existing node that cannot be made', () => {
  const primary = { clusterId: 'orders-001', clusterIncarnation: 'c' };
  const decide = (shard: object, own: object = {}) =>
    decideCreateFromPrimary(
      { ...input, primary },
      { step: 'returning', reason: 'a replica does not start' },
      {
        view: view({ nodes: [node(1, own), node(2), node(3)], shard, status: 'creating' }),
        health: well,
        kept: noneKept,
        now: 0,
      },
      untried,
    );
  const decided = { currentPrimary: 'n2', targetPrimary: 'n2' };

  it('gives the node back at once while it leads', () => {
    const decision = decide({});
    assert.deepEqual([decision.kind, 'act' in decision && decision.act], ['act', 'return']);
  });

  it('lets it lead again first when a new replica had to take over', () => {
    const decision = decide(decided);
    assert.deepEqual([decision.kind, 'act' in decision && decision.act], ['act', 'fail-back']);
  });

  it('waits until it holds all data again, and until nobody is being promoted', () => {
    assert.equal(decide(decided, { synced: false }).kind, 'wait');
    assert.equal(decide({ ...decided, targetPrimary: 'n1' }).kind, 'wait');
  });
});
