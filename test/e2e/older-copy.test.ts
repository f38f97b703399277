/** An older copy of the state file is put back, as after a restore: what it does not know is left alone. */
import assert from 'node:assert/strict';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { before, describe, it } from 'node:test';
import { DeleteReplicationGroupCommand } from '@aws-sdk/client-elasticache';
import { askOnce } from '../../bench/lib/resp-client.ts';
import type { LimberStatus } from '../../src/cli/admin-client.ts';
import { atRest, readRows, runtimeOf } from '../chaos/leftovers.ts';
import { createCluster, createGroup } from '../support/caches.ts';
import { eventually } from '../support/eventually.ts';
import { type Limber, startLimber } from '../support/limber.ts';
import {
  anotherLeads,
  endpointOf,
  isAlive,
  kill,
  type Node,
  nodesOf,
  pair,
  primaryOf,
  wholeAgain,
} from './faults.ts';

/** A copy as an operator makes it while Limber runs. */
function backUp({ dataDirectory }: Limber): string {
  const copy = join(dataDirectory, '..', 'state.backup');
  const database = new DatabaseSync(join(dataDirectory, 'state.db'), { readOnly: true });
  database.exec(`VACUUM INTO '${copy}'`);
  database.close();
  return copy;
}

function putBack({ dataDirectory }: Limber, copy: string): void {
  for (const suffix of ['-wal', '-shm']) rmSync(join(dataDirectory, `state.db${suffix}`), { force: true });
  cpSync(copy, join(dataDirectory, 'state.db'));
}

describe('an older copy of the state file that was put back', () => {
  let limber: Limber;
  let status: LimberStatus;
  let unknown: readonly Node[];
  let unknownMemcached: readonly Node[];
  let failedOver: { readonly leader: Node; readonly endpoint: { address: string; port: number } };

  before(async () => {
    limber = await startLimber();
    await createGroup(limber, 'kept', pair);
    await createGroup(limber, 'moved', pair);
    await createGroup(limber, 'deleted', { ...pair, NumCacheClusters: 1, AutomaticFailoverEnabled: false });
    const before_ = await wholeAgain(limber, 'moved');
    await wholeAgain(limber, 'kept');
    await askOnce(await endpointOf(limber, 'kept'), 'SET', 'key', 'kept');
    const copy = backUp(limber);
    // The generation by which an older copy is told grows with each start (and each minute).
    await limber.restart();

    await createGroup(limber, 'later', pair);
    unknown = await wholeAgain(limber, 'later');
    await askOnce(await endpointOf(limber, 'later'), 'SET', 'key', 'later');
    await createCluster(limber, 'later-mem', { NumCacheNodes: 1 });
    unknownMemcached = await nodesOf(limber, 'later-mem');
    kill(primaryOf(before_));
    await anotherLeads(limber, 'moved', primaryOf(before_));
    const leader = primaryOf(await wholeAgain(limber, 'moved'));
    failedOver = { leader, endpoint: await endpointOf(limber, 'moved') };
    await askOnce(failedOver.endpoint, 'SET', 'key', 'behind the failover');
    await limber.client().send(new DeleteReplicationGroupCommand({ ReplicationGroupId: 'deleted' }));
    await atRest(limber);

    await limber.stop();
    putBack(limber, copy);
    await limber.restart();
    status = await atRest(limber);
  });

  it('is noticed, and said in the log', () => {
    assert.match(limber.logs(), /the state file is an older copy/);
  });

  it('kills no process that it does not know: their caches go on serving', async () => {
    assert.ok([...unknown, ...unknownMemcached].every(isAlive));
    assert.equal(await askOnce(primaryOf(unknown), 'GET', 'key'), 'later');
    assert.equal(await askOnce(primaryOf(unknown), 'SET', 'key', 'still taken'), 'OK');
  });

  it('wipes no directory that it does not know', async () => {
    const known = new Set(readRows(limber).nodes.map((node) => node.incarnation));
    const left = (await runtimeOf(limber).findDirectories()).filter((one) => !known.has(one));
    assert.equal(left.length, unknown.length + unknownMemcached.length);
  });

  it('has every process and directory that it does not know reported by limber status', () => {
    for (const { pid } of [...unknown, ...unknownMemcached])
      assert.ok(
        status.findings.some((finding) =>
          new RegExp(`process ${pid} runs for node .* left alone`).test(finding),
        ),
        status.findings.join('\n'),
      );
    assert.equal(status.findings.filter((finding) => /^directory .* left alone$/.test(finding)).length, 3);
  });

  it('looks after what it knows by the facts: data written behind a failover that it never saw is there', async () => {
    const nodes = await wholeAgain(limber, 'moved');
    assert.ok(
      nodes.some((node) => node.pid === failedOver.leader.pid),
      'its process lived on',
    );
    assert.equal(await askOnce(failedOver.endpoint, 'GET', 'key'), 'behind the failover');
  });

  it('keeps what did not change as it was', async () => {
    await wholeAgain(limber, 'kept');
    assert.equal(await askOnce(await endpointOf(limber, 'kept'), 'GET', 'key'), 'kept');
  });

  it('has what was deleted since brought back, empty: its rows say that it is wanted', async () => {
    await eventually(async () => (await wholeAgain(limber, 'deleted')).length === 1);
  });

  it('is accepted: the next start is an ordinary one, and still touches nothing unknown', async () => {
    await limber.restart();
    await atRest(limber);
    assert.ok([...unknown, ...unknownMemcached].every(isAlive));
    assert.equal((await limber.status()).findings.length, status.findings.length);
  });
});
