/** Replicas are asked to leave while, or a moment before, their primary is lost: no request costs the last copy. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { IncreaseReplicaCountCommand } from '@aws-sdk/client-elasticache';
import { atRest } from '../chaos/leftovers.ts';
import { eventually } from '../support/eventually.ts';
import { type Limber, startLimber } from '../support/limber.ts';
import { groupAvailable } from './caches.ts';
import {
  engineAt,
  isAlive,
  kill,
  type Node,
  primaryOf,
  replicasOf,
  resume,
  sentencesOf,
  suspend,
} from './faults.ts';
import {
  allHoldTheKeys,
  automaticTrio,
  clusterPair,
  deleteGroup,
  dieAt,
  filledGroup,
  holdsTheKeys,
  keepDown,
  keyCount,
  manualPair,
  removals,
} from './last-copy.ts';

let limber: Limber;
before(async () => {
  limber = await startLimber();
});

const pairOf = (nodes: readonly Node[]): [Node, Node] => [primaryOf(nodes), replicasOf(nodes)[0]!];

describe('a replica that holds the only copy', () => {
  it('is not removed while its primary cannot start, by no form of request (automatic failover off)', async (t) => {
    const id = 'manual';
    const [primary, replica] = pairOf(await filledGroup(limber, id, manualPair));
    const occupation = await keepDown(t, limber, primary);
    await eventually(async () => (await engineAt(replica)).role === 'primary');
    for (const [form, remove] of Object.entries(removals))
      await assert.rejects(remove(limber, id, replica.id), (error: Error) => {
        assert.match(error.name, /^Invalid(ReplicationGroup|CacheCluster)State/, form);
        assert.match(error.message, /manual-002 .*manual-001/, form);
        return true;
      });
    assert.equal((await groupAvailable(limber.client(), id)).MemberClusters?.length, 2);
    assert.equal((await engineAt(replica)).keys, keyCount);
    await occupation.end();
    await holdsTheKeys(limber, id);
    // And once the primary has everything again it may go.
    await removals['DecreaseReplicaCount by number'](limber, id);
    await atRest(limber);
    await holdsTheKeys(limber, id);
    assert.equal((await groupAvailable(limber.client(), id)).MemberClusters?.length, 1);
    await deleteGroup(limber, id);
  });

  it('is not removed while it hangs and its primary is dead (cluster mode)', async (t) => {
    const id = 'hung';
    const [primary, replica] = pairOf(await filledGroup(limber, id, clusterPair));
    t.after(() => isAlive(replica) && resume(replica));
    suspend(replica);
    kill(primary);
    await assert.rejects(removals['DecreaseReplicaCount by number'](limber, id), {
      name: /^InvalidReplicationGroupState/,
    });
    assert.match(await sentencesOf(limber, id), /hangs|does not answer/);
    resume(replica);
    await holdsTheKeys(limber, id);
    await deleteGroup(limber, id);
  });
});

describe('a removal that is asked for some milliseconds after the primary was killed', () => {
  const kinds = { 'automatic failover off': manualPair, 'cluster mode': clusterPair } as const;
  for (const [title, input] of Object.entries(kinds))
    it(`is refused or done, and costs no key (${title})`, async (t) => {
      const id = `soon-${title.slice(0, 1)}`;
      await filledGroup(limber, id, input);
      let accepted = 0;
      for (const afterMs of [0, 1, 2, 3, 4, 6]) {
        const [primary] = pairOf(await allHoldTheKeys(limber, id));
        kill(primary);
        await delay(afterMs);
        await removals['DecreaseReplicaCount by number'](limber, id).then(
          () => {
            accepted += 1;
          },
          (error: Error) => assert.match(error.name, /^InvalidReplicationGroupState/),
        );
        await atRest(limber);
        await holdsTheKeys(limber, id);
        const group = await groupAvailable(limber.client(), id);
        if (group.MemberClusters?.length === 1)
          await limber.client().send(
            new IncreaseReplicaCountCommand({
              ReplicationGroupId: id,
              NewReplicaCount: 1,
              ApplyImmediately: true,
            }),
          );
        await groupAvailable(limber.client(), id);
      }
      t.diagnostic(`${accepted} of 6 were accepted`);
      await deleteGroup(limber, id);
    });
});

describe('a removal whose Limber dies, and then two of three nodes', () => {
  it('leaves nobody unled, and costs no key', async () => {
    const id = 'trio';
    const [primary, , third] = await filledGroup(limber, id, automaticTrio);
    await dieAt(limber, 'remove-members:begun', () =>
      removals['DecreaseReplicaCount by name'](limber, id, `${id}-002`),
    );
    kill(primary!, third!);
    await limber.restart();
    await atRest(limber, 60_000);
    await holdsTheKeys(limber, id);
    await deleteGroup(limber, id);
  });
});
