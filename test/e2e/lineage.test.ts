/** A member that may have lost its data never leads while another copy lives, and nothing ever wipes that copy. */
import assert from 'node:assert/strict';
import { copyFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { before, describe, it } from 'node:test';
import type { ElastiCacheClient } from '@aws-sdk/client-elasticache';
import { askOnce } from '../../bench/lib/resp-client.ts';
import { createGroup } from '../support/caches.ts';
import { eventually } from '../support/eventually.ts';
import { type Limber, startLimber } from '../support/limber.ts';
import { messagesOf } from './caches.ts';
import {
  anotherLeads,
  asLimber,
  endpointOf,
  engineAt,
  failoversOf,
  isAlive,
  kill,
  type Node,
  nodesOf,
  pair,
  primaryOf,
  replicasOf,
  resume,
  sentencesOf,
  suspend,
  wholeAgain,
} from './faults.ts';

let limber: Limber;
let client: ElastiCacheClient;
before(async () => {
  limber = await startLimber();
  client = limber.client();
});

/** About 30 MB, which no compression makes small. */
const fill =
  "for i = 1, 30 do redis.call('SET', 'k' .. i, string.rep(tostring(i), 1000000):sub(1, 1000000)) end return 1";

/** A pair whose replica has to be filled from the start, and cannot be before the test lets it. */
async function firstSyncUnderWay(id: string): Promise<{ primary: Node; replica: Node }> {
  await createGroup(limber, id, pair);
  const nodes = await wholeAgain(limber, id);
  const primary = primaryOf(nodes);
  const admin = await asLimber(limber, id, primary);
  await admin.ask('EVAL', fill, 0);
  // The primary sends one key in 0.1 s: the sync of 30 takes 3 s.
  await admin.ask('CONFIG', 'SET', 'rdb-key-save-delay', 100_000);
  admin.close();
  kill(replicasOf(nodes)[0]!);
  const replica = await eventually(async (see) => {
    const next = see(await nodesOf(limber, id))[1]!;
    if (next.pid === replicasOf(nodes)[0]!.pid || !isAlive(next)) return null;
    const { replicas } = await engineAt(primary);
    return see(replicas)[0]?.state === 'send_bulk' || (await engineAt(next)).isSyncing ? next : null;
  });
  return { primary, replica };
}

describe('a replica in its first sync', () => {
  it('is not promoted when the primary dies: the primary comes back, empty since nothing was kept, and that is said', async () => {
    const { primary, replica } = await firstSyncUnderWay('filling');
    kill(primary);
    const nodes = await eventually(async () => {
      const now = await wholeAgain(limber, 'filling');
      return now.every(({ pid }) => pid !== primary.pid) ? now : null;
    });
    assert.equal(primaryOf(nodes).id, primary.id);
    assert.deepEqual(await failoversOf(client, 'filling'), []);
    assert.ok((await messagesOf(client, 'filling')).some((message) => /rebuilt empty/.test(message)));
    assert.ok(replica.id !== primary.id);
  });

  it('is not promoted either while the primary hangs: nobody else has its data, so it is left alone', async () => {
    const { primary } = await firstSyncUnderWay('hanging');
    suspend(primary);
    await eventually(async (see) =>
      /hanging-001 hangs; its data are nowhere else/.test(see(await sentencesOf(limber, 'hanging'))),
    );
    resume(primary);
    const admin = await asLimber(limber, 'hanging', primary);
    await admin.ask('CONFIG', 'SET', 'rdb-key-save-delay', 0);
    admin.close();
    const nodes = await wholeAgain(limber, 'hanging', { deadlineMs: 30_000 });
    assert.equal(primaryOf(nodes).pid, primary.pid);
    await eventually(async () => (await engineAt(replicasOf(nodes)[0]!)).keys === 30);
  });
});

describe('a replica that is being filled anew', () => {
  it('leads with the older copy that it still holds when the primary dies and kept nothing, and that is said', async () => {
    await createGroup(limber, 'older', { ...pair, NumCacheClusters: 3 });
    const nodes = await wholeAgain(limber, 'older');
    const [primary, [replica, other]] = [primaryOf(nodes), replicasOf(nodes)];
    const endpoint = await endpointOf(limber, 'older');
    await askOnce(endpoint, 'SET', 'kept', 'yes');
    await eventually(async () => (await engineAt(replica!)).keys === 1);
    const admin = await asLimber(limber, 'older', primary);
    // Too much to catch up with, and a link that is cut: everything has to be sent again, and that takes 3 s.
    await admin.ask('CONFIG', 'SET', 'rdb-key-save-delay', 100_000, 'repl-backlog-size', 16_384);
    // In one: or a replica is back before anything is written.
    await admin.ask('MULTI');
    await admin.ask('CLIENT', 'KILL', 'TYPE', 'replica');
    await admin.ask('EVAL', fill, 0);
    await admin.ask('EXEC');
    admin.close();
    await eventually(async (see) => see(await engineAt(replica!)).isSyncing);
    kill(other!); // so that the shard is looked at now
    await eventually(async (see) =>
      /older-002 is (filled|loading)/.test(see(await sentencesOf(limber, 'older'))),
    );
    kill(primary);
    await anotherLeads(limber, 'older', primary);
    const after = await wholeAgain(limber, 'older');
    assert.equal(await askOnce(endpoint, 'GET', 'kept'), 'yes');
    assert.equal(primaryOf(after).pid, replica!.pid);
    const told = await messagesOf(client, replica!.id);
    assert.ok(
      told.some((message) => /older-002 .*held before/.test(message)),
      told.join('\n'),
    );
  });
});

describe('a primary that lost its data', () => {
  it('never leads its replicas again: killed over and over, the data stay', async () => {
    await createGroup(limber, 'chain', { ...pair, NumCacheClusters: 3 });
    let nodes = await wholeAgain(limber, 'chain');
    const endpoint = await endpointOf(limber, 'chain');
    await askOnce(endpoint, 'SET', 'kept', 'yes');
    for (let round = 0; round < 4; round += 1) {
      for (const replica of replicasOf(nodes))
        await eventually(async () => (await engineAt(replica)).keys === 1);
      kill(primaryOf(nodes));
      await anotherLeads(limber, 'chain', primaryOf(nodes));
      nodes = await wholeAgain(limber, 'chain');
      assert.equal(await askOnce(endpoint, 'GET', 'kept'), 'yes');
    }
    assert.equal((await failoversOf(client, 'chain')).length, 4);
  });
});

describe('a second failure right behind the first', () => {
  it('finds the data with the member that is left, though nobody had confirmed it again', async () => {
    await createGroup(limber, 'twice', { ...pair, NumCacheClusters: 3 });
    let nodes = await wholeAgain(limber, 'twice');
    const endpoint = await endpointOf(limber, 'twice');
    await askOnce(endpoint, 'SET', 'kept', 'yes');
    for (let round = 0; round < 3; round += 1) {
      for (const replica of replicasOf(nodes))
        await eventually(async () => (await engineAt(replica)).keys === 1);
      const pids = new Set(nodes.map(({ pid }) => pid));
      kill(primaryOf(nodes));
      // By the engines' own account: sooner than Limber records it.
      const next = await eventually(async () => {
        for (const one of replicasOf(nodes)) if ((await engineAt(one)).role === 'primary') return one;
        return null;
      });
      kill(next);
      nodes = await eventually(async () => {
        const now = await wholeAgain(limber, 'twice');
        return now.filter(({ pid }) => pids.has(pid)).length === 1 ? now : null;
      });
      assert.equal(await askOnce(endpoint, 'GET', 'kept'), 'yes', `round ${round}`);
    }
  });
});

describe('a directory that is wiped under a running node', () => {
  const directoryOf = async (node: Node) => {
    const database = new DatabaseSync(join(limber.dataDirectory, 'state.db'), { readOnly: true });
    const row = database.prepare('SELECT incarnation FROM node WHERE address = ?').get(node.address);
    database.close();
    return join(limber.dataDirectory, 'nodes', (row as { incarnation: string }).incarnation);
  };

  for (const [what, durability] of [
    ['a replica', 'disabled'],
    ['a primary', 'disabled'],
    ['a replica', 'async'],
    ['a primary', 'async'],
  ] as const) {
    it(`harms nothing when it is ${what}’s that then dies (durability ${durability})`, async () => {
      const id = `wiped-${what.slice(2)}-${durability}`;
      await createGroup(limber, id, { ...pair, Durability: durability });
      const nodes = await wholeAgain(limber, id);
      const endpoint = await endpointOf(limber, id);
      await askOnce(endpoint, 'SET', 'kept', 'yes');
      await eventually(async () => (await engineAt(replicasOf(nodes)[0]!)).keys === 1);
      const victim = what === 'a replica' ? replicasOf(nodes)[0]! : primaryOf(nodes);
      await rm(await directoryOf(victim), { recursive: true, maxRetries: 9 });
      kill(victim);
      const after = await eventually(async () => {
        const now = await wholeAgain(limber, id);
        return now.every(({ pid }) => pid !== victim.pid) ? now : null;
      });
      assert.equal(await askOnce(endpoint, 'GET', 'kept'), 'yes');
      for (const node of after) await eventually(async () => (await engineAt(node)).keys === 1);
    });
  }
});

describe('a whole group that goes at once, with its data on disk', () => {
  for (const durability of ['async', 'sync'] as const) {
    it(`comes back led by the last recorded primary, with its data (durability ${durability})`, async () => {
      const id = `back-${durability}`;
      await createGroup(limber, id, { ...pair, NumCacheClusters: 3, Durability: durability });
      let nodes = await wholeAgain(limber, id);
      const endpoint = await endpointOf(limber, id);
      if (durability === 'async') {
        // The recorded primary is another than at creation.
        kill(primaryOf(nodes));
        await anotherLeads(limber, id, primaryOf(nodes));
        nodes = await wholeAgain(limber, id);
      }
      await askOnce(endpoint, 'SET', 'kept', 'yes');
      // Once a second the file is written to disk.
      await eventually(async () => {
        const engine = await engineAt(primaryOf(nodes));
        return Number(engine.fields.get('aof_pending_bio_fsync') ?? 0) === 0;
      });
      kill(...nodes);
      const pids = new Set(nodes.map(({ pid }) => pid));
      const after = await eventually(async () => {
        const now = await wholeAgain(limber, id);
        return now.every(({ pid }) => !pids.has(pid)) ? now : null;
      });
      assert.equal(primaryOf(after).id, primaryOf(nodes).id);
      assert.equal(await askOnce(endpoint, 'GET', 'kept'), 'yes');
      assert.ok(!(await messagesOf(client, id)).some((message) => /rebuilt empty/.test(message)));
    });
  }

  it('comes back from a replica’s files when the primary’s are gone, and says so', async () => {
    await createGroup(limber, 'keeper', { ...pair, Durability: 'async' });
    const nodes = await wholeAgain(limber, 'keeper');
    const endpoint = await endpointOf(limber, 'keeper');
    await askOnce(endpoint, 'SET', 'kept', 'yes');
    await eventually(async () => (await engineAt(replicasOf(nodes)[0]!)).keys === 1);
    const database = new DatabaseSync(join(limber.dataDirectory, 'state.db'), { readOnly: true });
    const row = database.prepare('SELECT incarnation FROM node WHERE address = ?').get(nodes[0]!.address);
    database.close();
    const { incarnation } = row as { incarnation: string };
    await limber.stop();
    kill(...nodes);
    await eventually(() => nodes.every((node) => !isAlive(node)));
    await rm(join(limber.dataDirectory, 'nodes', incarnation, 'data', 'appendonlydir'), { recursive: true });
    await limber.restart();
    const after = await wholeAgain(limber, 'keeper', { deadlineMs: 30_000 });
    assert.equal(await askOnce(endpoint, 'GET', 'kept'), 'yes');
    assert.equal(primaryOf(after).id, replicasOf(nodes)[0]!.id);
  });
});

describe('an older copy of the state file that is put back', () => {
  it('kills and wipes nothing that it does not know, and the newer primary’s data stay', async (t) => {
    const own = await startLimber(t);
    await createGroup(own, 'known', pair);
    const nodes = await wholeAgain(own, 'known');
    await own.stop();
    const database = join(own.dataDirectory, 'state.db');
    await copyFile(database, join(own.dataDirectory, 'older-copy'));
    await own.restart();

    const endpoint = await endpointOf(own, 'known');
    kill(primaryOf(nodes));
    await anotherLeads(own, 'known', primaryOf(nodes));
    const newer = await wholeAgain(own, 'known');
    await askOnce(endpoint, 'SET', 'kept', 'yes');
    await createGroup(own, 'unknown', pair);
    const unknown = await wholeAgain(own, 'unknown');
    await own.stop();
    for (const suffix of ['-wal', '-shm']) await rm(`${database}${suffix}`, { force: true });
    await copyFile(join(own.dataDirectory, 'older-copy'), database);
    await own.restart();

    const after = await wholeAgain(own, 'known');
    assert.equal(await askOnce(endpoint, 'GET', 'kept'), 'yes');
    assert.deepEqual(new Set(after.map(({ pid }) => pid)), new Set(newer.map(({ pid }) => pid)));
    for (const node of unknown) assert.ok(isAlive(node), `${node.id} lives`);
    const { findings } = await own.status();
    for (const node of unknown)
      assert.ok(
        findings.some((finding) => finding.includes(String(node.pid)) && /no record names/.test(finding)),
        findings.join('\n'),
      );
    kill(...unknown); // nobody else does
  });
});
