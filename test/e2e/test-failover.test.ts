import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { before, describe, it } from 'node:test';
import { DescribeEventsCommand, TestFailoverCommand } from '@aws-sdk/client-elasticache';
import { atRest } from '../chaos/leftovers.ts';
import { eventually } from '../support/eventually.ts';
import { isAlive, startLimber } from '../support/limber.ts';
import { at, createGroup, describeGroup, endpointsOf, membersOf, rolesOf } from './caches.ts';
import { valkey, valkeyCluster } from './engine-clients.ts';
import { wholeAgain } from './faults.ts';
import { keepWriting } from './writer.ts';

const limber = await startLimber();
const client = limber.client();

const testFailover = (ReplicationGroupId: string, NodeGroupId = '0001') =>
  client.send(new TestFailoverCommand({ ReplicationGroupId, NodeGroupId }));

/** The wire code: the SDK's classes add `Fault` to some. */
const failsWith = (code: string, message: RegExp) => (error: Error & { Code?: string }) => {
  assert.equal(error.Code ?? error.name, code);
  assert.match(error.message, message);
  return true;
};

/** What was told of a group and its members, oldest first, without what Limber tells beyond AWS's list. */
async function toldOf(id: string): Promise<string[]> {
  const { Events = [] } = await client.send(new DescribeEventsCommand({ Duration: 60 }));
  return Events.filter(({ SourceIdentifier = '' }) => SourceIdentifier.startsWith(id))
    .map(({ SourceType, Message }) => `${SourceType}: ${Message}`)
    .filter((line) => /ailover|ecover/.test(line))
    .reverse();
}

describe('TestFailover without cluster mode', () => {
  const id = 'tested';
  let primaryPid = 0;

  before(async () => {
    await createGroup(client, {
      ReplicationGroupId: id,
      NumCacheClusters: 2,
      AutomaticFailoverEnabled: true,
    });
    primaryPid = (await membersOf(limber, id))[0]?.pid ?? 0;
  });

  it('leaves the group available, really ends the primary, and lets its replica lead at the same endpoint', async (t) => {
    const { primary } = endpointsOf(await describeGroup(client, id));
    const writer = keepWriting(valkey(t, primary));
    await eventually(() => writer.acknowledged > 50);
    const { ReplicationGroup } = await testFailover(id);
    assert.equal(ReplicationGroup?.Status, 'available');
    await eventually(async (see) => see(rolesOf(await describeGroup(client, id))).primary === `${id}-002`);
    assert.equal(isAlive(primaryPid), false);
    const before = writer.acknowledged;
    await eventually(() => writer.acknowledged > before + 50);
    await writer.stop();
    assert.equal((await wholeAgain(limber, id)).length, 2);
  });

  it('tells the documented events in their order', async () => {
    const told = await eventually(async (see) => {
      const lines = see(await toldOf(id));
      return lines.length >= 5 && lines;
    });
    assert.deepEqual(told, [
      'replication-group: Test Failover API called for node group 0001',
      `cache-cluster: Failover from primary node ${id}-001 to replica node ${id}-002 completed`,
      `replication-group: Failover from primary node ${id}-001 to replica node ${id}-002 completed`,
      'cache-cluster: Recovering cache nodes 0001',
      'cache-cluster: Finished recovery for cache nodes 0001',
    ]);
  });

  it('takes one test at a time', async () => {
    // The one before ends a moment after it has told so.
    const refused = await eventually(async () => {
      const answers = await Promise.allSettled([testFailover(id), testFailover(id)]);
      const refusals = answers.filter((answer) => answer.status === 'rejected');
      return refusals.length < 2 && refusals;
    });
    assert.equal(refused.length, 1);
    failsWith('InvalidReplicationGroupState', /one node group is tested at a time/)(refused[0]?.reason);
    await atRest(limber);
  });

  it('refuses unknown groups and node groups, and groups without a replica or automatic failover', async () => {
    await assert.rejects(testFailover('nobody'), failsWith('ReplicationGroupNotFoundFault', /nobody/));
    await assert.rejects(testFailover(id, '2'), failsWith('NodeGroupNotFoundFault', /0002 .* not found/));
    await assert.rejects(testFailover(id, 'x'), failsWith('InvalidParameterValue', /NodeGroupId/));
    await createGroup(client, { ReplicationGroupId: 'manual', NumCacheClusters: 2 });
    await assert.rejects(
      testFailover('manual'),
      failsWith('InvalidReplicationGroupState', /must have automatic failover enabled/),
    );
  });
});

describe('TestFailover with cluster mode', () => {
  it('fails one shard over, and clients of the others notice nothing', async (t) => {
    const id = 'sharded';
    const group = await createGroup(client, {
      ReplicationGroupId: id,
      NumNodeGroups: 3,
      ReplicasPerNodeGroup: 1,
      AutomaticFailoverEnabled: true,
    });
    const data = valkeyCluster(t, at(group.ConfigurationEndpoint));
    const before = await membersOf(limber, id);
    await testFailover(id, '2');
    await eventually(async (see) => {
      const members = see(await membersOf(limber, id));
      const leader = members.find((one) => one.nodeGroupId === '0002' && one.role === 'primary');
      return leader?.id === `${id}-0002-002`;
    });
    const after = await wholeAgain(limber, id);
    const untouched = (members: typeof before) =>
      members.filter(({ nodeGroupId }) => nodeGroupId !== '0002').map(({ pid, role }) => [pid, role]);
    assert.deepEqual(untouched([...after]), untouched(before));
    for (let key = 0; key < 100; key += 1) await data.set(`key-${key}`, key);
    const told = await eventually(async (see) => {
      const lines = see(await toldOf(id));
      return lines.length >= 5 && lines;
    });
    assert.deepEqual(told.slice(0, 3), [
      'replication-group: Test Failover API called for node group 0002',
      `cache-cluster: Failover from primary node ${id}-0002-001 to replica node ${id}-0002-002 completed`,
      `replication-group: Failover from primary node ${id}-0002-001 to replica node ${id}-0002-002 completed`,
    ]);
  });

  it('refuses a shard without replicas', async () => {
    await createGroup(client, {
      ReplicationGroupId: 'bare',
      NumNodeGroups: 2,
      ReplicasPerNodeGroup: 0,
      AutomaticFailoverEnabled: true,
    });
    await assert.rejects(
      testFailover('bare'),
      failsWith('InvalidReplicationGroupState', /must have at least 1 replica/),
    );
  });
});

describe('the limit of TestFailover', () => {
  it('is 15 node groups within 24 hours for an account', async () => {
    const id = 'tested';
    const hourMs = 3_600_000;
    const calls = (count: number, hoursAgo: number) =>
      Array.from({ length: count }, () => Date.now() - hoursAgo * hourMs);
    await limber.stop();
    setCalls([...calls(5, 25), ...calls(14, 23)]);
    await limber.restart();
    await wholeAgain(limber, id);
    await testFailover(id);
    await eventually(async (see) => {
      await wholeAgain(limber, id);
      const error = see(await testFailover(id).catch((error: Error & { Code?: string }) => error));
      return 'Code' in error && error.Code === 'APICallRateForCustomerExceeded';
    });
  });
});

/** Times of earlier calls, as Limber remembers them. */
function setCalls(times: readonly number[]): void {
  const database = new DatabaseSync(join(limber.dataDirectory, 'state.db'));
  const sql = "UPDATE setting SET value = ? WHERE name LIKE 'test-failovers:%'";
  assert.equal(database.prepare(sql).run(JSON.stringify(times)).changes, 1);
  database.close();
}
