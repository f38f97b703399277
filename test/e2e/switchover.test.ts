import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ModifyReplicationGroupCommand } from '@aws-sdk/client-elasticache';
import { limberSystem } from '../../bench/failover/limber-system.ts';
import { measureFailover } from '../../bench/failover/system.ts';
import { createGroup, untilSettled } from '../../bench/lib/limber-under-test.ts';
import { startLimber } from '../support/limber.ts';

const limber = await startLimber();
const client = limber.client();

describe('a switchover that was asked for', () => {
  for (const isClusterMode of [false, true]) {
    const groupId = isClusterMode ? 'wide' : 'small';
    it(`loses no acknowledged write under load, ${isClusterMode ? 'with' : 'without'} cluster mode`, async () => {
      const NumNodeGroups = isClusterMode ? 3 : 1;
      await createGroup(client, {
        ReplicationGroupId: groupId,
        NumNodeGroups,
        ReplicasPerNodeGroup: 1,
        isClusterMode,
      });
      const before = await untilSettled(limber, groupId);
      const leader = (cache: typeof before) =>
        cache.members.find((member) => member.nodeGroupId === '0001' && member.role === 'primary')?.id;
      const system = limberSystem({ limber, name: groupId, groupId, isClusterMode });
      const seen = await measureFailover(system, { fault: 'planned', calmMs: 300, deadlineMs: 30_000 });
      const after = await untilSettled(limber, groupId);
      assert.ok(seen.acknowledged > 100, `${seen.acknowledged} writes`);
      assert.deepEqual({ lost: seen.lost, wrong: seen.wrong }, { lost: 0, wrong: 0 });
      assert.notEqual(leader(after), leader(before));
    });
  }

  it('is done at the first attempt, again and again, with cluster mode under load', async () => {
    const system = limberSystem({ limber, name: 'wide', groupId: 'wide', isClusterMode: true });
    for (let round = 0; round < 3; round += 1)
      await measureFailover(system, { fault: 'planned', calmMs: 100, deadlineMs: 30_000 });
    // The old primary hears of it last: a look in between must not lead to another attempt, which the engine refuses.
    assert.doesNotMatch(limber.logs(), /an act on a shard failed: switchover/);
  });

  it('in the same moment as another change of the group is decided anew, and done or refused for a reason', async () => {
    const { members } = await untilSettled(limber, 'small');
    const replica = members.find((member) => member.role === 'replica')!;
    const results = await Promise.allSettled([
      ...[1, 2, 3].map(() => limber.admin('switchover', { member: replica.id })),
      ...[1, 2, 3].map((number) =>
        client.send(
          new ModifyReplicationGroupCommand({
            ...{ ReplicationGroupId: 'small', ReplicationGroupDescription: `change ${number}` },
            ApplyImmediately: true,
          }),
        ),
      ),
    ]);
    const reasons = results.flatMap((result) => (result.status === 'rejected' ? [`${result.reason}`] : []));
    for (const reason of reasons) assert.match(reason, /leads already|is modifying|available state/);
    assert.ok(reasons.length < 6);
    const after = await untilSettled(limber, 'small');
    assert.equal(after.members.find((member) => member.role === 'primary')?.id, replica.id);
  });

  it('is refused for the member that leads already, and for a name that nobody has', async () => {
    const { members } = await untilSettled(limber, 'small');
    const leader = members.find((member) => member.role === 'primary')!;
    await assert.rejects(limber.admin('switchover', { member: leader.id }), /leads already/);
    await assert.rejects(limber.admin('switchover', { member: 'nobody-001' }), /There is no node/);
    await assert.rejects(limber.admin('switchover', {}), /needs the name/);
  });
});
