/** A replica whose link is down, and does not come up, has been confirmed once and lacks more with each write. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { TestFailoverCommand } from '@aws-sdk/client-elasticache';
import { connectResp } from '../../bench/lib/resp-client.ts';
import { eventually } from '../support/eventually.ts';
import { type Limber, startLimber } from '../support/limber.ts';
import { messagesOf } from './caches.ts';
import { asLimber, engineAt, isAlive, type Node, pair, primaryOf, replicasOf } from './faults.ts';
import { deleteGroup, filledGroup, keyCount, keysIn } from './last-copy.ts';

let limber: Limber;
before(async () => {
  limber = await startLimber({ settings: { unprotectedAfterMs: 1_000 } });
});

/** The primary refuses it; gives what ends that. */
async function cutOff(id: string, primary: Node, replica: Node): Promise<() => Promise<void>> {
  const [source, admin] = [await asLimber(limber, id, primary), await asLimber(limber, id, replica)];
  const [, secret] = (await admin.ask('CONFIG', 'GET', 'masterauth')) as [string, string];
  await admin.ask('CONFIG', 'SET', 'masterauth', 'wrong');
  await source.ask('CLIENT', 'KILL', 'TYPE', 'replica');
  source.close();
  await eventually(async () => (await engineAt(replica)).upstream?.isUp === false);
  return async () => {
    await admin.ask('CONFIG', 'SET', 'masterauth', secret);
    admin.close();
  };
}

describe('a replica that its primary refuses', () => {
  it('is no heir: TestFailover is refused, an event says that nobody could take over, and no write is lost', async () => {
    const id = 'cut';
    const nodes = await filledGroup(limber, id, pair);
    const [primary, replica] = [primaryOf(nodes), replicasOf(nodes)[0]!];
    const mend = await cutOff(id, primary, replica);
    const client = await connectResp(primary);
    for (let key = 0; key < keyCount; key += 1) await client.ask('SET', `later-${key}`, key);
    client.close();
    const request = new TestFailoverCommand({ ReplicationGroupId: id, NodeGroupId: '0001' });
    await assert.rejects(limber.client().send(request), { name: /^TestFailoverNotAvailable/ });
    await eventually(
      async (see) =>
        see(await messagesOf(limber.client(), id)).some((one) =>
          /has no healthy replica: .*cut-002/.test(one),
        ),
      { deadlineMs: 15_000 },
    );
    assert.ok(isAlive(primary));
    await mend();
    assert.equal(await keysIn(limber, id), 2 * keyCount);
    await eventually(
      () =>
        limber
          .client()
          .send(request)
          .then(() => true),
      { deadlineMs: 10_000 },
    );
    await eventually(() => !isAlive(primary));
    assert.equal(await keysIn(limber, id), 2 * keyCount);
    await deleteGroup(limber, id);
  });
});
