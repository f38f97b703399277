/**
 * Limber dies at a named point of each operation on members (SIGKILL), and the next one finishes: one result, nothing
 * left over, nothing lost that a client was told is written.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it, type TestContext } from 'node:test';
import {
  CreateReplicationGroupCommand,
  DecreaseReplicaCountCommand,
  IncreaseReplicaCountCommand,
  ModifyReplicationGroupCommand,
  TestFailoverCommand,
} from '@aws-sdk/client-elasticache';
import { eventually } from '../support/eventually.ts';
import { type Limber, startLimber } from '../support/limber.ts';
import { createCluster, createGroup, describeGroup, endpointsOf, groupAvailable, rolesOf } from './caches.ts';
import { valkey } from './engine-clients.ts';
import { nodesOf, wholeAgain } from './faults.ts';
import { keepWriting, requireAll } from './writer.ts';

/** Asks for something in a Limber that dies at `point`, and lets a new one finish it. */
async function crashAt(limber: Limber, point: string, ask: () => Promise<unknown>): Promise<void> {
  await limber.restart({ env: { LIMBER_FAULT_POINT: point } });
  // Its answer may not have left before it died; what was recorded counts.
  await ask().catch(() => {});
  await eventually(() => !limber.isRunning, { deadlineMs: 15_000 });
  await limber.restart();
}

/** Processes and directories are those of the recorded nodes, no others. */
async function nothingLeftOver(limber: Limber): Promise<void> {
  const { caches, findings } = await limber.status();
  assert.deepEqual(findings, []);
  const directory = join(limber.dataDirectory, 'nodes');
  const isNode = (name: string) => !name.startsWith('.');
  const count = existsSync(directory) ? readdirSync(directory).filter(isNode).length : 0;
  const recorded = caches.reduce((sum, cache) => sum + cache.members.length, 0);
  assert.equal(count, recorded);
}

const idsOf = async (limber: Limber, id: string) => (await nodesOf(limber, id)).map((node) => node.id);

describe('replicas added and removed by a Limber that dies at each step', () => {
  const id = 'crash';
  let limber: Limber;
  before(async () => {
    limber = await startLimber();
    await createGroup(limber.client(), { ReplicationGroupId: id, NumCacheClusters: 2 });
  });

  const increase = () =>
    limber.client().send(
      new IncreaseReplicaCountCommand({
        ReplicationGroupId: id,
        NewReplicaCount: 2,
        ApplyImmediately: true,
      }),
    );
  const decrease = () =>
    limber.client().send(
      new DecreaseReplicaCountCommand({
        ReplicationGroupId: id,
        NewReplicaCount: 1,
        ApplyImmediately: true,
      }),
    );

  async function settles(t: TestContext, members: readonly string[]): Promise<void> {
    const group = await groupAvailable(limber.client(), id);
    assert.deepEqual(group.MemberClusters, members);
    await wholeAgain(limber, id);
    assert.deepEqual(await idsOf(limber, id), members);
    await nothingLeftOver(limber);
    const { primary, reader } = endpointsOf(group);
    assert.equal(await valkey(t, primary).set('key', 'value'), 'OK');
    await eventually(async () => (await valkey(t, reader).get('key')) === 'value');
  }

  const points = [
    ['add-members:placing:acted', 'remove-members:marking:acted'],
    ['add-members:syncing', 'remove-members:releasing'],
    ['start-node:prepared', 'remove-members:releasing:acted'],
    [null, 'remove-members:destroying'],
    [null, 'destroy-node:process-ended'],
    [null, 'destroy-node:directory-gone'],
    [null, 'remove-members:destroying:acted'],
  ] as const;
  for (const [adding, removing] of points) {
    it(`are ${adding ? `there once after ${adding}, and ` : ''}gone after ${removing}`, async (t) => {
      await (adding ? crashAt(limber, adding, increase) : increase());
      await settles(t, ['crash-001', 'crash-002', 'crash-003']);
      await crashAt(limber, removing, decrease);
      await settles(t, ['crash-001', 'crash-002']);
    });
  }

  it('are gone after remove-members:unbound, and the reader endpoint serves', async (t) => {
    await crashAt(limber, 'remove-members:unbound', () =>
      limber.client().send(
        new DecreaseReplicaCountCommand({
          ReplicationGroupId: id,
          NewReplicaCount: 0,
          ApplyImmediately: true,
        }),
      ),
    );
    await settles(t, ['crash-001']);
  });
});

describe('replicas of a cluster added and removed by a Limber that dies at each step', () => {
  const id = 'shards';
  let limber: Limber;
  before(async () => {
    limber = await startLimber();
    await createGroup(limber.client(), {
      ReplicationGroupId: id,
      NumNodeGroups: 2,
      ReplicasPerNodeGroup: 0,
      AutomaticFailoverEnabled: true,
    });
  });

  const points = [
    ['cluster-follow:introduced', 'remove-members:forgotten'],
    ['add-members:spreading', 'remove-members:destroying'],
    ['spread:hurried', 'remove-members:marking:acted'],
    ['add-members:spreading:acted', 'destroy-node:process-ended'],
  ] as const;
  for (const [adding, removing] of points) {
    it(`are there once after ${adding}, and forgotten after ${removing}`, async (t) => {
      const change = (Command: typeof IncreaseReplicaCountCommand, NewReplicaCount: number) => () =>
        limber
          .client()
          .send(new Command({ ReplicationGroupId: id, NewReplicaCount, ApplyImmediately: true }));
      for (const [point, command, count] of [
        [adding, IncreaseReplicaCountCommand, 1],
        [removing, DecreaseReplicaCountCommand, 0],
      ] as const) {
        await crashAt(limber, point, change(command as typeof IncreaseReplicaCountCommand, count));
        await groupAvailable(limber.client(), id);
        const nodes = await wholeAgain(limber, id);
        assert.equal(nodes.length, 2 * (1 + count));
        for (const { address: host, port } of nodes) {
          const known = String(await valkey(t, { host, port }).call('CLUSTER', 'NODES'));
          assert.equal(known.trim().split('\n').length, nodes.length, known);
        }
        await nothingLeftOver(limber);
      }
    });
  }
});

describe('a promotion or test failover by a Limber that dies at each step', () => {
  const id = 'handed';
  let limber: Limber;
  before(async () => {
    limber = await startLimber();
    await createGroup(limber.client(), { ReplicationGroupId: id, NumCacheClusters: 3 });
  });

  const planned = [
    'promote-member:setting-target:acted',
    'promote-member:switching-over',
    'switchover:writes-held',
    'switchover:writes-refused',
    'switchover:promoted',
    'switchover:endpoint-moved',
    'switchover:old-follows',
    'failover:confirmed',
  ];
  for (const point of planned) {
    it(`leads to one primary, the wanted one, after ${point}, and loses no acknowledged write`, async (t) => {
      const group = await describeGroup(limber.client(), id);
      const { primary } = endpointsOf(group);
      const { replicas } = rolesOf(group);
      const next = replicas[0] ?? '';
      const writer = keepWriting(valkey(t, primary));
      await eventually(() => writer.acknowledged > 50);
      await crashAt(limber, point, () =>
        limber.client().send(
          new ModifyReplicationGroupCommand({
            ReplicationGroupId: id,
            PrimaryClusterId: next,
            ApplyImmediately: true,
          }),
        ),
      );
      const done = await groupAvailable(limber.client(), id);
      assert.equal(rolesOf(done).primary, next);
      const before = writer.acknowledged;
      await eventually(() => writer.acknowledged > before + 50);
      await writer.stop();
      await wholeAgain(limber, id);
      await requireAll(valkey(t, primary), writer);
      await valkey(t, primary).flushall();
    });
  }

  const tested = [
    'test-failover:killing',
    'test-failover:killing:acted',
    'failover:target-set',
    'failover:promoted',
    'failover:confirmed',
    'test-failover:recovering',
  ];
  for (const point of tested) {
    it(`ends with another primary and every member in step after ${point}`, async (t) => {
      const client = limber.client();
      await client.send(
        new ModifyReplicationGroupCommand({ ReplicationGroupId: id, AutomaticFailoverEnabled: true }),
      );
      await wholeAgain(limber, id);
      const again = new TestFailoverCommand({ ReplicationGroupId: id, NodeGroupId: '0001' });
      const former = rolesOf(await describeGroup(client, id)).primary;
      const { primary } = endpointsOf(await describeGroup(client, id));
      const data = valkey(t, primary);
      await data.set('key', point);
      assert.equal(await data.wait(2, 5_000), 2);
      await wholeAgain(limber, id);
      await crashAt(limber, point, () => limber.client().send(again));
      await eventually(
        async (see) => see(rolesOf(await describeGroup(limber.client(), id))).primary !== former,
        {
          deadlineMs: 20_000,
        },
      );
      await wholeAgain(limber, id);
      assert.equal(await eventually(() => valkey(t, primary).get('key')), point);
      // And it has ended: a next one is not refused as the second at a time.
      await eventually(() => client.send(again).then(() => true));
      await wholeAgain(limber, id);
    });
  }
});

describe('a group made around an existing node by a Limber that dies at each step', () => {
  let limber: Limber;
  before(async () => {
    limber = await startLimber();
  });

  const points = [
    'adopt-primary:worker-stopped',
    'adopt-primary:moved',
    'create-from-primary:placing',
    'create-from-primary:placing:acted',
    'create-from-primary:syncing',
  ];
  for (const [index, point] of points.entries()) {
    it(`is available with the node's data after ${point}, and the node was never restarted`, async (t) => {
      const [single, id] = [`single-${index}`, `group-${index}`];
      const cluster = await createCluster(limber.client(), { CacheClusterId: single, Engine: 'redis' });
      const { Address: host = '', Port: port = 0 } = cluster.CacheNodes?.[0]?.Endpoint ?? {};
      const [before] = await nodesOf(limber, single);
      const writer = keepWriting(valkey(t, { host, port }));
      await eventually(() => writer.acknowledged > 50);
      await crashAt(limber, point, () =>
        limber.client().send(
          new CreateReplicationGroupCommand({
            ReplicationGroupId: id,
            ReplicationGroupDescription: 'e2e',
            PrimaryClusterId: single,
            NumCacheClusters: 2,
          }),
        ),
      );
      const group = await groupAvailable(limber.client(), id);
      await writer.stop();
      assert.deepEqual(writer.errors, []);
      assert.deepEqual(rolesOf(group), { primary: single, replicas: [`${id}-001`] });
      await requireAll(valkey(t, endpointsOf(group).primary), writer);
      const after = (await nodesOf(limber, id)).find((node) => node.id === single);
      assert.equal(after?.pid, before?.pid);
      await wholeAgain(limber, id);
      await nothingLeftOver(limber);
    });
  }
});
