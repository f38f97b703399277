/** TestFailover kills a primary on purpose: only while a replica answers that holds its data. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { TestFailoverCommand } from '@aws-sdk/client-elasticache';
import { connectResp } from '../../bench/lib/resp-client.ts';
import { atRest, readRows } from '../chaos/leftovers.ts';
import { eventually } from '../support/eventually.ts';
import { type Limber, startLimber } from '../support/limber.ts';
import { endpointOf, isAlive, kill, type Node, primaryOf, replicasOf, resume, suspend } from './faults.ts';
import { allHoldTheKeys, clusterPair, deleteGroup, filledGroup, holdsTheKeys } from './last-copy.ts';

const pair = { NumCacheClusters: 2, AutomaticFailoverEnabled: true, CacheNodeType: 'cache.t4g.small' };

let limber: Limber;
before(async () => {
  limber = await startLimber();
});

const testFailover = (ReplicationGroupId: string) =>
  limber.client().send(new TestFailoverCommand({ ReplicationGroupId, NodeGroupId: '0001' }));

const noOperation = (): Promise<unknown> =>
  eventually((see) => see(readRows(limber).openOperations).length === 0, { deadlineMs: 20_000 });

const pairOf = (nodes: readonly Node[]): [Node, Node] => [primaryOf(nodes), replicasOf(nodes)[0]!];

describe('TestFailover while the only replica does not answer', () => {
  const id = 'silent';
  before(() => filledGroup(limber, id, pair).then(() => {}));

  const silences = {
    'runs an endless script': async (replica: Node) => {
      const client = await connectResp(replica);
      client.send('EVAL', 'while true do end', 0).catch(() => {});
      return async () => {
        const killer = await connectResp(replica);
        await killer.ask('SCRIPT', 'KILL');
        killer.close();
        client.close();
      };
    },
    'is stopped': async (replica: Node) => {
      suspend(replica);
      // It may be replaced as one that hangs.
      return async () => void (isAlive(replica) && resume(replica));
    },
  };
  for (const [title, silence] of Object.entries(silences))
    it(`leaves nobody without a primary: it is refused, fails with an event, or waits until the replica is replaced (it ${title})`, async () => {
      const [, replica] = pairOf(await allHoldTheKeys(limber, id));
      const end = await silence(replica);
      const refusal = await testFailover(id).then(
        () => null,
        (error: Error) => error,
      );
      if (refusal) assert.match(refusal.name, /^(TestFailoverNotAvailable|InvalidReplicationGroupState)/);
      await noOperation();
      const client = await connectResp(await endpointOf(limber, id));
      assert.equal(await client.ask('SET', 'key-0', 0), 'OK');
      client.close();
      await end();
      await holdsTheKeys(limber, id);
    });

  it('is done once it answers again', async () => {
    const [primary] = pairOf(await allHoldTheKeys(limber, id));
    await testFailover(id);
    await eventually(() => !isAlive(primary));
    await holdsTheKeys(limber, id);
  });
});

describe('TestFailover beside deaths', () => {
  for (const [title, input] of Object.entries({
    'without cluster mode': pair,
    'with cluster mode': clusterPair,
  }))
    it(`costs no key when the replica is killed some milliseconds before it (${title})`, async () => {
      const id = `near-${title.slice(0, 5).trim()}`;
      await filledGroup(limber, id, input);
      for (const afterMs of [0, 1, 3, 6]) {
        const [, replica] = pairOf(await allHoldTheKeys(limber, id));
        kill(replica);
        await delay(afterMs);
        await testFailover(id).catch((error: Error) =>
          assert.match(error.name, /^(TestFailoverNotAvailable|InvalidReplicationGroupState)/),
        );
        await atRest(limber);
        await holdsTheKeys(limber, id);
      }
      await deleteGroup(limber, id);
    });
});
