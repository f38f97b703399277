/** Work that cannot succeed at present costs next to nothing, and says why. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it, type TestContext } from 'node:test';
import { connectResp } from '../../bench/lib/resp-client.ts';
import { eventually } from '../support/eventually.ts';
import { type Limber, startLimber } from '../support/limber.ts';
import { createGroup } from './caches.ts';
import { asLimber, type Node, primaryOf, replicasOf, sentencesOf, wholeAgain } from './faults.ts';

/** As a client that takes every connection that the node still has. */
async function takeAllConnections(t: TestContext, node: Node): Promise<void> {
  for (let count = 0; count < 20; count += 1) {
    const socket = connect({ host: node.address, port: node.port });
    socket.on('error', () => {});
    t.after(() => socket.destroy());
  }
  await eventually(async () => {
    const probe = await connectResp(node, 500).catch(() => null);
    const answer = await probe?.ask('PING').catch((error: Error) => error.message);
    probe?.close();
    return /max number of clients/.test(String(answer)) || probe === null;
  });
}

const attempts = (limber: Limber) => limber.logs().match(/an act on a shard failed/g)?.length ?? 0;

describe('a confirmation that fails at once', () => {
  it('because the primary is full is tried a few times a second, logged once, and explained', async (t) => {
    const limber = await startLimber(t, { logLevel: 'debug' });
    const shape = { NumCacheClusters: 2, AutomaticFailoverEnabled: true, CacheNodeType: 'cache.t4g.small' };
    await createGroup(limber.client(), { ReplicationGroupId: 'full', ...shape });
    const nodes = await wholeAgain(limber, 'full');
    const own = await asLimber(limber, 'full', primaryOf(nodes));
    t.after(() => own.close());
    await own.ask('CONFIG', 'SET', 'maxclients', '5');
    await takeAllConnections(t, primaryOf(nodes));
    let isWriting = true;
    t.after(() => {
      isWriting = false;
    });
    // While writes come in, a confirmation needs a connection of its own.
    const writing = (async () => {
      while (isWriting) await own.ask('SET', 'key', 'x'.repeat(100_000));
    })().catch(() => {});
    const database = new DatabaseSync(join(limber.dataDirectory, 'state.db'));
    const [replica] = replicasOf(nodes);
    database
      .prepare('UPDATE node SET synced = 0, version = version + 1 WHERE cache_cluster_id = ?')
      .run(replica!.id);
    database.close();
    await eventually(() => attempts(limber) >= 8, { deadlineMs: 30_000 });
    const [before, startedAt] = [attempts(limber), performance.now()];
    await eventually(() => performance.now() - startedAt > 5_000);
    const perSecond = (attempts(limber) - before) / ((performance.now() - startedAt) / 1_000);
    assert.ok(perSecond < 6, `${perSecond} a second`);
    const warnings = limber.logs().match(/"level":"warn","message":"an act on a shard failed/g);
    assert.ok((warnings?.length ?? 0) <= 2, `${warnings?.length}`);
    assert.match(await sentencesOf(limber, 'full'), /which fails: .*max number of clients/);
    isWriting = false;
    await writing;
    await own.ask('CONFIG', 'SET', 'maxclients', '1000');
    await wholeAgain(limber, 'full');
  });
});
