import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  CreateCacheClusterCommand,
  DecreaseReplicaCountCommand,
  type DecreaseReplicaCountCommandInput,
  DeleteCacheClusterCommand,
  DescribeCacheClustersCommand,
  IncreaseReplicaCountCommand,
  type IncreaseReplicaCountCommandInput,
} from '@aws-sdk/client-elasticache';
import { eventually } from '../support/eventually.ts';
import { isAlive, startLimber } from '../support/limber.ts';
import {
  createCluster,
  createGroup,
  describeCluster,
  describeGroup,
  endpointsOf,
  groupAvailable,
  membersOf,
  messagesOf,
  rolesOf,
} from './caches.ts';
import { info, valkey } from './engine-clients.ts';
import { keepWriting, requireAll } from './writer.ts';

const limber = await startLimber();
const client = limber.client();

type Increase = Omit<IncreaseReplicaCountCommandInput, 'ApplyImmediately'>;
type Decrease = Omit<DecreaseReplicaCountCommandInput, 'ApplyImmediately'>;

const increase = async (input: Increase) =>
  (await client.send(new IncreaseReplicaCountCommand({ ...input, ApplyImmediately: true }))).ReplicationGroup;
const decrease = async (input: Decrease) =>
  (await client.send(new DecreaseReplicaCountCommand({ ...input, ApplyImmediately: true }))).ReplicationGroup;

/** Zone of each member, by id. */
const zonesOf = async (id: string) =>
  Object.fromEntries((await membersOf(limber, id)).map((member) => [member.id, member.zone.slice(-1)]));

describe('IncreaseReplicaCount without cluster mode', () => {
  it('adds replicas that hold all data, in the zones with fewest nodes, while a client writes on', async (t) => {
    const ReplicationGroupId = 'grow';
    const { primary } = endpointsOf(await createGroup(client, { ReplicationGroupId }));
    const writer = keepWriting(valkey(t, primary));
    const answer = await increase({ ReplicationGroupId, NewReplicaCount: 2 });
    assert.equal(answer?.Status, 'modifying');
    assert.deepEqual(answer?.MemberClusters, ['grow-001', 'grow-002', 'grow-003']);
    const group = await groupAvailable(client, ReplicationGroupId);
    await writer.stop();
    assert.deepEqual(writer.errors, []);
    assert.deepEqual(rolesOf(group), { primary: 'grow-001', replicas: ['grow-002', 'grow-003'] });
    assert.deepEqual(await zonesOf(ReplicationGroupId), {
      'grow-001': 'a',
      'grow-002': 'b',
      'grow-003': 'c',
    });
    assert.equal(await valkey(t, primary).wait(2, 5_000), 2);
    for (const member of group.NodeGroups?.[0]?.NodeGroupMembers ?? []) {
      const { Address: host = '', Port: port = 0 } = member.ReadEndpoint ?? {};
      await requireAll(valkey(t, { host, port }), writer);
    }
  });

  it('moves the reader endpoint to the first replica', async (t) => {
    const { reader } = endpointsOf(await describeGroup(client, 'grow'));
    assert.equal(await eventually(() => info(valkey(t, reader), 'role')), 'slave');
  });

  it('tells the new members and the change in events', async () => {
    const member = await describeCluster(client, 'grow-002');
    assert.equal(member.CacheClusterStatus, 'available');
    assert.equal(member.CacheNodes?.[0]?.CacheNodeStatus, 'available');
    assert.deepEqual(
      (await messagesOf(client, 'grow')).filter((message) => /replicas/.test(message)).reverse(),
      ['Increasing the replicas of node group 0001 from 0 to 2', 'Node group 0001 has 2 replicas'],
    );
    assert.ok((await messagesOf(client, 'grow-002')).includes('Cache cluster created'));
  });

  it('places replicas where PreferredAvailabilityZones says, each present node counted in its own zone', async () => {
    const ReplicationGroupId = 'placed';
    await createGroup(client, { ReplicationGroupId });
    await increase({
      ReplicationGroupId,
      ReplicaConfiguration: [
        {
          NodeGroupId: '0001',
          NewReplicaCount: 2,
          PreferredAvailabilityZones: ['us-east-1c', 'us-east-1a', 'us-east-1c'],
        },
      ],
    });
    await groupAvailable(client, ReplicationGroupId);
    assert.deepEqual(await zonesOf(ReplicationGroupId), {
      'placed-001': 'a',
      'placed-002': 'c',
      'placed-003': 'c',
    });
  });

  it('gives a replica no name that a cluster of somebody’s own has', async () => {
    const ReplicationGroupId = 'names';
    await createCluster(client, { CacheClusterId: 'names-002', Engine: 'redis' });
    await createGroup(client, { ReplicationGroupId });
    await increase({ ReplicationGroupId, NewReplicaCount: 1 });
    const group = await groupAvailable(client, ReplicationGroupId);
    assert.deepEqual(group.MemberClusters, ['names-001', 'names-003']);
  });

  describe('refuses', () => {
    const ReplicationGroupId = 'grow';
    const one = { NodeGroupId: '0001', NewReplicaCount: 3 };
    const cases: readonly [string, object, string, RegExp][] = [
      ['another time than now', { ApplyImmediately: false }, 'InvalidParameterValue', /must be true/],
      ['both forms at once', { ReplicaConfiguration: [one] }, 'InvalidParameterCombination', /has 2/],
      ['neither form', { NewReplicaCount: undefined }, 'InvalidParameterCombination', /has 0/],
      ['the present number', { NewReplicaCount: 2 }, 'NoOperationFault', /already have/],
      ['fewer', { NewReplicaCount: 1 }, 'InvalidParameterValue', /has 2 replicas; it must be greater/],
      ['more than five', { NewReplicaCount: 6 }, 'InvalidParameterValue', /from 0 to 5/],
      ['an unknown group', { ReplicationGroupId: 'nobody' }, 'ReplicationGroupNotFoundFault', /nobody/],
      [
        'an unknown node group',
        { NewReplicaCount: undefined, ReplicaConfiguration: [{ ...one, NodeGroupId: '0002' }] },
        'InvalidParameterValue',
        /0002; grow has 0001/,
      ],
      [
        'a wrong number of zones',
        {
          NewReplicaCount: undefined,
          ReplicaConfiguration: [{ ...one, PreferredAvailabilityZones: ['us-east-1a'] }],
        },
        'InvalidParameterValue',
        /has 1 zones; 4 are needed/,
      ],
      [
        'zones that leave none to a node that stays',
        {
          NewReplicaCount: undefined,
          ReplicaConfiguration: [
            { ...one, PreferredAvailabilityZones: Array.from({ length: 4 }, () => 'us-east-1a') },
          ],
        },
        'InvalidParameterValue',
        /which stay in us-east-1a, us-east-1b, us-east-1c/,
      ],
    ];
    for (const [what, input, name, message] of cases)
      it(what, async () => {
        const asked = { ReplicationGroupId, NewReplicaCount: 3, ApplyImmediately: true, ...input };
        await assert.rejects(client.send(new IncreaseReplicaCountCommand(asked)), (error: Error) => {
          assert.equal(codeOf(error), name);
          assert.match(error.message, message);
          return true;
        });
      });
  });
});

describe('DecreaseReplicaCount without cluster mode', () => {
  const ReplicationGroupId = 'shrink';

  it('removes the highest replica of the fullest zone, and leaves neither process nor member behind', async (t) => {
    const created = await createGroup(client, {
      ReplicationGroupId,
      NumCacheClusters: 5,
      AutomaticFailoverEnabled: true,
    });
    const before = await membersOf(limber, ReplicationGroupId);
    const writer = keepWriting(valkey(t, endpointsOf(created).primary));
    const answer = await decrease({ ReplicationGroupId, NewReplicaCount: 2 });
    assert.equal(answer?.Status, 'modifying');
    const group = await groupAvailable(client, ReplicationGroupId);
    await writer.stop();
    assert.deepEqual(writer.errors, []);
    // Zones were a, b, c, a, b: the second ones in a and b go.
    assert.deepEqual(rolesOf(group), { primary: 'shrink-001', replicas: ['shrink-002', 'shrink-003'] });
    const gone = before.filter(({ id }) => id === 'shrink-004' || id === 'shrink-005');
    assert.deepEqual(
      gone.map(({ pid }) => isAlive(pid ?? 0)),
      [false, false],
    );
    await assert.rejects(client.send(new DescribeCacheClustersCommand({ CacheClusterId: 'shrink-005' })), {
      name: 'CacheClusterNotFoundFault',
    });
    assert.ok((await messagesOf(client, 'shrink-005')).includes('Cache cluster deleted'));
    assert.ok((await messagesOf(client, 'shrink')).includes('Node group 0001 has 2 replicas'));
  });

  it('moves the reader endpoint before the replica ends that served it: readers meet no refusal for long', async (t) => {
    const { reader } = endpointsOf(await describeGroup(client, ReplicationGroupId));
    const holder = Number(await info(valkey(t, reader), 'process_id'));
    const leaving = (await membersOf(limber, ReplicationGroupId)).find(({ pid }) => pid === holder);
    assert.ok(leaving);
    await decrease({ ReplicationGroupId, ReplicasToRemove: [leaving.id] });
    const other = await eventually(async () => {
      const pid = Number(await info(valkey(t, reader), 'process_id'));
      return pid !== holder && pid;
    });
    const members = await membersOf(limber, ReplicationGroupId);
    assert.equal(members.find(({ pid }) => pid === other)?.role, 'replica');
    await groupAvailable(client, ReplicationGroupId);
    assert.equal(isAlive(holder), false);
  });

  it('keeps one replica while automatic failover is enabled', async () => {
    await assert.rejects(decrease({ ReplicationGroupId, NewReplicaCount: 0 }), /must keep at least 1/);
  });

  it('never removes the primary', async () => {
    await assert.rejects(
      decrease({ ReplicationGroupId, ReplicasToRemove: ['shrink-001'] }),
      (error: Error) =>
        codeOf(error) === 'InvalidCacheClusterState' && /serving as primary/.test(error.message),
    );
  });

  it('refuses a member that the group does not have, more replicas, and the present number', async () => {
    await assert.rejects(decrease({ ReplicationGroupId, ReplicasToRemove: ['grow-002'] }), /names grow-002/);
    await assert.rejects(decrease({ ReplicationGroupId, NewReplicaCount: 4 }), /it must be less/);
    await assert.rejects(
      decrease({ ReplicationGroupId, NewReplicaCount: 1 }),
      (error: Error) => codeOf(error) === 'NoOperationFault',
    );
  });

  it('keeps who lies in PreferredAvailabilityZones', async () => {
    const id = 'kept';
    await createGroup(client, { ReplicationGroupId: id, NumCacheClusters: 3 });
    await decrease({
      ReplicationGroupId: id,
      ReplicaConfiguration: [
        { NodeGroupId: '1', NewReplicaCount: 1, PreferredAvailabilityZones: ['us-east-1c', 'us-east-1a'] },
      ],
    });
    const group = await groupAvailable(client, id);
    assert.deepEqual(group.MemberClusters, ['kept-001', 'kept-003']);
    await decrease({ ReplicationGroupId: id, NewReplicaCount: 0 });
    assert.deepEqual((await groupAvailable(client, id)).MemberClusters, ['kept-001']);
  });
});

describe('a group with Multi-AZ that loses replicas', () => {
  const id = 'spread';
  const isRefused = (code: string) => (error: Error) =>
    codeOf(error) === code && /us-east-1a.*Multi-AZ enabled/.test(error.message);

  it('is not left in one zone, whichever way its replicas are named', async () => {
    await createGroup(client, {
      ReplicationGroupId: id,
      NumCacheClusters: 3,
      AutomaticFailoverEnabled: true,
      MultiAZEnabled: true,
      PreferredCacheClusterAZs: ['us-east-1a', 'us-east-1b', 'us-east-1a'],
    });
    await assert.rejects(
      decrease({ ReplicationGroupId: id, ReplicasToRemove: [`${id}-002`] }),
      isRefused('InvalidParameterValue'),
    );
    const PreferredAvailabilityZones = ['us-east-1a', 'us-east-1a'];
    await assert.rejects(
      decrease({
        ReplicationGroupId: id,
        ReplicaConfiguration: [{ NodeGroupId: '1', NewReplicaCount: 1, PreferredAvailabilityZones }],
      }),
      isRefused('InvalidParameterValue'),
    );
    await assert.rejects(
      client.send(new DeleteCacheClusterCommand({ CacheClusterId: `${id}-002` })),
      isRefused('InvalidCacheClusterState'),
    );
    assert.equal((await describeGroup(client, id)).MemberClusters?.length, 3);
  });

  it('loses one of the zone that has two when only the number is said', async () => {
    await decrease({ ReplicationGroupId: id, NewReplicaCount: 1 });
    assert.deepEqual((await groupAvailable(client, id)).MemberClusters, [`${id}-001`, `${id}-002`]);
  });
});

describe('CreateCacheCluster with ReplicationGroupId', () => {
  it('adds a read replica under its own name, which DeleteCacheCluster takes away', async (t) => {
    const { primary } = endpointsOf(await createGroup(client, { ReplicationGroupId: 'host' }));
    await valkey(t, primary).set('key', 'value');
    await client.send(
      new CreateCacheClusterCommand({
        CacheClusterId: 'guest',
        ReplicationGroupId: 'host',
        PreferredAvailabilityZone: 'us-east-1c',
      }),
    );
    const group = await groupAvailable(client, 'host');
    assert.deepEqual(rolesOf(group), { primary: 'host-001', replicas: ['guest'] });
    const guest = await describeCluster(client, 'guest');
    assert.equal(guest.ReplicationGroupId, 'host');
    assert.equal(guest.CacheNodes?.[0]?.CustomerAvailabilityZone, 'us-east-1c');
    const { Address: host = '', Port: port = 0 } = guest.CacheNodes?.[0]?.Endpoint ?? {};
    assert.equal(await valkey(t, { host, port }).get('key'), 'value');
    await client.send(new DeleteCacheClusterCommand({ CacheClusterId: 'guest' }));
    assert.deepEqual((await groupAvailable(client, 'host')).MemberClusters, ['host-001']);
  });

  it('refuses what a replica has from its group', async () => {
    await assert.rejects(
      client.send(
        new CreateCacheClusterCommand({
          CacheClusterId: 'guest',
          ReplicationGroupId: 'host',
          CacheNodeType: 'cache.t4g.micro',
        }),
      ),
      (error: Error) =>
        codeOf(error) === 'InvalidParameterCombination' &&
        /^Cannot specify additional cache cluster parameters when creating a replica cluster/.test(
          error.message,
        ),
    );
  });

  it('refuses a sixth replica', async () => {
    await createGroup(client, { ReplicationGroupId: 'full', NumCacheClusters: 6 });
    await assert.rejects(
      client.send(new CreateCacheClusterCommand({ CacheClusterId: 'guest', ReplicationGroupId: 'full' })),
      (error: Error) => codeOf(error) === 'NodeQuotaForClusterExceeded',
    );
  });
});

/** The wire code: the SDK's classes add `Fault` and `Exception` to some. */
function codeOf(error: Error): string {
  return (error as Error & { Code?: string }).Code ?? error.name;
}
