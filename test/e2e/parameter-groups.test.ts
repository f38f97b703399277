import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import {
  CreateCacheParameterGroupCommand,
  DeleteCacheParameterGroupCommand,
  ModifyCacheClusterCommand,
  ModifyCacheParameterGroupCommand,
  ModifyReplicationGroupCommand,
  RebootCacheClusterCommand,
  ResetCacheParameterGroupCommand,
} from '@aws-sdk/client-elasticache';
import { eventually } from '../support/eventually.ts';
import { startLimber } from '../support/limber.ts';
import {
  at,
  clusterAvailable,
  createCluster,
  createGroup,
  describeCluster,
  groupAvailable,
  membersOf,
  messagesOf,
} from './caches.ts';
import { ask, info, valkey } from './engine-clients.ts';

const limber = await startLimber();
const client = limber.client();

async function createParameters(name: string, family: string, values: Record<string, string> = {}) {
  await client.send(
    new CreateCacheParameterGroupCommand({
      CacheParameterGroupName: name,
      CacheParameterGroupFamily: family,
      Description: 'e2e',
    }),
  );
  if (Object.keys(values).length > 0) await setParameters(name, values);
}

async function setParameters(name: string, values: Record<string, string>) {
  await client.send(
    new ModifyCacheParameterGroupCommand({
      CacheParameterGroupName: name,
      ParameterNameValues: Object.entries(values).map(([ParameterName, ParameterValue]) => ({
        ParameterName,
        ParameterValue,
      })),
    }),
  );
}

/** Resolves when every node of the cluster runs with its group's values, to what is shown. */
async function inSync(id: string) {
  return eventually(async (see) => {
    const { CacheParameterGroup: shown } = see(await describeCluster(client, id));
    return shown?.ParameterApplyStatus === 'in-sync' && shown;
  });
}

/** The field of INFO on every node of a cache. */
async function onEveryNode(t: Parameters<typeof valkey>[0], id: string, field: string) {
  const members = await membersOf(limber, id);
  return Promise.all(members.map(({ address, port }) => info(valkey(t, { host: address, port }), field)));
}

describe('a parameter group of a replication group', () => {
  const id = 'group';

  before(async () => {
    await createParameters('mine', 'valkey8', { 'maxmemory-policy': 'allkeys-lru' });
    await createGroup(client, {
      ReplicationGroupId: id,
      EngineVersion: '8.1',
      NumCacheClusters: 2,
      CacheParameterGroupName: 'mine',
    });
  });

  it('is what its nodes start with', async (t) => {
    assert.deepEqual(await onEveryNode(t, id, 'maxmemory_policy'), ['allkeys-lru', 'allkeys-lru']);
    assert.deepEqual(await inSync(`${id}-002`), {
      CacheParameterGroupName: 'mine',
      ParameterApplyStatus: 'in-sync',
      CacheNodeIdsToReboot: [],
    });
  });

  it('changes its running nodes at once, without a restart', async (t) => {
    const before = (await membersOf(limber, id)).map((member) => member.pid);
    await setParameters('mine', { 'maxmemory-policy': 'allkeys-lfu', 'reserved-memory-percent': '50' });
    await inSync(`${id}-001`);
    assert.deepEqual(await onEveryNode(t, id, 'maxmemory_policy'), ['allkeys-lfu', 'allkeys-lfu']);
    const half = String(536_870_912 / 2);
    assert.deepEqual(await onEveryNode(t, id, 'maxmemory'), [half, half]);
    assert.deepEqual(
      (await membersOf(limber, id)).map((member) => member.pid),
      before,
    );
    assert.ok(
      (await messagesOf(client, `${id}-001`)).includes('Updated parameter maxmemory-policy to allkeys-lfu'),
    );
  });

  it('goes back to the defaults when it is reset', async (t) => {
    await client.send(
      new ResetCacheParameterGroupCommand({ CacheParameterGroupName: 'mine', ResetAllParameters: true }),
    );
    await inSync(`${id}-001`);
    assert.deepEqual(await onEveryNode(t, id, 'maxmemory_policy'), ['volatile-lru', 'volatile-lru']);
  });

  it('can be exchanged for another of the same family, whose values the nodes take at once', async (t) => {
    await createParameters('other', 'valkey8', { 'maxmemory-policy': 'noeviction' });
    await client.send(
      new ModifyReplicationGroupCommand({ ReplicationGroupId: id, CacheParameterGroupName: 'other' }),
    );
    await groupAvailable(client, id);
    assert.equal((await inSync(`${id}-001`)).CacheParameterGroupName, 'other');
    assert.deepEqual(await onEveryNode(t, id, 'maxmemory_policy'), ['noeviction', 'noeviction']);
    const messages = await messagesOf(client, `${id}-001`);
    assert.ok(messages.includes('Updated to use a CacheParameterGroup other'));
  });

  it('cannot be deleted while it is used, and can when it is not', async () => {
    const remove = (name: string) =>
      client.send(new DeleteCacheParameterGroupCommand({ CacheParameterGroupName: name }));
    await assert.rejects(remove('other'), {
      name: 'InvalidCacheParameterGroupStateFault',
      message:
        /^One or more cache clusters are still members of this parameter group other, so the group cannot be deleted/,
    });
    await remove('mine');
  });

  it('of another family is refused', async () => {
    await createParameters('old', 'redis7');
    await assert.rejects(
      client.send(
        new ModifyReplicationGroupCommand({ ReplicationGroupId: id, CacheParameterGroupName: 'old' }),
      ),
      {
        name: 'InvalidParameterCombinationException',
        message: 'Expected a parameter group of family valkey8 but found one of family redis7',
      },
    );
  });
});

describe('a parameter that needs a reboot', () => {
  const id = 'memcached';
  const largestItem = async () => {
    const cluster = await describeCluster(client, id);
    return Promise.all(
      (cluster.CacheNodes ?? []).map(async (node) => {
        const settings = await ask(at(node.Endpoint), 'stats settings', /END\r\n$/);
        return /STAT item_size_max (\d+)/.exec(settings)?.[1];
      }),
    );
  };

  before(async () => {
    await createParameters('items', 'memcached1.6');
    await createCluster(client, {
      CacheClusterId: id,
      Engine: 'memcached',
      NumCacheNodes: 2,
      CacheParameterGroupName: 'items',
    });
  });

  it('waits, and the nodes that wait are listed', async () => {
    await setParameters('items', { max_item_size: '2097152' });
    const { CacheParameterGroup: shown, CacheNodes } = await describeCluster(client, id);
    assert.equal(shown?.ParameterApplyStatus, 'pending-reboot');
    assert.deepEqual(shown?.CacheNodeIdsToReboot, ['0001', '0002']);
    assert.deepEqual(
      CacheNodes?.map((node) => node.ParameterGroupStatus),
      ['pending-reboot', 'pending-reboot'],
    );
    assert.deepEqual(await largestItem(), ['1048576', '1048576']);
  });

  it('applies to each node as it is rebooted', async () => {
    const reboot = (node: string) =>
      client.send(new RebootCacheClusterCommand({ CacheClusterId: id, CacheNodeIdsToReboot: [node] }));
    const { CacheCluster: answer } = await reboot('0002');
    assert.equal(answer?.CacheClusterStatus, 'rebooting cluster nodes');
    const half = await clusterAvailable(client, id);
    assert.deepEqual(half.CacheParameterGroup?.CacheNodeIdsToReboot, ['0001']);
    assert.deepEqual(await largestItem(), ['1048576', '2097152']);
    await reboot('0001');
    const whole = await clusterAvailable(client, id);
    assert.equal(whole.CacheParameterGroup?.ParameterApplyStatus, 'in-sync');
    assert.deepEqual(await largestItem(), ['2097152', '2097152']);
  });

  it('waits likewise when another group brings it', async () => {
    await createParameters('larger', 'memcached1.6', { max_item_size: '4194304' });
    await client.send(
      new ModifyCacheClusterCommand({ CacheClusterId: id, CacheParameterGroupName: 'larger' }),
    );
    const { CacheParameterGroup: shown } = await describeCluster(client, id);
    assert.equal(shown?.CacheParameterGroupName, 'larger');
    assert.equal(shown?.ParameterApplyStatus, 'pending-reboot');
    assert.deepEqual(shown?.CacheNodeIdsToReboot, ['0001', '0002']);
  });
});
