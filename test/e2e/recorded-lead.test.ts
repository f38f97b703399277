/**
 * Who leads is recorded before clients come to it, and what a node alone holds is not replaced: Limber dies in the middle, clients go
 * on writing while it is away, and then the node that they wrote to dies as well.
 */
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { before, describe, it } from 'node:test';
import { ModifyReplicationGroupCommand } from '@aws-sdk/client-elasticache';
import { type Address, connectResp } from '../../bench/lib/resp-client.ts';
import { atRest } from '../chaos/leftovers.ts';
import { eventually } from '../support/eventually.ts';
import { type Limber, startLimber } from '../support/limber.ts';
import { endpointOf, engineAt, kill, pair, primaryOf, replicasOf } from './faults.ts';
import { dataFolderOf } from './kept-data.ts';
import { deleteGroup, dieAt, filledGroup, holdsTheKeys, keyCount, keysIn, manualPair } from './last-copy.ts';

let limber: Limber;
before(async () => {
  limber = await startLimber();
});

const onDisk = { CacheNodeType: 'cache.t4g.small', Durability: 'async' } as const;

const lead = (id: string, member: string) =>
  limber.client().send(
    new ModifyReplicationGroupCommand({
      ReplicationGroupId: id,
      PrimaryClusterId: member,
      ApplyImmediately: true,
    }),
  );

/** As many keys again, all of them acknowledged; and in the node's file, which is written at the end of each turn of its loop. */
async function writeMore(endpoint: Address): Promise<void> {
  const client = await connectResp(endpoint);
  const keys = Array.from({ length: keyCount }, (_, number) => `later-${number}`);
  const answers = await Promise.all(keys.map((key) => client.ask('SET', key, 'value')));
  assert.ok(answers.every((answer) => answer === 'OK'));
  await client.ask('PING');
  client.close();
}

describe('what was written to a new primary whose Limber died meanwhile', () => {
  it('is not lost with the switchover: the old primary is alive, and does not lead again before it', async () => {
    const id = 'moved';
    const nodes = await filledGroup(limber, id, { ...manualPair, ...onDisk });
    const endpoint = await endpointOf(limber, id);
    const [next] = replicasOf(nodes);
    await dieAt(limber, 'switchover:endpoint-moved', () => lead(id, next!.id));
    await writeMore(endpoint);
    kill(next!);
    await limber.restart();
    await atRest(limber, 60_000);
    assert.equal(await keysIn(limber, id), 2 * keyCount);
    await deleteGroup(limber, id);
  });

  it('is not lost with the failover: a sibling is alive that has not followed it', async () => {
    const id = 'failed';
    const nodes = await filledGroup(limber, id, { ...pair, ...onDisk, NumCacheClusters: 3 });
    const endpoint = await endpointOf(limber, id);
    await dieAt(limber, 'endpoints:bound', async () => kill(primaryOf(nodes)));
    await writeMore(endpoint);
    const roles = await Promise.all(
      replicasOf(nodes).map(async (node) => ({ node, role: (await engineAt(node)).role })),
    );
    kill(roles.find(({ role }) => role === 'primary')!.node);
    await limber.restart();
    await atRest(limber, 60_000);
    assert.equal(await keysIn(limber, id), 2 * keyCount);
    await deleteGroup(limber, id);
  });
});

describe('caches that were stopped in good order', () => {
  it('come back with the files of a replica when those of the primary are gone', async () => {
    const id = 'stopped';
    const nodes = await filledGroup(limber, id, { ...pair, ...onDisk });
    await limber.admin('stop-caches');
    await limber.stop();
    await rm(dataFolderOf(limber, primaryOf(nodes)), { recursive: true });
    await limber.restart();
    await atRest(limber, 60_000);
    await holdsTheKeys(limber, id);
    await deleteGroup(limber, id);
  });
});

describe('a member that was asked to lead and runs an endless script', () => {
  it('holds up nobody for longer than some seconds: the primary dies, and the group is served', async () => {
    const id = 'silent';
    const nodes = await filledGroup(limber, id, { ...manualPair, NumCacheClusters: 3 });
    const [chosen] = replicasOf(nodes);
    const busy = await connectResp(chosen!);
    busy.send('EVAL', 'while true do end', 0).catch(() => {});
    await eventually(() =>
      engineAt(chosen!, 100).then(
        () => false,
        () => true,
      ),
    );
    await lead(id, chosen!.id);
    await eventually(() =>
      limber.logs().includes(`${chosen!.id} was chosen to lead and does not answer yet`),
    );
    kill(primaryOf(nodes));
    const endpoint = await endpointOf(limber, id);
    await eventually(
      async () => {
        const client = await connectResp(endpoint);
        const answer = await client.ask('SET', 'key-0', 0);
        client.close();
        return answer === 'OK';
      },
      { deadlineMs: 15_000 },
    );
    const killer = await connectResp(chosen!);
    // Limber may have ended it already, and lets clients run none until the group is settled.
    await killer.ask('SCRIPT', 'KILL').catch(() => {});
    killer.close();
    busy.close();
    await holdsTheKeys(limber, id);
    await deleteGroup(limber, id);
  });
});
