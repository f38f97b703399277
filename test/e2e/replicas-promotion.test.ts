import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import {
  AddTagsToResourceCommand,
  CreateReplicationGroupCommand,
  type CreateReplicationGroupCommandInput,
  DeleteReplicationGroupCommand,
  ListTagsForResourceCommand,
  ModifyReplicationGroupCommand,
  type ModifyReplicationGroupCommandInput,
} from '@aws-sdk/client-elasticache';
import { eventually } from '../support/eventually.ts';
import { startLimber } from '../support/limber.ts';
import {
  at,
  clusterAvailable,
  createCluster,
  createGroup,
  describeCluster,
  describeGroup,
  endpointsOf,
  groupAvailable,
  groupDeleted,
  membersOf,
  messagesOf,
  rolesOf,
} from './caches.ts';
import { info, valkey } from './engine-clients.ts';
import { wholeAgain } from './faults.ts';
import { keepWriting, requireAll } from './writer.ts';

const limber = await startLimber();
const client = limber.client();

const failsWith = (code: string, message: RegExp) => (error: Error & { Code?: string }) => {
  assert.equal(error.Code ?? error.name, code);
  assert.match(error.message, message);
  return true;
};

describe('ModifyReplicationGroup with PrimaryClusterId', () => {
  const id = 'lead';
  const modify = async (input: Partial<ModifyReplicationGroupCommandInput>) =>
    (
      await client.send(
        new ModifyReplicationGroupCommand({ ReplicationGroupId: id, ApplyImmediately: true, ...input }),
      )
    ).ReplicationGroup;

  before(() =>
    createGroup(client, { ReplicationGroupId: id, NumCacheClusters: 3, AutomaticFailoverEnabled: true }),
  );

  it('needs automatic failover to be disabled', async () => {
    await assert.rejects(
      modify({ PrimaryClusterId: `${id}-002` }),
      failsWith('InvalidParameterCombination', /disable both first/),
    );
    await modify({ AutomaticFailoverEnabled: false });
  });

  it('hands over to that member at the same endpoint; a client that writes meanwhile loses nothing', async (t) => {
    const { primary } = endpointsOf(await describeGroup(client, id));
    const writer = keepWriting(valkey(t, primary));
    await eventually(() => writer.acknowledged > 200);
    const answer = await modify({ PrimaryClusterId: `${id}-003` });
    assert.equal(answer?.Status, 'modifying');
    assert.equal(answer?.PendingModifiedValues?.PrimaryClusterId, `${id}-003`);
    const group = await groupAvailable(client, id);
    assert.deepEqual(group.PendingModifiedValues, {});
    assert.equal(rolesOf(group).primary, `${id}-003`);
    const before = writer.acknowledged;
    await eventually(() => writer.acknowledged > before + 200);
    await writer.stop();
    await wholeAgain(limber, id);
    await requireAll(valkey(t, primary), writer);
    assert.ok(
      (await messagesOf(client, id)).includes(
        `Failover from primary node ${id}-001 to replica node ${id}-003 completed`,
      ),
    );
    t.diagnostic(`${writer.acknowledged} writes, ${writer.errors.length} refused meanwhile`);
  });

  it('keeps every process', async () => {
    const pids = (await membersOf(limber, id)).map(({ pid }) => pid);
    await modify({ PrimaryClusterId: `${id}-001` });
    assert.equal(rolesOf(await groupAvailable(client, id)).primary, `${id}-001`);
    assert.deepEqual(
      (await membersOf(limber, id)).map(({ pid }) => pid),
      pids,
    );
  });

  it('changes nothing when that member leads already, and cancels a promotion that waits', async () => {
    const waiting = await modify({ PrimaryClusterId: `${id}-002`, ApplyImmediately: false });
    assert.equal(waiting?.Status, 'available');
    assert.equal(waiting?.PendingModifiedValues?.PrimaryClusterId, `${id}-002`);
    const cancelled = await modify({ PrimaryClusterId: `${id}-001` });
    assert.equal(cancelled?.Status, 'available');
    assert.deepEqual(cancelled?.PendingModifiedValues, {});
  });

  it('waits for the maintenance window without ApplyImmediately', async () => {
    const now = new Date();
    const text = (date: Date) =>
      `${date.toUTCString().slice(0, 3).toLowerCase()}:${date.toISOString().slice(11, 16)}`;
    const [from, until] = [new Date(now.getTime() - 60_000), new Date(now.getTime() + 3_600_000)];
    const away = [new Date(now.getTime() + 7_200_000), new Date(now.getTime() + 10_800_000)] as const;
    await modify({
      PrimaryClusterId: `${id}-002`,
      ApplyImmediately: false,
      PreferredMaintenanceWindow: `${text(from)}-${text(until)}`,
      SnapshotWindow: `${text(away[0]).slice(4)}-${text(away[1]).slice(4)}`,
    });
    await eventually(async (see) => rolesOf(see(await describeGroup(client, id))).primary === `${id}-002`, {
      deadlineMs: 30_000,
    });
    assert.deepEqual((await groupAvailable(client, id)).PendingModifiedValues, {});
  });

  it('refuses what is no member', async () => {
    await createCluster(client, { CacheClusterId: 'stranger', Engine: 'redis' });
    await assert.rejects(
      modify({ PrimaryClusterId: 'stranger' }),
      failsWith('InvalidParameterValue', /no member/),
    );
    await assert.rejects(modify({ PrimaryClusterId: 'nobody' }), failsWith('CacheClusterNotFound', /nobody/));
  });
});

describe('CreateReplicationGroup with PrimaryClusterId', () => {
  const group = 'family';
  const single = 'single';
  const create = async (input: Partial<CreateReplicationGroupCommandInput> = {}) =>
    (
      await client.send(
        new CreateReplicationGroupCommand({
          ReplicationGroupId: group,
          ReplicationGroupDescription: 'e2e',
          PrimaryClusterId: single,
          ...input,
        }),
      )
    ).ReplicationGroup;

  it('makes a group around the node, which serves all the while and loses nothing', async (t) => {
    const cluster = await createCluster(client, {
      CacheClusterId: single,
      Engine: 'redis',
      Tags: [{ Key: 'team', Value: 'a' }],
    });
    const [before] = await membersOf(limber, single);
    const own = at(cluster.CacheNodes?.[0]?.Endpoint);
    const writer = keepWriting(valkey(t, own));
    await eventually(() => writer.acknowledged > 100);
    const answer = await create({ NumCacheClusters: 3, Tags: [{ Key: 'stage', Value: 'test' }] });
    assert.equal(answer?.Status, 'creating');
    const made = await groupAvailable(client, group);
    await writer.stop();
    assert.deepEqual(writer.errors, []);
    assert.deepEqual(rolesOf(made), { primary: single, replicas: ['family-001', 'family-002'] });
    const { primary, reader } = endpointsOf(made);
    await requireAll(valkey(t, primary), writer);
    assert.equal(await info(valkey(t, reader), 'role'), 'slave');
    const [after] = (await membersOf(limber, group)).filter(({ id }) => id === single);
    assert.deepEqual([after?.pid, after?.address], [before?.pid, before?.address]);
    assert.deepEqual(at((await describeCluster(client, single)).CacheNodes?.[0]?.Endpoint), own);
  });

  it('inherits the settings of the node, and merges the tags', async () => {
    const made = await describeGroup(client, group);
    assert.equal(made.Engine, 'redis');
    const { TagList } = await client.send(new ListTagsForResourceCommand({ ResourceName: made.ARN }));
    assert.deepEqual(TagList, [
      { Key: 'team', Value: 'a' },
      { Key: 'stage', Value: 'test' },
    ]);
    await client.send(
      new AddTagsToResourceCommand({ ResourceName: made.ARN, Tags: [{ Key: 'more', Value: '1' }] }),
    );
  });

  it('is a group like every other: a replica takes over, and the node comes back', async (t) => {
    await client.send(
      new ModifyReplicationGroupCommand({ ReplicationGroupId: group, AutomaticFailoverEnabled: true }),
    );
    const { primary } = endpointsOf(await describeGroup(client, group));
    const leader = (await membersOf(limber, group)).find(({ role }) => role === 'primary');
    process.kill(leader?.pid ?? 0, 'SIGKILL');
    await eventually(async (see) => rolesOf(see(await describeGroup(client, group))).primary !== single);
    assert.equal(await eventually(() => valkey(t, primary).get('w-0')), '0');
    await wholeAgain(limber, group);
  });

  it('refuses other settings than the node has, members of groups, and what it cannot be', async () => {
    await createCluster(client, { CacheClusterId: 'other', Engine: 'redis' });
    const refused: readonly [Partial<CreateReplicationGroupCommandInput>, string, RegExp][] = [
      [{ Engine: 'valkey' }, 'InvalidParameterCombination', /other has redis, and keeps it/],
      [{ CacheNodeType: 'cache.m5.large' }, 'InvalidParameterCombination', /^CacheNodeType/],
      [{ NumNodeGroups: 2 }, 'InvalidParameterCombination', /one node group/],
      [{ PrimaryClusterId: single }, 'InvalidCacheClusterState', /already a member/],
      [{ PrimaryClusterId: 'nobody' }, 'CacheClusterNotFound', /nobody/],
      [{ AutomaticFailoverEnabled: true }, 'InvalidParameterCombination', /at least 1 replica/],
      [
        { ReplicationGroupId: group },
        'ReplicationGroupAlreadyExists',
        /^Replication group with specified name already exists/,
      ],
    ];
    for (const [input, code, message] of refused)
      await assert.rejects(
        create({ ReplicationGroupId: 'new', PrimaryClusterId: 'other', ...input }),
        failsWith(code, message),
      );
  });

  it('gives a primary back as a cluster of its own by RetainPrimaryCluster', async (t) => {
    const { primary: name } = rolesOf(await describeGroup(client, group));
    await client.send(
      new DeleteReplicationGroupCommand({ ReplicationGroupId: group, RetainPrimaryCluster: true }),
    );
    await groupDeleted(client, group);
    const cluster = await clusterAvailable(client, name);
    assert.equal(cluster.ReplicationGroupId, undefined);
    assert.equal(await valkey(t, at(cluster.CacheNodes?.[0]?.Endpoint)).get('w-0'), '0');
    await create({ ReplicationGroupId: 'again', PrimaryClusterId: name });
    const again = await groupAvailable(client, 'again');
    assert.deepEqual(rolesOf(again), { primary: name, replicas: [] });
    assert.equal(await valkey(t, endpointsOf(again).primary).get('w-0'), '0');
  });
});
