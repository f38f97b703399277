/** A shard whose data are in one place only: that is told, and so is its end. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { startLimber } from '../support/limber.ts';
import { createGroup, endpointsOf, messagesOf } from './caches.ts';
import { dieAfterEachStart, fill } from './dying-nodes.ts';
import { kill, nodesOf, replicasOf, wholeAgain } from './faults.ts';

const settings = { unprotectedAfterMs: 3_000 };
const shape = { NumCacheClusters: 2, AutomaticFailoverEnabled: true, CacheNodeType: 'cache.t4g.small' };
const ofRedundancy = (messages: readonly string[]) =>
  messages.filter((message) => /healthy replica/.test(message)).toReversed();

describe('a shard without a healthy replica', () => {
  it('says so in an event and in the status after a while, once, and when it has one again', async (t) => {
    const limber = await startLimber(t, { settings });
    const client = limber.client();
    const group = await createGroup(client, { ReplicationGroupId: 'bare', ...shape });
    await fill(t, endpointsOf(group).primary, 160);
    const [replica] = replicasOf(await wholeAgain(limber, 'bare'));
    const dying = dieAfterEachStart(t, limber, (id) => id === replica!.id, 120);
    const [told] = await eventually(
      async () => {
        const messages = ofRedundancy(await messagesOf(client, 'bare'));
        return messages.length > 0 && messages;
      },
      { deadlineMs: 40_000 },
    );
    assert.match(told ?? '', /^Node group 0001 has no healthy replica: .*bare-002/);
    const { shards } = await limber.status();
    assert.match(shards[0]?.concern ?? '', /node group 0001 of bare has no healthy replica/);
    // The next Limber does not say it again.
    await limber.restart();
    await eventually(async () => (await limber.status()).shards[0]?.concern, { deadlineMs: 40_000 });
    await dying.stop();
    await eventually(async (see) => see(ofRedundancy(await messagesOf(client, 'bare'))).length === 2, {
      deadlineMs: 60_000,
    });
    const all = ofRedundancy(await messagesOf(client, 'bare'));
    assert.equal(all.at(-1), 'Node group 0001 has a healthy replica again');
    assert.equal((await limber.status()).shards[0]?.concern, null);
  });

  it('for a moment, as at any failover, says nothing', async (t) => {
    const limber = await startLimber(t, { settings });
    const client = limber.client();
    await createGroup(client, { ReplicationGroupId: 'brief', ...shape });
    const [primary] = await nodesOf(limber, 'brief');
    kill(primary!);
    await wholeAgain(limber, 'brief');
    const isOver = performance.now() + 2 * settings.unprotectedAfterMs;
    await eventually(() => performance.now() > isOver);
    assert.deepEqual(ofRedundancy(await messagesOf(client, 'brief')), []);
  });

  it('says nothing where none was asked for', async (t) => {
    const limber = await startLimber(t, { settings: { unprotectedAfterMs: 0 } });
    const client = limber.client();
    await createGroup(client, { ReplicationGroupId: 'single' });
    await wholeAgain(limber, 'single');
    assert.deepEqual(ofRedundancy(await messagesOf(client, 'single')), []);
    assert.equal((await limber.status()).shards[0]?.concern, null);
  });
});
